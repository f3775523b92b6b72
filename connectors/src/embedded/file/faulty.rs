//! A disk that fails on demand, for tests: redb on a real file, whose syncs can be made to fail.

use std::fs::OpenOptions;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use redb::backends::FileBackend;
use redb::{BackendError, Database, StorageBackend};

use super::Open;

/// When a sync fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Failing {
    /// Never.
    Not,
    /// Always, and nothing is synced.
    Always,
    /// The next one, and nothing is synced.
    Next,
    /// The next one, after everything was synced: only the answer is lost.
    NextAfterwards,
}

/// The switch of a failing disk. Clones are the same switch.
#[derive(Clone, Debug)]
pub(in super::super) struct Faults {
    failing: Arc<Mutex<Failing>>,
    openings: Arc<AtomicUsize>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { failing: Arc::new(Mutex::new(Failing::Not)), openings: Arc::default() }
    }
}

impl Faults {
    /// From now on syncs fail like this.
    pub(in super::super) fn set(&self, failing: Failing) {
        *self.failing.lock().unwrap() = failing;
    }

    /// How often the file was opened.
    pub(in super::super) fn openings(&self) -> usize {
        self.openings.load(Ordering::SeqCst)
    }

    /// Opens files on this disk.
    pub(in super::super) fn open(&self) -> Open {
        let faults = self.clone();
        Box::new(move |path| {
            faults.openings.fetch_add(1, Ordering::SeqCst);
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            let backend = Faulty { file: FileBackend::new(file)?, faults: faults.clone() };
            Database::builder().create_with_backend(backend)
        })
    }
}

#[derive(Debug)]
struct Faulty {
    file: FileBackend,
    faults: Faults,
}

impl StorageBackend for Faulty {
    fn len(&self) -> Result<u64, io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let failing = {
            let mut failing = self.faults.failing.lock().unwrap();
            let now = *failing;
            if matches!(now, Failing::Next | Failing::NextAfterwards) {
                *failing = Failing::Not;
            }
            now
        };
        match failing {
            Failing::Not => self.file.sync_data(),
            Failing::Always | Failing::Next => Err(io::Error::from(io::ErrorKind::StorageFull)),
            Failing::NextAfterwards => {
                self.file.sync_data()?;
                Err(io::Error::other("the answer was lost"))
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
