//! Answers as files on any object store, each line in exactly one of them.
//!
//! ```text
//! write ──► buffer (one per partition) ──► put, if absent ──┬─ ours: the file's end is the next one's name
//!            full, or its time has come                     └─ taken: read where the winner's file ends, drop what it
//!                                                              has, go on from there
//! ```
//!
//! Invariants:
//! - a file is put whole and once, and never changed: a reader sees all of it or nothing;
//! - a file's name is the offset at which the one before it ended, so that two writers who are at the same place want the
//!   same name, and only one gets it: an old generation that wakes up can't write anything twice, and needs no fence;
//! - buffered bytes of a partition stay below `roll_bytes` and one batch;
//! - what [`durable`](flightline_engine::contract::OpenSink::durable) says, a later open finds again, with its witness: in
//!   the last file, or where that can't say it, in a hidden note beside it.
//!
//! It does not compact small files, and deletes none.

mod buffer;
mod chain;
mod columns;
mod format;
mod leftovers;
mod name;
mod notes;
mod owner;
mod parquet_file;
mod position;
mod reader;
mod rows;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use chain::Verified;
pub use columns::{Column, ColumnType, Columns, ColumnsError};
use flightline_engine::clock::{Clock, SystemClock};
use flightline_engine::contract::{Fault, Guarantee, JobId, OpenSink, Placement, Selects, Sink, SinkName, SinkSurvey};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offsets, Partition};
pub use format::FileFormat;
pub use name::with_folder;
pub use reader::{FileReader, Lines};

use self::chain::Chain;
use self::owner::Owner;
use self::writer::FileWriter;
use super::error::FileError;
use super::folder::Folder;
use super::stores::Stores;

/// What a file sink is told.
#[derive(Clone, Debug)]
pub struct FileSinkOptions {
    /// Its name in the configuration.
    pub name: SinkName,
    /// Which lines it writes.
    pub selects: Selects,
    /// Path or URL of its folder. An `hdfs:` URL without a path is that of `/user/flight_predictions`.
    pub url: String,
    /// What it writes.
    pub format: FileFormat,
    /// Bytes of lines at which a file is full.
    pub roll_bytes: usize,
    /// The longest time that a line waits for its file.
    pub roll_every: Duration,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
}

impl FileSinkOptions {
    /// Files of 64 MiB, or of 10 seconds.
    pub fn new(name: SinkName, selects: Selects, url: impl Into<String>, format: FileFormat) -> Self {
        Self {
            name,
            selects,
            url: url.into(),
            format,
            roll_bytes: 64 << 20,
            roll_every: Duration::from_secs(10),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// A folder of answer files.
#[derive(Clone, Debug)]
pub struct FileSink {
    options: FileSinkOptions,
    folder: Folder,
}

impl FileSink {
    /// A sink in the folder that the options name. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`FileError`] for a name that makes no sense, or a store that this build leaves out.
    pub fn new(stores: &Stores, options: FileSinkOptions) -> Result<Self, FileError> {
        let folder = name::folder_at(stores, &options.url)?;
        Ok(Self { options, folder })
    }

    fn chain(&self) -> Chain {
        Chain { folder: self.folder.clone(), kind: self.options.format.kind() }
    }

    /// Whose the folder is, if files of this sink may go there.
    fn owner(&self) -> Result<Option<Owner>, Fault> {
        let owner = owner::owner(&self.folder)?;
        if let Some(owner) = &owner {
            owner.check(&self.folder, self.options.format.kind(), self.options.selects)?;
        }
        Ok(owner)
    }

    /// Refuses a folder that holds files but no note of whose they are.
    fn refuse_orphans(&self) -> Result<(), Fault> {
        let chain = self.chain();
        for partition in self.folder.folders()?.iter().filter_map(|folder| name::partition_of(folder)) {
            if !chain.list(partition)?.bases.is_empty() {
                let (folder, note) = (self.folder.shown(""), name::OWNER);
                return Err(Fault::permanent(format!(
                    "`{folder}` holds answers, but its `{note}`, which says whose they are, is gone; bring that back, or \
                     choose another folder"
                )));
            }
        }
        Ok(())
    }
}

impl Sink for FileSink {
    fn name(&self) -> &SinkName {
        &self.options.name
    }

    fn placement(&self) -> Placement {
        Placement::WithPartition
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn selects(&self) -> Selects {
        self.options.selects
    }

    fn survey(&self, partitions: &[Partition]) -> Result<SinkSurvey, Fault> {
        let owner = self.owner()?.map(|owner| owner.job);
        let chain = self.chain();
        let mut progress = BTreeMap::new();
        for &partition in partitions {
            let place = chain.find(partition)?.place;
            progress.extend(place.map(|place| (partition, place.reached)));
        }
        Ok(SinkSurvey { owner, progress })
    }

    fn adopt(&self, job: &JobId, starts: &Offsets) -> Result<(), Fault> {
        let owner = match self.owner()? {
            Some(owner) => owner,
            None => {
                self.refuse_orphans()?;
                let kind = self.options.format.kind();
                let owner = owner::claim(&self.folder, Owner::new(job.clone(), kind, self.options.selects))?;
                owner.check(&self.folder, kind, self.options.selects)?;
                owner
            }
        };
        if owner.job != *job {
            let (folder, theirs) = (self.folder.shown(""), &owner.job);
            return Err(Fault::permanent(format!(
                "`{folder}` belongs to the job `{theirs}`, and this is the job `{job}`; choose another folder"
            )));
        }
        for (&partition, &start) in starts {
            if owner::start(&self.folder, partition)?.is_none() {
                owner::begin(&self.folder, partition, start)?;
            }
        }
        Ok(())
    }

    fn open(&self, _generation: Generation, partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault> {
        if self.owner()?.is_none() {
            let folder = self.folder.shown("");
            return Err(Fault::permanent(format!(
                "`{folder}` is nobody's folder; it must be adopted before it is opened"
            )));
        }
        Ok(Box::new(FileWriter::open(self.chain(), &self.options, partitions)?))
    }
}

#[cfg(test)]
mod tests;
