//! The decisions that a bug may stand in for, and the bugs. Without a bug each is the engine's own.

use std::sync::Arc;

use bytes::Bytes;

use crate::contract::{Answers, Blobs, Created, Fault, Standing};
use crate::ledger::{Generation, decide};
use crate::log::{Offset, Partition};
use crate::recovery::{Undelivered, undelivered};

/// A decision that is made wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// Generations are handed out beside the ledger, and a claim is written only before the life's first entry.
    ClaimApart,
    /// A new life binds anew from where it reads.
    OpenEnded,
    /// An answer doesn't wait for the entry that binds it.
    NoLedgerWait,
    /// A topic's progress is written before its answers.
    ProgressFirst,
    /// A sink writes what it is given, also what it has.
    NoDrop,
    /// Each life has transactional ids of its own, so that none fences another.
    GenerationInTransactionalId,
    /// A file is named by its last offset, too.
    RenameLast,
    /// The last answer with a key stands.
    CollectionLastWins,
    /// The first answer with a key stands, also an `ERROR`.
    CollectionFirstWins,
    /// A life goes on without an entry that seemed to fail, and may be there all the same.
    EntryGivenUp,
    /// A swap takes force where the sources stand, whoever bound that.
    CutForeign,
    /// A writer doesn't look above the number that it has written.
    CollectedReopens,
}

/// The decisions of a game.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules(pub(super) Option<Bug>);

impl Rules {
    pub(super) fn has(self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }

    /// What a sink does with a stretch.
    pub(super) fn deliver(self, next: Offset, stretch: &Answers) -> Undelivered {
        if self.has(Bug::NoDrop) { Undelivered::Take(stretch.clone()) } else { undelivered(next, stretch) }
    }

    /// Whether a stored answer is written over.
    pub(super) fn stands(self, old: Standing, same_position: bool, new: Standing) -> bool {
        match self.0 {
            Some(Bug::CollectionLastWins) => true,
            Some(Bug::CollectionFirstWins) => same_position,
            _ => decide::stands(old, same_position, new),
        }
    }

    /// Who fences whom.
    pub(super) fn transactional_id(self, partition: Partition, generation: Generation) -> (Partition, u64) {
        let of_its_own = self.has(Bug::GenerationInTransactionalId);
        (partition, if of_its_own { generation.0 } else { 0 })
    }

    /// What a file is named by, beside its partition.
    pub(super) fn file_name(self, first: Offset, last: Offset) -> (Offset, Option<Offset>) {
        (first, self.has(Bug::RenameLast).then_some(last))
    }

    /// What entries are written through.
    pub(super) fn writes_through(self, blobs: Arc<dyn Blobs>) -> Arc<dyn Blobs> {
        if self.has(Bug::CollectedReopens) { Arc::new(Blind(blobs)) } else { blobs }
    }
}

/// A store in which nobody sees what else is there.
#[derive(Debug)]
struct Blind(Arc<dyn Blobs>);

impl Blobs for Blind {
    fn list(&self, _folder: &str) -> Result<Vec<String>, Fault> {
        Ok(Vec::new())
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        self.0.read(name)
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        self.0.create(name, bytes)
    }

    fn delete(&self, name: &str) -> Result<(), Fault> {
        self.0.delete(name)
    }
}
