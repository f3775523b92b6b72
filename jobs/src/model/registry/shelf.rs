//! What a registry needs of a store, and patience with one.

use std::fmt::Debug;
use std::time::SystemTime;

use bytes::Bytes;
use flightline_connectors::files::{StoreBlobs, patiently};
use flightline_engine::contract::{Blobs, Created, Fault};

/// Objects that are created once, in folders that can be listed.
pub(super) trait Shelf: Blobs {
    /// The names of the folders, sorted.
    fn folders(&self) -> Result<Vec<String>, Fault>;

    /// When an object was created; `None` if there is none.
    fn created_at(&self, name: &str) -> Result<Option<SystemTime>, Fault>;
}

impl Shelf for StoreBlobs {
    fn folders(&self) -> Result<Vec<String>, Fault> {
        self.folders()
    }

    fn created_at(&self, name: &str) -> Result<Option<SystemTime>, Fault> {
        self.created_at(name)
    }
}

/// Tries again for a while. It blocks the calling thread, so it is for commands and starts, not for a job that runs: that has
/// a patience of its own.
#[derive(Debug)]
pub(super) struct Patient<S>(pub(super) S);

impl<S: Shelf> Blobs for Patient<S> {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        patiently(|| self.0.list(folder))
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        patiently(|| self.0.read(name))
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        patiently(|| self.0.create(name, bytes.clone()))
    }

    fn delete(&self, name: &str) -> Result<(), Fault> {
        patiently(|| self.0.delete(name))
    }
}

impl<S: Shelf> Shelf for Patient<S> {
    fn folders(&self) -> Result<Vec<String>, Fault> {
        patiently(|| self.0.folders())
    }

    fn created_at(&self, name: &str) -> Result<Option<SystemTime>, Fault> {
        patiently(|| self.0.created_at(name))
    }
}
