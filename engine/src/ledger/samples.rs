//! For tests: entries of any kind, whole histories of a ledger, and an oracle that scans all entries for each question.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{AnswerFormat, Binding, Book, Entry, EntryBody, Generation, Seq, Stretch, TableVersion};
use crate::contract::SinkName;
use crate::ids::JobName;
use crate::log::{Offset, OffsetRange, Offsets, Partition};

/// Partitions of the logs in the histories.
pub(super) const PARTITIONS: u32 = 3;
/// No history binds beyond it.
pub(super) const BOUND_MOST: u64 = 50;

pub(super) fn binding(number: u32) -> Binding {
    Binding {
        model: format!("m{number}").into(),
        table: TableVersion(1),
        format: AnswerFormat(1),
        settings: [("threshold".into(), "0.5".into())].into(),
    }
}

pub(super) fn written(generation: u64, body: EntryBody) -> Entry {
    Entry { generation: Generation(generation), body }
}

pub(super) fn open() -> Entry {
    written(1, EntryBody::Open { job: JobName("job".into()), partitions: PARTITIONS, nonce: 0 })
}

pub(super) fn claim(generation: u64) -> Entry {
    written(generation, EntryBody::Claim { nonce: generation, partitions: None })
}

pub(super) fn bind<const N: usize>(generation: u64, ranges: [(u32, u64, u64); N]) -> Entry {
    let ranges = ranges.map(|(partition, from, to)| (Partition(partition), OffsetRange::new(Offset(from), Offset(to))));
    written(generation, EntryBody::Bind { binding: binding(1), ranges: ranges.into() })
}

pub(super) fn book_of(entries: &[Entry]) -> Book {
    let mut book = Book::default();
    for entry in entries {
        book.apply(book.next_seq(), entry).unwrap();
    }
    book
}

/// All entries in order. Answers by looking at every one of them.
pub(super) struct Oracle<'a>(pub(super) &'a [Entry]);

impl<'a> Oracle<'a> {
    fn number(&self, partition: Partition, offset: Offset) -> Option<usize> {
        let mut found = None;
        for (number, entry) in self.0.iter().enumerate() {
            match &entry.body {
                EntryBody::Bind { ranges, .. }
                    if ranges.get(&partition).is_some_and(|range| range.contains(offset)) =>
                {
                    found = Some(number);
                }
                EntryBody::Cut { at, upto, .. } if at.get(&partition).is_some_and(|at| offset >= *at) => {
                    found = (offset < upto[&partition]).then_some(number);
                }
                EntryBody::Close { at } if at.get(&partition).is_some_and(|at| offset >= *at) => found = None,
                _ => {}
            }
        }
        found
    }

    pub(super) fn at(&self, partition: Partition, offset: Offset) -> Option<Stretch> {
        let number = self.number(partition, offset)?;
        let mut until = offset.next();
        while self.number(partition, until) == Some(number) {
            until = until.next();
        }
        Some(Stretch { number: Seq(number as u64), until })
    }

    pub(super) fn bound_upto(&self, partition: Partition) -> Offset {
        let mut end = Offset(0);
        while self.number(partition, end).is_some() {
            end = end.next();
        }
        end
    }

    pub(super) fn own_tail(&self, partition: Partition, generation: Generation) -> Offset {
        let mut own = self.bound_upto(partition);
        while let Some(before) = own.0.checked_sub(1).map(Offset)
            && self.number(partition, before).is_some_and(|number| self.0[number].generation == generation)
        {
            own = before;
        }
        own
    }

    pub(super) fn binding(&self, number: Seq) -> Option<&'a Binding> {
        match &self.0[number.0 as usize].body {
            EntryBody::Bind { binding, .. } | EntryBody::Cut { binding, .. } => Some(binding),
            _ => None,
        }
    }
}

/// A ledger as several lives of a job may have left it.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) entries: Vec<Entry>,
    pub(super) book: Book,
}

impl History {
    pub(super) fn writer(&self, number: Seq) -> Generation {
        self.entries[number.0 as usize].generation
    }

    fn add(&mut self, entry: Entry) {
        self.book.apply(Seq(self.entries.len() as u64), &entry).unwrap();
        self.entries.push(entry);
    }

