//! What a file says of the sink that writes it: whose it is, which generation, and how far each partition has come.
//!
//! It stands in the same file as the lines and changes in the same transaction, so it is never ahead of them and never
//! behind. The decisions are pure functions of it: who may adopt, who may write, and what of a stretch is new.

use std::collections::BTreeMap;
use std::fmt;

use flightline_engine::contract::{Answers, Fault, JobId, SinkName, Superseded};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Partition, Reached};
use redb::{ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::file::Failed;

/// Where it stands in a file.
pub(super) const TABLE: TableDefinition<&str, &[u8]> = TableDefinition::new("sink");
/// Under which key.
const KEY: &str = "state";

/// Whose lines these are. Two sinks of one job are told apart: each would take the other's progress for its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) job: JobId,
    pub(super) sink: SinkName,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sink `{}` of job `{}`", self.sink, self.job)
    }
}

/// A sink's state in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SinkState {
    /// `None` until a job adopts it.
    pub(super) owner: Option<Owner>,
    /// The latest generation that opened it.
    pub(super) generation: Option<Generation>,
    /// How far each partition has come.
    pub(super) progress: BTreeMap<Partition, Reached>,
    /// Lines whose key another request had used before, and that were not stored for it. Collections only.
    pub(super) reused: u64,
}

/// What of a stretch is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// All of it is there: it was written by a try that seemed to fail.
    Nothing,
    /// The lines from this offset on.
    From(Offset),
}

