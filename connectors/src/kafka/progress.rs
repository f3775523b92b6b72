//! What stands in a topic of progress, and what it adds up to. Pure.
//!
//! | key | value | written |
//! |---|---|---|
//! | `owner/ID` | whose answers these are | by `adopt`, plain; the first one in the log holds |
//! | `start/PARTITION/ID` | where a partition begins | by `adopt`, plain; the first one holds |
//! | `generation/N` | that this life has begun to open the sink | by `open`, plain, before it fences anybody |
//! | `exactly-once/PARTITION` | how far a partition is | in the transaction of the answers |
//! | `at-least-once/PARTITION/N` | the same | plain, after the answers were acknowledged |
//!
//! Compaction keeps the last record of each key. So what the *first* decides has keys of which each is written once, and what
//! an old process may still write late has its generation in the key: it replaces nothing that is newer. All plain records
//! are true when they are written, and stay true. Those in transactions are true if they are committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use flightline_engine::contract::{Fault, JobId, SinkName, SinkSurvey, Superseded};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Partition, Reached, Witness};
use serde::{Deserialize, Serialize};

/// A number that makes a key unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClaimId(pub(super) u64);

/// The key of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Owner(ClaimId),
    Start(Partition, ClaimId),
    Generation(Generation),
    ExactlyOnce(Partition),
    AtLeastOnce(Partition, Generation),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(ClaimId(id)) => write!(f, "owner/{id:016x}"),
            Self::Start(partition, ClaimId(id)) => write!(f, "start/{partition}/{id:016x}"),
            Self::Generation(Generation(number)) => write!(f, "generation/{number}"),
            Self::ExactlyOnce(partition) => write!(f, "exactly-once/{partition}"),
            Self::AtLeastOnce(partition, Generation(number)) => write!(f, "at-least-once/{partition}/{number}"),
        }
    }
}

impl Key {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let kind = parts.next()?;
        let mut number = |radix| u64::from_str_radix(parts.next()?, radix).ok();
        let partition = |number: u64| u32::try_from(number).ok().map(Partition);
        let key = match kind {
            "owner" => Self::Owner(ClaimId(number(16)?)),
            "start" => Self::Start(partition(number(10)?)?, ClaimId(number(16)?)),
            "generation" => Self::Generation(Generation(number(10)?)),
            "exactly-once" => Self::ExactlyOnce(partition(number(10)?)?),
            "at-least-once" => Self::AtLeastOnce(partition(number(10)?)?, Generation(number(10)?)),
            _ => return None,
        };
        parts.next().is_none().then_some(key)
    }

    /// Whether the record is written in a transaction.
    const fn is_transactional(&self) -> bool {
        matches!(self, Self::ExactlyOnce(_))
    }
}

/// Whose answers a topic holds.
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

/// Where a partition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) next: Offset,
}

/// That a life has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) generation: Generation,
}

/// How far a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Of who wrote it.
    pub(super) generation: Generation,
    pub(super) next: Offset,
    pub(super) witness: Option<Witness>,
}

impl Progress {
    pub(super) const fn new(generation: Generation, reached: Reached) -> Self {
        Self { generation, next: reached.next, witness: reached.witness }
    }

    const fn reached(self) -> Reached {
        Reached { next: self.next, witness: self.witness }
    }
}

/// Which records of a reading count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// The plain ones: what stands in a transaction may be taken back.
    Plain,
    /// All: nothing that was read can be taken back.
    All,
}

/// What the records of a topic of progress add up to, when they are taken in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) owner: Option<Owner>,
    starts: BTreeMap<Partition, Offset>,
    /// The lives that were announced.
    pub(super) begun: BTreeSet<Generation>,
    exactly_once: BTreeMap<Partition, Progress>,
    at_least_once: BTreeMap<(Partition, Generation), Reached>,
}