    /// What a die asks for, if it may stand next; found out without the book.
    fn next_entry(&self, kind: u8, dice: [u8; 3]) -> Option<Entry> {
        let oracle = Oracle(&self.entries);
        let generation = self.entries.iter().map(|entry| entry.generation.0).max()?;
        let number = self.entries.len() as u32;
        let each = || (0..).map(Partition).zip(dice.map(u64::from));
        let own_rest = || -> Offsets {
            let rest = |(partition, die)| {
                let own = oracle.own_tail(partition, Generation(generation)).0;
                let length = oracle.bound_upto(partition).0 - own;
                (die % 3 > 0 && length > 0).then(|| (partition, Offset(own + die % length)))
            };
            each().filter_map(rest).collect()
        };
        let registered = |sink: &SinkName| {
            self.entries
                .iter()
                .any(|entry| matches!(&entry.body, EntryBody::Register { sink: known, .. } if known == sink))
        };
        let sink = SinkName(format!("sink{}", dice[0] % 3).into());
        let body = match kind {
            0..=3 => {
                let range = |(partition, die): (Partition, u64)| {
                    let from = oracle.bound_upto(partition);
                    let range = OffsetRange::new(from, Offset(BOUND_MOST.min(from.0 + die % 9)));
                    (!range.is_empty()).then_some((partition, range))
                };
                let ranges: BTreeMap<_, _> = each().filter_map(range).collect();
                (!ranges.is_empty()).then(|| EntryBody::Bind { binding: binding(number), ranges })?
            }
            4 => return Some(claim(generation + 1 + u64::from(dice[0] % 2))),
            5 | 6 => {
                let at = own_rest();
                let upto = at.keys().map(|partition| (*partition, oracle.bound_upto(*partition))).collect();
                (!at.is_empty()).then(|| EntryBody::Cut { binding: binding(number), at, upto })?
            }
            7 => Some(own_rest()).filter(|at| !at.is_empty()).map(|at| EntryBody::Close { at })?,
            _ if !registered(&sink) => {
                EntryBody::Register { sink, starts: each().map(|(p, die)| (p, Offset(die))).collect() }
            }
            _ => return None,
        };
        Some(written(generation, body))
    }
}

/// Ledgers as they come about: opened, claimed again and again, bound, cut, closed, with sinks.
pub(super) fn histories() -> impl Strategy<Value = History> {
    prop::collection::vec((0..9_u8, any::<[u8; 3]>()), 0..25).prop_map(|steps| {
        let mut history = History { entries: Vec::new(), book: Book::default() };
        history.add(open());
        for (kind, dice) in steps {
            if let Some(entry) = history.next_entry(kind, dice) {
                history.add(entry);
            }
        }
        history
    })
}

fn offsets() -> impl Strategy<Value = Offsets> {
    prop::collection::btree_map(any::<u32>().prop_map(Partition), any::<u64>().prop_map(Offset), 0..4)
}

fn texts() -> impl Strategy<Value = Box<str>> {
    "\\PC{0,8}|[\"\\\\\n\u{1}a]{0,8}".prop_map(String::into_boxed_str)
}

fn bindings() -> impl Strategy<Value = Binding> {
    let settings = prop::collection::btree_map(texts(), texts(), 0..3);
    (texts(), any::<u64>(), any::<u32>(), settings).prop_map(|(model, table, format, settings)| Binding {
        model,
        table: TableVersion(table),
        format: AnswerFormat(format),
        settings,
    })
}

fn ranges() -> impl Strategy<Value = BTreeMap<Partition, OffsetRange>> {
    let range = any::<(u64, u64)>().prop_map(|(from, to)| OffsetRange::new(Offset(from), Offset(to)));
    prop::collection::btree_map(any::<u32>().prop_map(Partition), range, 0..4)
}

/// Entries of every kind, most of them nonsense.
pub(super) fn any_entries() -> impl Strategy<Value = Entry> {
    let body = prop_oneof![
        (texts(), any::<u32>(), any::<u64>()).prop_map(|(job, partitions, nonce)| EntryBody::Open {
            job: JobName(job),
            partitions,
            nonce
        }),
        (any::<u64>(), any::<Option<u32>>()).prop_map(|(nonce, partitions)| EntryBody::Claim { nonce, partitions }),
        (texts(), offsets()).prop_map(|(sink, starts)| EntryBody::Register { sink: SinkName(sink), starts }),
        (bindings(), ranges()).prop_map(|(binding, ranges)| EntryBody::Bind { binding, ranges }),
        (bindings(), offsets(), offsets()).prop_map(|(binding, at, upto)| EntryBody::Cut { binding, at, upto }),
        offsets().prop_map(|at| EntryBody::Close { at }),
    ];
    let generation = prop_oneof![1..5_u64, any::<u64>()];
    (generation, body).prop_map(|(generation, body)| written(generation, body))
}

#[test]
fn histories_hold_every_kind_of_entry() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut kinds = BTreeSet::new();
    for _ in 0..50 {
        let history = histories().new_tree(&mut runner).unwrap().current();
        kinds.extend(history.entries.iter().map(|entry| entry.body.kind()));
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}
