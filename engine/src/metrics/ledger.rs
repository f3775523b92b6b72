//! What the ledger holds, for people: who has claimed it, which bindings are open, the newest entries. Bounded, whatever the
//! ledger's size; told by the process that writes it, as it changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::contract::SinkName;
use crate::ledger::{Book, Entry, EntryBody, Generation, Seq, Stretch, TableVersion};
use crate::log::{Offset, OffsetRange, Offsets, Partition};
use crate::stream::Epoch;

/// So many entries are told of, and so many open bindings: the newest.
pub const MOST_LEDGER_ENTRIES: usize = 10;

/// So many partitions of an entry or a binding are told of: the first.
pub const MOST_LEDGER_PARTITIONS: usize = 16;

/// What the ledger holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerStatus {
    /// Who has claimed it.
    pub generation: Generation,
    /// How long ago that was, in milliseconds.
    pub claimed_ms_ago: u64,
    /// The bindings that are open, the newest first, at most [`MOST_LEDGER_ENTRIES`]: those of requests that are not durable
    /// in every required sink, or that may still come. As they were a second ago, or less.
    pub open: Vec<OpenBinding>,
    /// How many are open in all.
    pub open_in_all: u64,
    /// The newest entries, the newest first, at most [`MOST_LEDGER_ENTRIES`].
    pub newest: Vec<EntryStatus>,
}

/// A binding that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBinding {
    /// The entry that has bound these requests.
    pub entry: Seq,
    /// The life of the job that wrote it.
    pub generation: Generation,
    /// Id of the model.
    pub model: Box<str>,
    /// Version of the table.
    pub table: TableVersion,
    /// The epoch of the present life at which the dataflow's table is that version; `None` if it isn't known any more.
    pub as_of: Option<Epoch>,
    /// Which requests: from the first that isn't durable everywhere.
    pub requests: ByPartition<OffsetRange>,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryStatus {
    /// Its number.
    pub number: Seq,
    /// The life of the job that wrote it.
    pub generation: Generation,
    /// How long ago it was written, in milliseconds; `None` if it was before the present life. What this life wrote while it
    /// began is told as of its claim.
    pub ms_ago: Option<u64>,
    /// What it says.
    pub says: EntrySays,
}

/// What an entry says; see [`EntryBody`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntrySays {
    /// The ledger was opened.
    Opened {
        /// Partitions of the request log.
        partitions: u32,
    },
    /// A later life began.
    Claimed,
    /// A sink belongs to the job from now on.
    Registered {
        /// Its name.
        sink: SinkName,
    },
    /// Requests that had no binding get this one.
    Bound {
        /// Id of the model.
        model: Box<str>,
        /// Version of the table.
        table: TableVersion,
        /// Which requests.
        requests: ByPartition<OffsetRange>,
    },
    /// What was bound gets another binding from here on.
    Cut {
        /// Id of the model.
        model: Box<str>,
        /// Version of the table.
        table: TableVersion,
        /// From where on.
        at: ByPartition<Offset>,
    },
    /// A clean end: nothing is bound from here on.
    Closed {
        /// From where on.
        at: ByPartition<Offset>,
    },
}

/// Something of each partition, of which only the first [`MOST_LEDGER_PARTITIONS`] are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByPartition<T> {
    /// How many partitions there are.
    pub partitions: u64,
    /// The first of them.
    pub first: BTreeMap<Partition, T>,
}

impl<T: Copy> ByPartition<T> {
    fn of(all: &BTreeMap<Partition, T>) -> Self {
        let first = all.iter().take(MOST_LEDGER_PARTITIONS).map(|(partition, of)| (*partition, *of)).collect();
        Self { partitions: all.len() as u64, first }
    }
}

impl EntrySays {
    fn of(body: &EntryBody) -> Self {
        match body {
            EntryBody::Open { partitions, .. } => Self::Opened { partitions: *partitions },
            EntryBody::Claim { .. } => Self::Claimed,
            EntryBody::Register { sink, .. } => Self::Registered { sink: sink.clone() },
            EntryBody::Bind { binding, ranges } => {
                Self::Bound { model: binding.model.clone(), table: binding.table, requests: ByPartition::of(ranges) }
            }
            EntryBody::Cut { binding, at, .. } => {
                Self::Cut { model: binding.model.clone(), table: binding.table, at: ByPartition::of(at) }
            }
            EntryBody::Close { at } => Self::Closed { at: ByPartition::of(at) },
        }
    }
}

