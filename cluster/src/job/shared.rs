//! What a job asks for, held in many places at once: it never changes, and may carry a mebibyte.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::spec::JobSpec;

/// A [`JobSpec`] that costs nothing to copy.
#[derive(Clone)]
pub struct SharedSpec(Arc<Inner>);

struct Inner {
    spec: JobSpec,
    digest: OnceLock<[u8; 32]>,
}

impl SharedSpec {
    /// SHA-256 of it as JSON. Computed once.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        // It has nothing in it that could not be written down.
        let digest = || Sha256::digest(serde_json::to_vec(&self.0.spec).unwrap_or_default()).into();
        *self.0.digest.get_or_init(digest)
    }
}

impl From<JobSpec> for SharedSpec {
    fn from(spec: JobSpec) -> Self {
        Self(Arc::new(Inner { spec, digest: OnceLock::new() }))
    }
}

impl Deref for SharedSpec {
    type Target = JobSpec;

    fn deref(&self) -> &JobSpec {
        &self.0.spec
    }
}

impl PartialEq for SharedSpec {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.spec == other.0.spec
    }
}

impl Eq for SharedSpec {}

impl fmt::Debug for SharedSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.spec.fmt(f)
    }
}

impl Serialize for SharedSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.spec.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        JobSpec::deserialize(deserializer).map(Self::from)
    }
}
