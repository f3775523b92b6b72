//! One redb file: opened by one process, and opened anew after an I/O error.
//!
//! redb refuses all work on a database after its first I/O error, because what the failed commit left is only known when
//! the file is read again. So a failed step marks the file, and the next one opens it again: a full disk that has been
//! freed needs no restart. What a failed commit wrote may be there or not, as a whole; whoever wrote it must look.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, WriteTransaction};

use super::EmbeddedError;

/// From this size on, commits carry what a quick repair needs: opening a file after a kill reads all of a smaller one
/// (about 2 s per GiB), and next to nothing of a larger one, for a second fsync in each commit.
const QUICK_REPAIR_FROM: u64 = 512 << 20;

/// How a file is opened. Replaced in tests.
type Open = Box<dyn Fn(&Path) -> Result<Database, DatabaseError> + Send + Sync>;

/// What ends a step in a transaction.
pub(super) enum Failed<E> {
    /// The database.
    Storage(redb::Error),
    /// The caller, who does not want what it found; nothing is written.
    Refused(E),
}

/// A redb file.
pub(super) struct StoreFile {
    path: PathBuf,
    open: Open,
    /// `None` only while opening it again has failed.
    database: RwLock<Option<Database>>,
    /// An error was seen; the database must be opened anew before it is used again.
    spoiled: AtomicBool,
}

impl StoreFile {
    /// Opens a file, or makes it. `cache` is the memory for its pages, in bytes.
    pub(super) fn open(path: PathBuf, cache: usize) -> Result<Self, EmbeddedError> {
        making::make(&path)?;
        Self::open_with(path, Box::new(move |path| open_file(path, cache)))
    }

    /// Opens a file in a way of the caller's own.
    pub(super) fn open_with(path: PathBuf, open: Open) -> Result<Self, EmbeddedError> {
        let database = open(&path).map_err(|error| failed("open", &path, error))?;
        Ok(Self { path, open, database: RwLock::new(Some(database)), spoiled: AtomicBool::new(false) })
    }

    /// Runs a step on what is durable now.
    pub(super) fn read<R, E: From<EmbeddedError>>(
        &self,
        step: impl FnOnce(&ReadTransaction) -> Result<R, Failed<E>>,
    ) -> Result<R, E> {
        self.with("read", |database| step(&database.begin_read()?))
    }

    /// Runs a step and makes what it did durable, all or nothing. One at a time; waits for its turn.
    pub(super) fn write<R, E: From<EmbeddedError>>(
        &self,
        step: impl FnOnce(&WriteTransaction) -> Result<R, Failed<E>>,
    ) -> Result<R, E> {
        self.with("write", |database| {
            let mut transaction = database.begin_write()?;
            transaction.set_quick_repair(self.size() >= QUICK_REPAIR_FROM);
            let done = step(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }

    fn with<R, E: From<EmbeddedError>>(
        &self,
        action: &'static str,
        step: impl FnOnce(&Database) -> Result<R, Failed<E>>,
    ) -> Result<R, E> {
        let guard = self.usable()?;
        let Some(database) = guard.as_ref() else {
            return Err(E::from(failed(action, &self.path, redb::Error::DatabaseClosed)));
        };
        step(database).map_err(|error| match error {
            Failed::Refused(error) => error,
            Failed::Storage(error) => {
                if spoils(&error) {
                    self.spoiled.store(true, Ordering::Release);
                }
                E::from(failed(action, &self.path, error))
            }
        })
    }

    /// The database, opened anew if an error was seen. Nobody holds a transaction while it is.
    fn usable(&self) -> Result<RwLockReadGuard<'_, Option<Database>>, EmbeddedError> {
        if self.spoiled.load(Ordering::Acquire) {
            let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
            if self.spoiled.load(Ordering::Acquire) {
                // The old one lets go of the file's lock first.
                *database = None;
                let opened = (self.open)(&self.path);
                *database = Some(opened.map_err(|error| failed("open", &self.path, error))?);
                self.spoiled.store(false, Ordering::Release);
            }
        }
        Ok(self.database.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn size(&self) -> u64 {
        self.path.metadata().map_or(0, |metadata| metadata.len())
    }
}

impl fmt::Debug for StoreFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreFile").field("path", &self.path).finish_non_exhaustive()
    }
}

macro_rules! storage_errors {
    ($($error:ty),*) => {
        $(impl<E> From<$error> for Failed<E> {
            fn from(error: $error) -> Self {
                Self::Storage(error.into())
            }
        })*
    };
}

storage_errors!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError, redb::CursorError);

/// The usual way to open a file.
fn open_file(path: &Path, cache: usize) -> Result<Database, DatabaseError> {
    let mut builder = Database::builder();
    builder.set_cache_size(cache).set_repair_callback(said_once(path));
    builder.open(path)
}

/// Says that a file is checked after an unclean end; loud if it may take a while.
fn said_once(path: &Path) -> impl Fn(&mut redb::RepairSession) + 'static {
    let said = AtomicBool::new(false);
    let file = path.display().to_string();
    let large = path.metadata().is_ok_and(|metadata| metadata.len() > 64 << 20);
    move |_| match (said.swap(true, Ordering::Relaxed), large) {
        (false, true) => tracing::info!(file, "was not closed; it is checked now, which takes about 2 s per GiB"),
        (false, false) => tracing::debug!(file, "was not closed; it is checked now"),
        (true, _) => {}
    }
}

