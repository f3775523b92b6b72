//! What the ledger says of an offset.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightline_engine::contract::{Blobs, Fault, SinkName};
use flightline_engine::ledger::{Binding, Book, Generation, LedgerLog, Seq};
use flightline_engine::log::{Offset, Offsets, Partition};

use crate::config::StreamConfig;
use crate::failure::{Failure, FailureKind};

/// What binds an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// This entry.
    Bound(Seq),
    /// An entry that was collected: nobody can tell any more.
    Collected,
    /// Nothing yet.
    Unbound,
}

/// A binding, and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The ledger's entry.
    pub entry: Seq,
    /// The life of the job that wrote it.
    pub generation: Generation,
    /// What it says.
    pub binding: Binding,
}

/// A ledger that somebody else may be writing.
#[derive(Debug)]
pub struct Ledger {
    log: LedgerLog,
    book: Book,
}

impl Ledger {
    /// Reads the ledger of this configuration's job.
    ///
    /// # Errors
    /// There is none, it is another job's, or it can't be read.
    pub fn open(blobs: Arc<dyn Blobs>, config: &StreamConfig) -> Result<Self, Failure> {
        let log = LedgerLog::new(blobs);
        let book = log.load().map_err(unreadable)?;
        let (name, state) = (&config.job.name, &config.job.state);
        match book.job() {
            Some(owner) if owner == name => Ok(Self { log, book }),
            Some(owner) => Err(Failure::new(
                FailureKind::Usage,
                format!(
                    "`{state}` (job.state) holds the ledger of job `{owner}`, and the configuration is that of `{name}`"
                ),
            )),
            None => Err(Failure::new(
                FailureKind::BadInput,
                format!("there is no ledger in `{state}` (job.state): the job `{name}` has never run there"),
            )),
        }
    }

    /// Reads what was written since, and tells whether there was anything.
    ///
    /// # Errors
    /// It can't be read.
    pub fn reload(&mut self) -> Result<bool, Failure> {
        let book = self.log.load().map_err(unreadable)?;
        let grown = book.next_seq() != self.book.next_seq();
        self.book = book;
        Ok(grown)
    }

    /// What binds an offset.
    #[must_use]
    pub fn at(&self, partition: Partition, offset: Offset) -> At {
        match self.book.at(partition, offset) {
            Some(stretch) => At::Bound(stretch.number),
            None if offset < self.book.kept_from(partition) => At::Collected,
            None => At::Unbound,
        }
    }

    /// The binding of an entry that [`Ledger::at`] has named.
    ///
    /// # Errors
    /// None that can occur.
    pub fn bound(&self, entry: Seq) -> Result<Bound, Failure> {
        let written = self.book.binding(entry).cloned().zip(self.book.generation_of(entry));
        let (binding, generation) = written.ok_or_else(|| {
            Failure::new(FailureKind::Bug, format!("internal error (bug): entry {entry} binds, and has no binding"))
        })?;
        Ok(Bound { entry, generation, binding })
    }

    /// The sinks that belong to the job, and where each began.
    #[must_use]
    pub const fn registered(&self) -> &BTreeMap<SinkName, Offsets> {
        self.book.registered()
    }
}

fn unreadable(fault: Fault) -> Failure {
    Failure::new(FailureKind::Storage, format!("can't read the ledger: {fault}"))
}
