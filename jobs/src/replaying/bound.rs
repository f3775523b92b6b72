//! What the ledger says of an offset.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightline_engine::contract::{Blobs, Fault, SinkName};
use flightline_engine::ledger::{Binding, Book, Entry, Generation, LedgerLog, Seq};
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
    /// The life of the job that wrote it; `None` if the entry is being collected.
    pub generation: Option<Generation>,
    /// What it says.
    pub binding: Binding,
}

/// A ledger that somebody else may be writing.
#[derive(Debug)]
pub struct Ledger {
    blobs: Arc<dyn Blobs>,
    log: LedgerLog,
    book: Book,
    /// What was asked for before.
    bound: BTreeMap<Seq, Bound>,
}

impl Ledger {
    /// Reads the ledger of this configuration's job.
    ///
    /// # Errors
    /// There is none, it is another job's, or it can't be read.
    pub fn open(blobs: Arc<dyn Blobs>, config: &StreamConfig) -> Result<Self, Failure> {
        let log = LedgerLog::new(Arc::clone(&blobs));
        let book = log.load().map_err(unreadable)?;
        let (name, state) = (&config.job.name, &config.job.state);
        match book.job() {
            Some(owner) if owner == name => Ok(Self { blobs, log, book, bound: BTreeMap::new() }),
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
    /// The entry can't be read.
    pub fn bound(&mut self, entry: Seq) -> Result<Bound, Failure> {
        if let Some(known) = self.bound.get(&entry) {
            return Ok(known.clone());
        }
        let binding = self.book.binding(entry).cloned();
        let binding = binding.ok_or_else(|| {
            Failure::new(FailureKind::Bug, format!("internal error (bug): entry {entry} binds, and has no binding"))
        })?;
        let bound = Bound { entry, generation: self.generation_of(entry)?, binding };
        self.bound.insert(entry, bound.clone());
        Ok(bound)
    }

    /// The sinks that belong to the job, and where each began.
    #[must_use]
    pub const fn registered(&self) -> &BTreeMap<SinkName, Offsets> {
        self.book.registered()
    }

    fn generation_of(&self, entry: Seq) -> Result<Option<Generation>, Failure> {
        let name = format!("ledger/{:020}.json", entry.0);
        let found = self.blobs.read(&name).map_err(unreadable)?;
        let read = found.map(|line| Entry::from_line(&line)).transpose();
        let read = read.map_err(|error| Failure::new(FailureKind::Storage, format!("{name}: {error}")))?;
        Ok(read.map(|entry| entry.generation))
    }
}

fn unreadable(fault: Fault) -> Failure {
    Failure::new(FailureKind::Storage, format!("can't read the ledger: {fault}"))
}