impl Seen {
    /// Takes a record; a value that is `None` takes its key away.
    ///
    /// # Errors
    /// It is none of ours.
    pub(super) fn take(&mut self, sight: Sight, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), String> {
        let text = key.and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default();
        let key = Key::parse(text).ok_or_else(|| format!("the key `{text}` is not one that we write"))?;
        if sight == Sight::Plain && key.is_transactional() {
            return Ok(());
        }
        let Some(value) = value else {
            self.take_away(key);
            return Ok(());
        };
        let unusable = |error| format!("the value of `{text}` can't be read: {error}");
        match key {
            Key::Owner(_) => {
                let owner = serde_json::from_slice(value).map_err(unusable)?;
                self.owner.get_or_insert(owner);
            }
            Key::Start(partition, _) => {
                let Start { next } = serde_json::from_slice(value).map_err(unusable)?;
                self.starts.entry(partition).or_insert(next);
            }
            Key::Generation(generation) => _ = self.begun.insert(generation),
            Key::ExactlyOnce(partition) => {
                let progress = serde_json::from_slice(value).map_err(unusable)?;
                self.exactly_once.insert(partition, progress);
            }
            Key::AtLeastOnce(partition, generation) => {
                let progress: Progress = serde_json::from_slice(value).map_err(unusable)?;
                self.at_least_once.entry((partition, generation)).or_default().advance(progress.reached());
            }
        }
        Ok(())
    }

    fn take_away(&mut self, key: Key) {
        match key {
            Key::Generation(generation) => _ = self.begun.remove(&generation),
            Key::AtLeastOnce(partition, generation) => _ = self.at_least_once.remove(&(partition, generation)),
            // These are never taken away.
            Key::Owner(_) | Key::Start(..) | Key::ExactlyOnce(_) => {}
        }
    }

    /// Brings in what another reading has seen of transactions.
    pub(super) fn with_committed(mut self, committed: Self) -> Self {
        self.exactly_once = committed.exactly_once;
        self
    }

    /// How far a partition is; `None` if it never began.
    pub(super) fn progress(&self, partition: Partition) -> Option<Reached> {
        let mut reached = Reached::start(*self.starts.get(&partition)?);
        let exactly_once = self.exactly_once.get(&partition).map(|progress| progress.reached());
        let range = (partition, Generation(0))..=(partition, Generation(u64::MAX));
        let at_least_once = self.at_least_once.range(range).map(|(_, reached)| *reached);
        at_least_once.chain(exactly_once).for_each(|other| reached.advance(other));
        Some(reached)
    }

    /// The latest life that was here.
    pub(super) fn latest(&self) -> Option<Generation> {
        let wrote = self.exactly_once.values().map(|progress| progress.generation);
        self.begun.iter().copied().chain(wrote).max()
    }

    /// A life that is later than this one ends it.
    pub(super) fn permits(&self, generation: Generation) -> Result<(), Fault> {
        match self.latest() {
            Some(later) if later > generation => Err(Superseded { later }.into()),
            _ => Ok(()),
        }
    }