/// Whether the database must be opened anew after this error.
fn spoils(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed | redb::Error::LockPoisoned(_)
    )
}

fn failed(action: &'static str, path: &Path, error: impl Into<redb::Error>) -> EmbeddedError {
    EmbeddedError::database(action, path, &error.into())
}

/// Makes the name of a new file durable.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), EmbeddedError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| EmbeddedError::plain("write", folder, &error))
}

mod making;

#[cfg(test)]
pub(super) mod faulty;

#[cfg(test)]
mod tests {
    use redb::{ReadableTable, TableDefinition};

    use super::faulty::{Failing, Faults};
    use super::*;

    const NUMBERS: TableDefinition<u64, u64> = TableDefinition::new("numbers");

    fn put(file: &StoreFile, number: u64) -> Result<(), EmbeddedError> {
        file.write(|transaction| {
            transaction.open_table(NUMBERS)?.insert(number, number)?;
            Ok(())
        })
    }

    fn numbers(file: &StoreFile) -> Vec<u64> {
        let read: Result<_, EmbeddedError> = file.read(|transaction| {
            let table = transaction.open_table(NUMBERS)?;
            let mut numbers = Vec::new();
            for entry in table.iter()? {
                numbers.push(entry?.0.value());
            }
            Ok(numbers)
        });
        read.unwrap()
    }

    #[test]
    fn a_second_opening_is_refused_and_says_who_may_hold_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.redb");
        let _held = StoreFile::open(path.clone(), 1 << 20).unwrap();
        let error = StoreFile::open(path.clone(), 1 << 20).unwrap_err();
        assert_eq!(error, EmbeddedError::Held { file: path.display().to_string() });
        assert!(error.to_string().contains("another process"), "{error}");
    }

    #[test]
    fn a_refused_step_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = StoreFile::open(folder.path().join("a.redb"), 1 << 20).unwrap();
        put(&file, 1).unwrap();
        let refused: Result<(), EmbeddedError> = file.write(|transaction| {
            transaction.open_table(NUMBERS)?.insert(2, 2)?;
            Err(Failed::Refused(EmbeddedError::NoPartitions { topic: "t".to_owned() }))
        });
        assert_eq!(refused, Err(EmbeddedError::NoPartitions { topic: "t".to_owned() }));
        assert_eq!(numbers(&file), [1]);
    }

    #[test]
    fn after_an_error_of_the_disk_the_file_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::default();
        let file = StoreFile::open_with(folder.path().join("a.redb"), faults.open()).unwrap();
        put(&file, 1).unwrap();
        faults.set(Failing::Always);
        assert!(put(&file, 2).unwrap_err().is_transient());
        assert!(put(&file, 3).unwrap_err().is_transient(), "still failing");
        faults.set(Failing::Not);
        put(&file, 4).unwrap();
        let numbers = numbers(&file);
        // A commit whose sync failed may be there or not.
        assert!(numbers.starts_with(&[1]) && numbers.ends_with(&[4]), "{numbers:?}");
        assert!(faults.openings() >= 2);
    }

    #[test]
    fn what_is_no_database_is_refused_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.redb");
        std::fs::write(&path, vec![b'x'; 100_000]).unwrap();
        let error = StoreFile::open(path, 1 << 20).unwrap_err();
        assert!(!error.is_transient(), "{error}");
    }
}
