//! What survives the master's end: one file of redb, written before anybody hears of a change.
//!
//! Each entry is JSON, so that a later version can read what an earlier one wrote. It is one master's: a second one on the
//! same folder is refused.

use std::fmt;
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::state::{Changed, Cluster, Rules};
use super::worker::{Standing, Worker};
use crate::ids::{JobId, Memory, Moment};
use crate::job::record::Job;
use crate::private::{make_folder, to_write};
use crate::protocol::Machine;

/// Jobs by number.
const JOBS: TableDefinition<'_, u64, &str> = TableDefinition::new("jobs");
/// Workers by name.
const WORKERS: TableDefinition<'_, &str, &str> = TableDefinition::new("workers");
/// Single numbers: `last_job`, `format`.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// Of these entries. A store with another one is not read.
const FORMAT: u64 = 1;

/// What follows when a master begins without the state that it had.
pub const FORGETTING: &str = "workers come back by themselves, but end the processes of jobs that it doesn't know, and the \
                              first job is number 1 again";

/// Why the store can't be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("{0} is another master's, which runs: end that one, or give this one a state folder of its own (--state)")]
    Taken(PathBuf),
    /// It can't be opened, read or written.
    #[error("the master's state in {file} can't be {what}: {why}")]
    Io {
        /// Which file.
        file: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What went wrong.
        why: String,
    },
    /// What stands in it makes no sense.
    #[error(
        "the master's state in {file} is damaged ({why}): put a copy of it back that you have, or move it away, and the master \
         begins without any job; {FORGETTING}"
    )]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Another version has written it.
    #[error(
        "the master's state in {file} has format {found}, and this version knows {FORMAT}: start the version that wrote it, or give this one a state folder of its own (--state)"
    )]
    Format {
        /// Which file.
        file: PathBuf,
        /// What stands there.
        found: u64,
    },
}

/// Where a master writes down what must survive it.
pub trait Durable: Send + Sync + 'static {
    /// Writes what has changed. When this returns it is durable.
    ///
    /// # Errors
    /// It can't be written.
    fn save(&self, cluster: &Cluster, changed: &Changed) -> Result<(), StoreError>;

    /// How much more can be written; `None` if that isn't known.
    fn room(&self) -> Option<Memory>;
}

/// A worker, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct KeptWorker {
    machine: Machine,
    heard: Moment,
    #[serde(default)]
    standing: Standing,
}

/// The name of the file, in the folder of a master's state.
pub(crate) const STORE: &str = "master.redb";

/// Where a master keeps its state if nobody says otherwise.
pub(crate) const STATE_FOLDER: &str = "flightline-cluster";

/// What stands in such a folder, as far as nobody says otherwise.
pub(crate) const STATE_FILES: [&str; 3] = [STORE, "cluster.secret", "token"];

/// An open store.
pub struct Store {
    file: PathBuf,
    began_empty: bool,
    database: Database,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.file.display())
    }
}

