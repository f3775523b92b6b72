//! Objects in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::Troubles;
use crate::contract::{Blobs, Created, Fault};

/// A folder of objects in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    objects: Mutex<BTreeMap<String, Bytes>>,
    troubles: Troubles,
}

impl MemoryBlobs {
    /// The switches for trouble of all calls.
    #[must_use]
    pub fn troubles(&self) -> &Troubles {
        &self.0.troubles
    }

    /// All objects, by their full names.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blobs for MemoryBlobs {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        self.0.troubles.around(|| {
            let objects = self.lock();
            let within = |name: &String| Some(name.strip_prefix(folder)?.strip_prefix('/')?.to_owned());
            Ok(objects.keys().filter_map(within).collect())
        })
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        self.0.troubles.around(|| Ok(self.lock().get(name).cloned()))
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        self.0.troubles.around(|| {
            let mut objects = self.lock();
            if objects.contains_key(name) {
                return Ok(Created::Taken);
            }
            objects.insert(name.to_owned(), bytes);
            Ok(Created::Ours)
        })
    }

    fn delete(&self, name: &str) -> Result<(), Fault> {
        self.0.troubles.around(|| {
            self.lock().remove(name);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::blobs::{BlobsHarness, check};

    struct Harness(MemoryBlobs);

    impl BlobsHarness for Harness {
        fn fresh(&mut self) {
            self.0 = MemoryBlobs::default();
        }

        fn blobs(&mut self) -> Box<dyn Blobs> {
            Box::new(self.0.clone())
        }
    }

    #[test]
    fn it_passes_the_suite() {
        check(&mut Harness(MemoryBlobs::default())).unwrap();
    }

    #[test]
    fn a_create_whose_answer_is_lost_has_created() {
        let blobs = MemoryBlobs::default();
        blobs.troubles().fail_after(1);
        assert!(blobs.create("a/b", Bytes::from_static(b"1")).is_err());
        assert_eq!(blobs.create("a/b", Bytes::from_static(b"1")), Ok(Created::Taken));
        blobs.troubles().fail_before(1);
        assert!(blobs.create("a/c", Bytes::from_static(b"2")).is_err());
        assert_eq!(blobs.create("a/c", Bytes::from_static(b"2")), Ok(Created::Ours));
        assert_eq!(blobs.objects().len(), 2);
    }
}
