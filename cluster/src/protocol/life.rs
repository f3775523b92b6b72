//! What all processes of a life of a job have in common: fetched once by each worker that has some of them.
//!
//! Orders only name it, so that they stay small however much a job carries and however many processes it has. What is told in
//! one call is bounded: a job that would not fit is refused when it is submitted.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::entropy::hex;
use crate::ids::{Generation, JobId};
use crate::job::shared::SharedSpec;
use crate::job::spec::JobSpec;
use crate::rpc::LONGEST_CALL;

/// The most bytes that a job has as JSON: in a call it stands as a text, in which each sign may take two bytes.
pub const LONGEST_JOB: usize = LONGEST_CALL / 2 - (4 << 10);

/// A life of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LifeRef {
    /// Which job.
    pub job: JobId,
    /// Which life of it.
    pub generation: Generation,
}

/// What all processes of a life have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeSpec {
    /// What was asked for.
    pub spec: SharedSpec,
    /// The addresses of all processes, `HOST:PORT`, in order.
    pub hosts: Vec<String>,
}

/// SHA-256 of a [`LifeSpec`], in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LifeDigest(Box<str>);

impl LifeSpec {
    /// What it is known by.
    #[must_use]
    pub fn digest(&self) -> LifeDigest {
        let mut hash = Sha256::new();
        hash.update(self.spec.digest());
        for host in &self.hosts {
            hash.update((host.len() as u64).to_be_bytes());
            hash.update(host);
        }
        LifeDigest(hex(&hash.finalize()).into())
    }
}

/// Why a job can't be told to a worker in one call, in a sentence.
#[must_use]
pub fn too_long(spec: &JobSpec) -> Option<String> {
    let bytes = serde_json::to_string(spec).map_or(usize::MAX, |text| text.len());
    (bytes > LONGEST_JOB).then(|| {
        format!(
            "the job has {bytes} bytes when it is written down with all of its arguments and files, but {LONGEST_JOB} are the \
             most: put large files below a root"
        )
    })
}