/// The bindings of offsets at or above `from`, the newest first, and how many there are; a partition that is missing counts
/// from 0. `as_of` knows at which epoch the dataflow's table is a version.
pub(super) fn open_bindings(
    book: &Book,
    from: &Offsets,
    as_of: impl Fn(TableVersion) -> Option<Epoch>,
) -> (Vec<OpenBinding>, u64) {
    let mut bound = BTreeMap::<Seq, BTreeMap<Partition, OffsetRange>>::new();
    for partition in (0..book.partitions()).map(Partition) {
        let from = from.get(&partition).copied().unwrap_or_default();
        let mut at = from.max(book.kept_from(partition));
        while let Some(Stretch { number, until }) = book.at(partition, at) {
            bound.entry(number).or_default().insert(partition, OffsetRange::new(at, until));
            at = until;
        }
    }
    let open = |(number, requests): (&Seq, &BTreeMap<_, _>)| {
        let (binding, generation) = book.binding(*number).zip(book.generation_of(*number))?;
        Some(OpenBinding {
            entry: *number,
            generation,
            model: binding.model.clone(),
            table: binding.table,
            as_of: as_of(binding.table),
            requests: ByPartition::of(requests),
        })
    };
    (bound.iter().rev().filter_map(open).take(MOST_LEDGER_ENTRIES).collect(), bound.len() as u64)
}

/// What is known of the ledger.
#[derive(Clone, Debug)]
pub(super) struct LedgerState {
    clock: Arc<dyn Clock>,
    generation: Generation,
    claimed: Duration,
    pub(super) open: (Vec<OpenBinding>, u64),
    newest: BTreeMap<Seq, (Generation, Option<Duration>, EntrySays)>,
}

/// When an entry was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Now.
    Now,
    /// Before, in this life or an earlier one.
    Before,
}

impl LedgerState {
    pub(super) fn claimed(generation: Generation, clock: Arc<dyn Clock>) -> Self {
        let claimed = clock.now();
        Self { clock, generation, claimed, open: (Vec::new(), 0), newest: BTreeMap::new() }
    }

    pub(super) fn entry(&mut self, number: Seq, entry: &Entry, written: Written) {
        let when = match written {
            Written::Now => Some(self.clock.now()),
            Written::Before => (entry.generation == self.generation).then_some(self.claimed),
        };
        self.newest.insert(number, (entry.generation, when, EntrySays::of(&entry.body)));
        while self.newest.len() > MOST_LEDGER_ENTRIES {
            self.newest.pop_first();
        }
    }

