//! A store in memory that does as it is told: it ends before or after some change, or lets somebody else in before one.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flightline_engine::contract::{Blobs, Created, Fault};
use flightline_engine::memory::MemoryBlobs;

use super::super::shelf::Shelf;
use super::super::{Kept, Registry, StoreModels};

type Visit = Box<dyn FnOnce() + Send>;

/// A handle to a store; others may have theirs to the same one.
#[derive(Clone, Default)]
pub(super) struct MemoryShelf {
    pub(super) blobs: MemoryBlobs,
    /// The changes that were made through this handle, by name.
    pub(super) changes: Arc<Mutex<Vec<String>>>,
    end: Option<End>,
    /// Called before the first create below `current`.
    visit: Arc<Mutex<Option<Visit>>>,
    /// Creates that take place, and only their answer is lost.
    pub(super) lost_answers: Arc<AtomicU64>,
}

/// When the process behind a handle is killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Changes that it makes.
    pub(super) after: usize,
    /// Whether one more takes place, of which it does not hear.
    pub(super) is_sent: bool,
}

impl fmt::Debug for MemoryShelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryShelf").field("blobs", &self.blobs).finish_non_exhaustive()
    }
}

impl MemoryShelf {
    /// Another handle to the same store, whose process ends so.
    pub(super) fn ending(&self, end: End) -> Self {
        Self { blobs: self.blobs.clone(), end: Some(end), ..Self::default() }
    }

    /// Another handle to the same store; somebody comes in right before it creates a name of a current model.
    pub(super) fn visited(&self, visit: impl FnOnce() + Send + 'static) -> Self {
        let visit: Visit = Box::new(visit);
        Self { blobs: self.blobs.clone(), visit: Arc::new(Mutex::new(Some(visit))), ..Self::default() }
    }

    pub(super) fn registry(&self) -> Registry {
        Registry(Kept::InStore(StoreModels::on(Arc::new(self.clone()), "s3://bucket/models")))
    }

    fn change<T>(&self, name: &str, make: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let killed = || Fault::permanent("the process is killed");
        let made = {
            let mut changes = self.changes.lock().unwrap();
            changes.push(name.to_owned());
            changes.len()
        };
        match self.end {
            Some(End { after, is_sent }) if made > after => {
                if is_sent && made == after + 1 {
                    make()?;
                }
                Err(killed())
            }
            _ => make(),
        }
    }
}

impl Blobs for MemoryShelf {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        self.blobs.list(folder)
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        self.blobs.read(name)
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        let visit = if name.starts_with("current/") { self.visit.lock().unwrap().take() } else { None };
        if let Some(visit) = visit {
            visit();
        }
        let created = self.change(name, || self.blobs.create(name, bytes))?;
        let is_lost = self.lost_answers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if is_lost.is_ok() { Err(Fault::transient("connection reset")) } else { Ok(created) }
    }

    fn delete(&self, name: &str) -> Result<(), Fault> {
        self.change(name, || self.blobs.delete(name))
    }
}

impl Shelf for MemoryShelf {
    fn folders(&self) -> Result<Vec<String>, Fault> {
        let objects = self.blobs.objects();
        let folders: BTreeSet<&str> = objects.keys().filter_map(|name| Some(name.split_once('/')?.0)).collect();
        Ok(folders.into_iter().map(str::to_owned).collect())
    }

    fn created_at(&self, name: &str) -> Result<Option<SystemTime>, Fault> {
        let at = self.blobs.objects().keys().position(|known| known == name);
        Ok(at.map(|at| SystemTime::UNIX_EPOCH + Duration::from_secs(at as u64)))
    }
}