    /// Whether the topic is free, or this sink's, of whatever job.
    pub(super) fn is_of(&self, sink: &SinkName, topic: &str) -> Result<(), Fault> {
        match &self.owner {
            Some(owner) if owner.sink != *sink => Err(Fault::permanent(format!(
                "topic `{topic}` belongs to {owner}, and sink `{sink}` can't write there: name another topic for it"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether this sink of this job may have the topic.
    pub(super) fn may_be_adopted(&self, by: &Owner, topic: &str) -> Result<(), Fault> {
        match &self.owner {
            Some(owner) if owner != by => Err(Fault::permanent(format!(
                "topic `{topic}` belongs to {owner}; {by} can't write there: name another topic for it"
            ))),
            _ => Ok(()),
        }
    }

    /// Which of these partitions have not begun.
    pub(super) fn not_begun(&self, partitions: impl IntoIterator<Item = Partition>) -> Vec<Partition> {
        partitions.into_iter().filter(|partition| !self.starts.contains_key(partition)).collect()
    }

    /// Where these partitions are, for a writer of this generation.
    ///
    /// # Errors
    /// A later life was here; or the topic was not adopted, or has lost what was known of it.
    pub(super) fn opened(
        &self,
        sink: &SinkName,
        topic: &str,
        generation: Generation,
        partitions: &[Partition],
    ) -> Result<BTreeMap<Partition, Reached>, Fault> {
        self.permits(generation)?;
        self.is_of(sink, topic)?;
        if self.owner.is_none() {
            return Err(Fault::permanent(format!("topic `{topic}` belongs to no job yet, so nobody can write there")));
        }
        let place = |partition: &Partition| match self.progress(*partition) {
            Some(reached) => Ok((*partition, reached)),
            None => Err(Fault::permanent(format!(
                "it is not known any more how far partition {partition} is in topic `{topic}`: its topic of progress was made \
                 anew, or has forgotten; restore it, or begin with a new sink and another topic"
            ))),
        };
        partitions.iter().map(place).collect()
    }

    /// What the engine wants to know of it.
    pub(super) fn survey(&self, partitions: &[Partition]) -> SinkSurvey {
        let progress = partitions.iter().filter_map(|partition| Some((*partition, self.progress(*partition)?)));
        SinkSurvey { owner: self.owner.as_ref().map(|owner| owner.job.clone()), progress: progress.collect() }
    }

    /// Keys that nobody needs any more, once `generation` has said how far these partitions are.
    pub(super) fn needless(&self, generation: Generation, partitions: &[Partition]) -> Vec<Key> {
        let acked = self.at_least_once.keys().filter(|(partition, _)| partitions.contains(partition));
        let acked = acked.filter(|(_, of)| *of < generation).map(|(partition, of)| Key::AtLeastOnce(*partition, *of));
        let begun = self.begun.iter().filter(|begun| **begun < generation).map(|begun| Key::Generation(*begun));
        acked.chain(begun).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Partition = Partition(0);

    fn seen(records: &[(Key, Option<&str>)]) -> Seen {
        let mut seen = Seen::default();
        for (key, value) in records {
            seen.take(Sight::All, Some(key.to_string().as_bytes()), value.map(str::as_bytes)).unwrap();
        }
        seen
    }

    fn owner(job: &str, sink: &str) -> String {
        serde_json::to_string(&Owner { job: JobId(job.into()), sink: SinkName(sink.into()) }).unwrap()
    }

    fn progress(generation: u64, next: u64) -> String {
        let witness = Some(Witness { offset: Offset(next - 1), hash: u64::MAX });
        let reached = Reached { next: Offset(next), witness };
        serde_json::to_string(&Progress::new(Generation(generation), reached)).unwrap()
    }

    #[test]
    fn keys_read_back() {
        let keys = [
            Key::Owner(ClaimId(u64::MAX)),
            Key::Start(Partition(7), ClaimId(3)),
            Key::Generation(Generation(12)),
            Key::ExactlyOnce(Partition(11)),
            Key::AtLeastOnce(Partition(2), Generation(9)),
        ];
        for key in keys {
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
        for text in ["", "owner", "owner/", "exactly-once/1/2", "at-least-once/1", "exactly-once/-1", "x/1"] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_who_claims_owns_whoever_claims_again() {
        let (a, b) = (owner("a", "s"), owner("b", "s"));
        // What compaction leaves: no key is ever written twice.
        let seen = seen(&[
            (Key::Owner(ClaimId(1)), Some(&a)),
            (Key::Owner(ClaimId(2)), Some(&b)),
            (Key::Owner(ClaimId(3)), Some(&a)),
            (Key::Start(P, ClaimId(1)), Some(r#"{"next":5}"#)),
            (Key::Start(P, ClaimId(2)), Some(r#"{"next":9}"#)),
        ]);
        assert_eq!(seen.progress(P), Some(Reached::start(Offset(5))));
        let by = |job: &str| Owner { job: JobId(job.into()), sink: SinkName("s".into()) };
        assert_eq!(seen.may_be_adopted(&by("a"), "t"), Ok(()));
        let refused = seen.may_be_adopted(&by("b"), "t").unwrap_err().to_string();
        assert!(refused.contains("job `a`") && refused.contains("job `b`"), "{refused}");
        assert!(seen.is_of(&SinkName("x".into()), "t").is_err());
    }

    #[test]
    fn a_late_word_of_an_older_life_replaces_nothing() {
        let records = [
            (Key::Start(P, ClaimId(1)), r#"{"next":0}"#.to_owned()),
            (Key::AtLeastOnce(P, Generation(2)), progress(2, 50)),
            (Key::AtLeastOnce(P, Generation(1)), progress(1, 40)),
            (Key::Generation(Generation(2)), r#"{"generation":2}"#.to_owned()),
            (Key::Generation(Generation(1)), r#"{"generation":1}"#.to_owned()),
        ];
        let mut seen = Seen::default();
        for (key, value) in &records {
            seen.take(Sight::Plain, Some(key.to_string().as_bytes()), Some(value.as_bytes())).unwrap();
        }
        assert_eq!(seen.progress(P).map(|reached| reached.next), Some(Offset(50)));
        assert_eq!(seen.latest(), Some(Generation(2)));
        assert_eq!(seen.permits(Generation(1)), Err(Superseded { later: Generation(2) }.into()));
        assert_eq!(
            seen.needless(Generation(2), &[P]),
            [Key::AtLeastOnce(P, Generation(1)), Key::Generation(Generation(1))]
        );
        assert_eq!(seen.needless(Generation(2), &[Partition(1)]), [Key::Generation(Generation(1))]);
    }

    #[test]
    fn what_may_be_taken_back_does_not_count() {
        let key = Key::ExactlyOnce(P).to_string();
        let mut plain = seen(&[(Key::Start(P, ClaimId(1)), Some(r#"{"next":3}"#))]);
        plain.take(Sight::Plain, Some(key.as_bytes()), Some(progress(4, 50).as_bytes())).unwrap();
        assert_eq!((plain.progress(P).map(|reached| reached.next), plain.latest()), (Some(Offset(3)), None));
        let committed = seen(&[(Key::ExactlyOnce(P), Some(&progress(4, 20)))]);
        let both = plain.with_committed(committed);
        assert_eq!(
            (both.progress(P).map(|reached| reached.next), both.latest()),
            (Some(Offset(20)), Some(Generation(4)))
        );
        assert!(both.progress(P).unwrap().witness.is_some());
    }

    #[test]
    fn what_is_taken_away_is_gone_and_what_is_not_ours_is_said() {
        let value = progress(1, 9);
        let records = [
            (Key::Start(P, ClaimId(1)), Some(r#"{"next":3}"#)),
            (Key::AtLeastOnce(P, Generation(1)), Some(value.as_str())),
            (Key::AtLeastOnce(P, Generation(1)), None),
        ];
        assert_eq!(seen(&records).progress(P), Some(Reached::start(Offset(3))));
        let mut seen = Seen::default();
        assert!(seen.take(Sight::All, Some(b"hello"), Some(b"x")).unwrap_err().contains("`hello`"));
        assert!(seen.take(Sight::All, Some(b"owner/1"), Some(b"x")).unwrap_err().contains("owner/1"));
        assert!(seen.take(Sight::All, None, Some(b"x")).is_err());
    }

    #[test]
    fn a_writer_needs_an_owner_and_a_beginning() {
        let (sink, job) = (SinkName("s".into()), owner("a", "s"));
        let nobodys = seen(&[]);
        assert!(nobodys.opened(&sink, "t", Generation(1), &[P]).unwrap_err().to_string().contains("no job yet"));
        let lost = seen(&[(Key::Owner(ClaimId(1)), Some(&job))]);
        assert!(lost.opened(&sink, "t", Generation(1), &[P]).unwrap_err().to_string().contains("partition 0"));
        assert_eq!(lost.not_begun([P]), [P]);
    }
}