    pub(super) fn status(&self) -> LedgerStatus {
        let now = self.clock.now();
        let ms_ago = |then: Duration| u64::try_from(now.saturating_sub(then).as_millis()).unwrap_or(u64::MAX);
        let entry = |(number, (generation, when, says)): (&Seq, &(Generation, Option<Duration>, EntrySays))| {
            EntryStatus { number: *number, generation: *generation, ms_ago: when.map(ms_ago), says: says.clone() }
        };
        let (open, open_in_all) = self.open.clone();
        LedgerStatus {
            generation: self.generation,
            claimed_ms_ago: ms_ago(self.claimed),
            open,
            open_in_all,
            newest: self.newest.iter().rev().map(entry).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::ids::JobName;
    use crate::ledger::{AnswerFormat, Binding};

    fn binding(model: &str) -> Binding {
        Binding { model: model.into(), table: TableVersion(4), format: AnswerFormat(1), settings: BTreeMap::new() }
    }

    fn entries() -> Vec<Entry> {
        let written = |generation, body| Entry { generation: Generation(generation), body };
        let range = |from, to| OffsetRange::new(Offset(from), Offset(to));
        let ranges = |from, to| (0..20).map(|partition| (Partition(partition), range(from, to))).collect();
        let all_at = |at| (0..20).map(|partition| (Partition(partition), Offset(at))).collect::<Offsets>();
        vec![
            written(1, EntryBody::Open { job: JobName("it".into()), partitions: 20, nonce: 7 }),
            written(1, EntryBody::Bind { binding: binding("old"), ranges: ranges(0, 100) }),
            written(2, EntryBody::Claim { nonce: 8, partitions: None }),
            written(2, EntryBody::Bind { binding: binding("middle"), ranges: ranges(100, 200) }),
            written(2, EntryBody::Cut { binding: binding("new"), at: all_at(150), upto: all_at(200) }),
        ]
    }

    fn book() -> Book {
        let mut book = Book::default();
        entries().iter().enumerate().for_each(|(number, entry)| book.apply(Seq(number as u64), entry).unwrap());
        book
    }

    #[test]
    fn bindings_are_open_until_all_that_they_bind_is_durable() {
        let as_of = |version| (version == TableVersion(4)).then_some(Epoch(3));
        let open = |offset, except: u64| {
            let mut from: Offsets = (0..20).map(|partition| (Partition(partition), Offset(offset))).collect();
            from.insert(Partition(5), Offset(except));
            open_bindings(&book(), &from, as_of)
        };
        let models = |open: &[OpenBinding]| open.iter().map(|open| open.model.to_string()).collect::<Vec<_>>();
        let (all, number) = open(40, 40);
        assert_eq!((models(&all), number), (vec!["new".to_owned(), "middle".to_owned(), "old".to_owned()], 3));
        assert_eq!((all[0].entry, all[0].generation, all[0].as_of), (Seq(4), Generation(2), Some(Epoch(3))));
        assert_eq!(all[0].requests.first[&Partition(0)], OffsetRange::new(Offset(150), Offset(200)));
        assert_eq!(all[2].requests.first[&Partition(0)], OffsetRange::new(Offset(40), Offset(100)));
        assert_eq!((all[2].requests.partitions, all[2].requests.first.len()), (20, MOST_LEDGER_PARTITIONS));
        let (late, number) = open(150, 99);
        assert_eq!((models(&late), number), (vec!["new".to_owned(), "middle".to_owned(), "old".to_owned()], 3));
        assert_eq!(late[2].requests.partitions, 1, "of one partition alone");
        assert_eq!(open(200, 200), (Vec::new(), 0));
    }

    #[test]
    fn entries_say_when_they_were_written_and_the_oldest_give_way() {
        let clock = ManualClock::new();
        let mut ledger = LedgerState::claimed(Generation(2), Arc::new(clock.clone()));
        clock.advance(Duration::from_secs(2));
        let entries = entries();
        for (number, entry) in entries.iter().enumerate() {
            let written = if number == 4 { Written::Now } else { Written::Before };
            ledger.entry(Seq(number as u64), entry, written);
        }
        clock.advance(Duration::from_secs(1));
        let status = ledger.status();
        assert_eq!((status.generation, status.claimed_ms_ago), (Generation(2), 3000));
        let ages: Vec<_> = status.newest.iter().map(|entry| (entry.number.0, entry.ms_ago)).collect();
        assert_eq!(ages, [(4, Some(1000)), (3, Some(3000)), (2, Some(3000)), (1, None), (0, None)]);
        assert_eq!(status.newest[4].says, EntrySays::Opened { partitions: 20 });
        assert!(matches!(&status.newest[0].says, EntrySays::Cut { model, .. } if **model == *"new"));
        (5..100).for_each(|number| ledger.entry(Seq(number), &entries[2], Written::Now));
        let numbers: Vec<_> = ledger.status().newest.iter().map(|entry| entry.number.0).collect();
        assert_eq!(numbers, (90..100).rev().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_told_survives_json() {
        let mut ledger = LedgerState::claimed(Generation(2), Arc::new(ManualClock::new()));
        entries().iter().zip(0..).for_each(|(entry, number)| ledger.entry(Seq(number), entry, Written::Now));
        ledger.open = open_bindings(&book(), &Offsets::new(), |_| None);
        let json = serde_json::to_string(&ledger.status()).unwrap();
        assert_eq!(serde_json::from_str::<LedgerStatus>(&json).unwrap(), ledger.status());
    }
}