impl SinkState {
    /// Reads the state; a file that no sink has touched has the default one.
    pub(super) fn load<E>(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Self, Failed<E>> {
        let Some(stored) = table.get(KEY)? else { return Ok(Self::default()) };
        let damaged = |error| redb::Error::Corrupted(format!("the sink's state in it can't be read: {error}"));
        serde_json::from_slice(stored.value()).map_err(|error| Failed::Storage(damaged(error)))
    }

    /// Writes the state.
    pub(super) fn store<E>(&self, table: &mut redb::Table<'_, &'static str, &'static [u8]>) -> Result<(), Failed<E>> {
        let unusable = |error: serde_json::Error| redb::Error::Corrupted(error.to_string());
        let text = serde_json::to_vec(self).map_err(|error| Failed::Storage(unusable(error)))?;
        table.insert(KEY, text.as_slice())?;
        Ok(())
    }

    /// Whether the file is free, or this sink's, of whatever job. `place` names it.
    pub(super) fn is_of(&self, sink: &SinkName, place: &str) -> Result<(), Fault> {
        match &self.owner {
            Some(owner) if owner.sink != *sink => Err(Fault::permanent(format!(
                "{place} belongs to {owner}, and sink `{sink}` can't write there: name another destination for it"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether this sink may have the file. `place` names it; `others` counts what is in it and came from elsewhere.
    pub(super) fn may_be_adopted(&self, owner: &Owner, place: &str, others: u64) -> Result<(), Fault> {
        match &self.owner {
            Some(holder) if holder == owner => Ok(()),
            Some(holder) => Err(Fault::permanent(format!(
                "{place} belongs to {holder}; {owner} can't write there: name another destination for it"
            ))),
            None if others > 0 => Err(Fault::permanent(format!(
                "{place} holds {others} entries that no job wrote; {owner} begins only in an empty one: name another \
                 destination for it"
            ))),
            None => Ok(()),
        }
    }

    /// Makes it this sink's, and lets partitions that have no progress begin there. True if that changed anything.
    pub(super) fn adopt(&mut self, owner: &Owner, starts: impl IntoIterator<Item = (Partition, Offset)>) -> bool {
        let before = self.clone();
        self.owner = Some(owner.clone());
        for (partition, start) in starts {
            self.progress.entry(partition).or_insert(Reached::start(start));
        }
        *self != before
    }

    /// Fences off all older generations. True if that changed anything.
    pub(super) fn fence(
        &mut self,
        sink: &SinkName,
        generation: Generation,
        partitions: &[Partition],
        place: &str,
    ) -> Result<bool, Fault> {
        self.is_of(sink, place)?;
        if self.owner.is_none() {
            return Err(Fault::permanent(format!("{place} belongs to no job yet, so nobody can write there")));
        }
        if let Some(partition) = partitions.iter().find(|partition| !self.progress.contains_key(partition)) {
            return Err(Fault::permanent(format!(
                "{place} has no progress of partition {partition}: it was made anew, or lost; put back a copy of it, or \
                 begin with a new sink and another destination"
            )));
        }
        match self.generation {
            Some(later) if later > generation => Err(Superseded { later }.into()),
            Some(same) if same == generation => Ok(false),
            _ => {
                self.generation = Some(generation);
                Ok(true)
            }
        }
    }

    /// Whether a writer of this generation may still write.
    pub(super) fn permits(&self, generation: Generation, place: &str) -> Result<(), Fault> {
        match self.generation {
            Some(current) if current == generation => Ok(()),
            Some(later) if later > generation => Err(Superseded { later }.into()),
            other => Err(Fault::permanent(format!(
                "{place} was opened by generation {generation} and knows only {other:?} now: it was replaced by an older \
                 copy; stop the job and put the right file back"
            ))),
        }
    }

    /// What of a stretch is new.
    pub(super) fn admit(&self, answers: &Answers, place: &str) -> Result<Admitted, Fault> {
        let Answers { partition, from, reached, .. } = answers;
        let Some(done) = self.progress.get(partition) else {
            return Err(Fault::permanent(format!("{place} has no progress of partition {partition}")));
        };
        if reached.next <= done.next {
            Ok(Admitted::Nothing)
        } else if *from <= done.next {
            Ok(Admitted::From(done.next))
        } else {
            Err(Fault::permanent(format!(
                "{place} has partition {partition} up to {done}, and lines from {from} on came: what lies between would \
                 be lost; this is a bug",
                done = done.next
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use flightline_engine::log::Witness;

    use super::*;

    fn owner(job: &str, sink: &str) -> Owner {
        Owner { job: JobId(job.into()), sink: SinkName(sink.into()) }
    }

    fn reached(next: u64) -> Reached {
        let witness = next.checked_sub(1).map(|last| Witness { offset: Offset(last), hash: 7 });
        Reached { next: Offset(next), witness }
    }

    fn stretch(from: u64, next: u64) -> Answers {
        Answers { partition: Partition(0), from: Offset(from), reached: reached(next), items: Vec::new() }
    }

    #[test]
    fn adopting_keeps_the_progress_that_is_there() {
        let mut state = SinkState::default();
        assert!(state.adopt(&owner("a", "s"), [(Partition(0), Offset(5))]));
        assert!(!state.adopt(&owner("a", "s"), [(Partition(0), Offset(9))]));
        assert!(state.adopt(&owner("a", "s"), [(Partition(0), Offset(9)), (Partition(1), Offset(2))]));
        let progress: Vec<_> =
            state.progress.iter().map(|(partition, reached)| (partition.0, reached.next.0)).collect();
        assert_eq!(progress, [(0, 5), (1, 2)]);
    }

    #[test]
    fn what_is_anothers_or_nobodys_is_not_adopted() {
        let mut state = SinkState::default();
        assert_eq!(state.may_be_adopted(&owner("a", "s"), "topic `t`", 0), Ok(()));
        let error = state.may_be_adopted(&owner("a", "s"), "topic `t`", 3).unwrap_err().to_string();
        assert!(error.contains("topic `t` holds 3 entries that no job wrote"), "{error}");
        state.adopt(&owner("a", "s"), []);
        assert_eq!(state.may_be_adopted(&owner("a", "s"), "topic `t`", 3), Ok(()), "they are its own");
        for other in [owner("b", "s"), owner("a", "dead")] {
            let error = state.may_be_adopted(&other, "topic `t`", 0).unwrap_err().to_string();
            assert!(error.contains("sink `s` of job `a`") && error.contains(&other.to_string()), "{error}");
        }
    }

    #[test]
    fn the_highest_generation_writes_and_all_others_are_told() {
        let (sink, here) = (SinkName("s".into()), [Partition(0)]);
        let mut state = SinkState::default();
        assert!(matches!(state.fence(&sink, Generation(1), &here, "t"), Err(Fault::Permanent(_))), "not adopted");
        state.adopt(&owner("a", "s"), [(Partition(0), Offset(0))]);
        assert_eq!(state.fence(&sink, Generation(3), &here, "t"), Ok(true));
        assert_eq!(state.fence(&sink, Generation(3), &here, "t"), Ok(false));
        let superseded = Fault::Superseded(Superseded { later: Generation(3) });
        assert_eq!(state.fence(&sink, Generation(2), &here, "t"), Err(superseded.clone()));
        assert_eq!(state.permits(Generation(2), "t"), Err(superseded));
        assert_eq!(state.permits(Generation(3), "t"), Ok(()));
        assert!(matches!(state.permits(Generation(4), "t"), Err(Fault::Permanent(_))), "an older copy of the file");
        assert!(matches!(state.fence(&sink, Generation(4), &[Partition(1)], "t"), Err(Fault::Permanent(_))));
        let stranger = state.fence(&SinkName("x".into()), Generation(4), &here, "t").unwrap_err().to_string();
        assert!(stranger.contains("belongs to sink `s`"), "{stranger}");
    }

    #[test]
    fn of_a_stretch_only_what_is_new_is_admitted() {
        let state = SinkState { progress: [(Partition(0), reached(10))].into(), ..SinkState::default() };
        assert_eq!(state.admit(&stretch(10, 15), "t"), Ok(Admitted::From(Offset(10))));
        assert_eq!(state.admit(&stretch(7, 15), "t"), Ok(Admitted::From(Offset(10))));
        assert_eq!(state.admit(&stretch(7, 10), "t"), Ok(Admitted::Nothing));
        let gap = state.admit(&stretch(11, 15), "t").unwrap_err().to_string();
        assert!(gap.contains("up to 10, and lines from 11 on"), "{gap}");
    }

    #[test]
    fn the_state_reads_back_as_it_was_written() {
        let mut state = SinkState { generation: Some(Generation(3)), reused: 2, ..SinkState::default() };
        state.adopt(&owner("a", "s"), [(Partition(11), Offset(0))]);
        state.progress.insert(Partition(2), reached(u64::MAX));
        let text = serde_json::to_vec(&state).unwrap();
        assert_eq!(serde_json::from_slice::<SinkState>(&text).unwrap(), state);
    }
}
