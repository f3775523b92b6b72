//! For tests: objects in memory, around which something happens: another writer strikes, or the store fails.

use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::contract::{Blobs, Created, Fault};
use crate::memory::MemoryBlobs;

/// A call, before or after it took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Look,
    BeforeCreate,
    AfterCreate,
    BeforeDelete,
}

/// What happens at a moment; an error is what the call then gives.
type Event = Box<dyn FnMut(Moment) -> Result<(), Fault> + Send>;

/// Objects around which something happens.
pub(super) struct Eventful {
    blobs: MemoryBlobs,
    event: Mutex<Event>,
}

impl Eventful {
    pub(super) fn around(
        blobs: &MemoryBlobs,
        event: impl FnMut(Moment) -> Result<(), Fault> + Send + 'static,
    ) -> Arc<dyn Blobs> {
        Arc::new(Self { blobs: blobs.clone(), event: Mutex::new(Box::new(event)) })
    }

    fn happens(&self, moment: Moment) -> Result<(), Fault> {
        (self.event.lock().unwrap())(moment)
    }
}

impl fmt::Debug for Eventful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eventful").field("blobs", &self.blobs).finish_non_exhaustive()
    }
}

impl Blobs for Eventful {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        self.happens(Moment::Look)?;
        self.blobs.list(folder)
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        self.happens(Moment::Look)?;
        self.blobs.read(name)
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        self.happens(Moment::BeforeCreate)?;
        let created = self.blobs.create(name, bytes)?;
        self.happens(Moment::AfterCreate)?;
        Ok(created)
    }

    fn delete(&self, name: &str) -> Result<(), Fault> {
        self.happens(Moment::BeforeDelete)?;
        self.blobs.delete(name)
    }
}