impl Store {
    /// Opens the store in this folder, or makes it.
    ///
    /// # Errors
    /// Another master has it, or it can't be read.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let file = folder.join(STORE);
        // Configurations of jobs, which stand in it, are for nobody else.
        let open = make_folder(folder).and_then(|()| to_write().read(true).create(true).truncate(false).open(&file));
        let open = open.map_err(|error| io(&file, "opened", &error))?;
        let began_empty = open.metadata().map_err(|error| io(&file, "opened", &error))?.len() == 0;
        let database = match Database::builder().create_file(open) {
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(StoreError::Taken(file)),
            Err(DatabaseError::Storage(error)) if is_damage(&error) => return Err(damaged(&file, &error)),
            database => database.map_err(|error| io(&file, "opened", &error))?,
        };
        let store = Self { file, began_empty, database };
        let writing = store.database.begin_write().map_err(store.failed("written"))?;
        {
            writing.open_table(JOBS).map_err(store.failed("written"))?;
            writing.open_table(WORKERS).map_err(store.failed("written"))?;
            let mut numbers = writing.open_table(NUMBERS).map_err(store.failed("written"))?;
            let found = numbers.get("format").map_err(store.failed("read"))?.map(|format| format.value());
            match found {
                None => drop(numbers.insert("format", FORMAT).map_err(store.failed("written"))?),
                Some(FORMAT) => {}
                Some(found) => return Err(StoreError::Format { file: store.file.clone(), found }),
            }
        }
        writing.commit().map_err(store.failed("written"))?;
        Ok(store)
    }

    /// Whether there was nothing in it: it was made just now, or what stood in it is gone.
    #[must_use]
    pub const fn began_empty(&self) -> bool {
        self.began_empty
    }

    /// Where it is.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What was known when the last master ended.
    ///
    /// # Errors
    /// It can't be read.
    pub fn load(&self, rules: Rules) -> Result<Cluster, StoreError> {
        let reading = self.database.begin_read().map_err(self.failed("read"))?;
        let mut jobs = Vec::new();
        for entry in reading.open_table(JOBS).map_err(self.failed("read"))?.iter().map_err(self.failed("read"))? {
            jobs.push(self.parse::<Job>(entry.map_err(self.failed("read"))?.1.value())?);
        }
        let mut workers = Vec::new();
        for entry in reading.open_table(WORKERS).map_err(self.failed("read"))?.iter().map_err(self.failed("read"))? {
            let kept: KeptWorker = self.parse(entry.map_err(self.failed("read"))?.1.value())?;
            workers.push(Worker::known(kept.machine, kept.standing, kept.heard));
        }
        let numbers = reading.open_table(NUMBERS).map_err(self.failed("read"))?;
        let last = numbers.get("last_job").map_err(self.failed("read"))?.map_or(0, |last| last.value());
        Ok(Cluster::new(rules, workers, jobs, JobId(last)))
    }

    fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| damaged(&self.file, &error))
    }

    fn text(&self, value: &impl Serialize) -> Result<String, StoreError> {
        serde_json::to_string(value).map_err(|error| io(&self.file, "written", &error))
    }

    fn failed<E: Into<redb::Error>>(&self, what: &'static str) -> impl Fn(E) -> StoreError + use<'_, E> {
        move |error| match error.into() {
            redb::Error::Corrupted(why) => damaged(&self.file, &why),
            error => io(&self.file, what, &error),
        }
    }
}

impl Durable for Store {
    fn save(&self, cluster: &Cluster, changed: &Changed) -> Result<(), StoreError> {
        if *changed == Changed::default() {
            return Ok(());
        }
        let writing = self.database.begin_write().map_err(self.failed("written"))?;
        {
            let mut jobs = writing.open_table(JOBS).map_err(self.failed("written"))?;
            for id in &changed.jobs {
                match cluster.jobs().get(id) {
                    Some(job) => drop(jobs.insert(id.0, self.text(job)?.as_str()).map_err(self.failed("written"))?),
                    None => drop(jobs.remove(id.0).map_err(self.failed("written"))?),
                }
            }
            let mut workers = writing.open_table(WORKERS).map_err(self.failed("written"))?;
            for name in &changed.workers {
                let Some(worker) = cluster.workers().get(name) else {
                    workers.remove(&*name.0).map_err(self.failed("written"))?;
                    continue;
                };
                let (machine, heard, standing) = (worker.machine.clone(), worker.heard_at, worker.standing);
                let kept = KeptWorker { machine, heard, standing };
                workers.insert(&*name.0, self.text(&kept)?.as_str()).map_err(self.failed("written"))?;
            }
            let mut numbers = writing.open_table(NUMBERS).map_err(self.failed("written"))?;
            numbers.insert("last_job", cluster.last_job().0).map_err(self.failed("written"))?;
        }
        writing.commit().map_err(self.failed("written"))
    }

    fn room(&self) -> Option<Memory> {
        let disk = rustix::fs::statvfs(&self.file).ok()?;
        Some(Memory(disk.f_bavail.saturating_mul(disk.f_frsize)))
    }
}

/// No file of redb at all is told as invalid data.
fn is_damage(error: &StorageError) -> bool {
    match error {
        StorageError::Corrupted(_) => true,
        StorageError::Io(error) => {
            matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
        }
        _ => false,
    }
}

fn damaged(file: &Path, why: &dyn fmt::Display) -> StoreError {
    StoreError::Damaged { file: file.to_owned(), why: why.to_string() }
}

fn io(file: &Path, what: &'static str, why: &dyn fmt::Display) -> StoreError {
    StoreError::Io { file: file.to_owned(), what, why: why.to_string() }
}
