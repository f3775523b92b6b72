//! All entries of a ledger together, as far as they were read: what is bound, by whom, and what each sink was promised.
//!
//! Invariants: an entry is taken only if it may follow (see `admit`), and a refused one changes nothing; two books that
//! took the same entries are equal, also if one began with a checkpoint (and the other then forgot as much).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::admit::{LedgerError, admit};
use super::stretches::Stretches;
use super::{Binding, Entry, EntryBody, Generation, Seq, TableVersion};
use crate::contract::{JobId, SinkName};
use crate::ids::JobName;
use crate::log::{Offset, Offsets, Partition};

/// Part of a partition that one entry binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The entry that binds it.
    pub number: Seq,
    /// The first offset after the asked-for one that this entry no longer binds.
    pub until: Offset,
}

/// Whose ledger it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opened {
    pub(super) job: JobName,
    pub(super) nonce: u64,
    pub(super) partitions: u32,
}

/// A binding with its writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) by: Generation,
    pub(super) binding: Binding,
}

/// All entries of a ledger, taken in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Entries below it are forgotten: only what they add up to is known.
    pub(super) first: Seq,
    pub(super) next: Seq,
    pub(super) opened: Option<Opened>,
    pub(super) generation: Option<Generation>,
    pub(super) registered: BTreeMap<SinkName, Offsets>,
    pub(super) bound: BTreeMap<Partition, Stretches>,
    /// Of all entries from `first` on that bind something.
    pub(super) bindings: BTreeMap<Seq, Written>,
    /// The last one that was ever written, also if it is forgotten otherwise.
    pub(super) newest: Option<(Seq, Written)>,
}

impl Book {
    /// Takes the next entry.
    ///
    /// # Errors
    /// The entry can't stand here; the book is as it was.
    pub fn apply(&mut self, number: Seq, entry: &Entry) -> Result<(), LedgerError> {
        admit(self, number, entry)?;
        match &entry.body {
            EntryBody::Open { job, partitions, nonce } => {
                self.opened = Some(Opened { job: job.clone(), nonce: *nonce, partitions: *partitions });
                self.generation = Some(entry.generation);
            }
            EntryBody::Claim { nonce: _, partitions } => {
                self.generation = Some(entry.generation);
                if let Some((opened, partitions)) = self.opened.as_mut().zip(*partitions) {
                    opened.partitions = partitions;
                }
                self.bound.values_mut().for_each(Stretches::claimed);
            }
            EntryBody::Register { sink, starts } => self.registered.entry(sink.clone()).or_default().extend(starts),
            EntryBody::Bind { binding, ranges } => {
                for (partition, range) in ranges {
                    self.bound.entry(*partition).or_default().bind(range.to, number);
                }
                self.remember(number, entry.generation, binding);
            }
            EntryBody::Cut { binding, at, upto: _ } => {
                self.shorten(at, |stretches, at| stretches.cut(at, number));
                self.remember(number, entry.generation, binding);
            }
            EntryBody::Close { at } => self.shorten(at, Stretches::close),
        }
        self.next = number.next();
        Ok(())
    }

    /// Whether an entry may be the next one.
    ///
    /// # Errors
    /// It may not; says why.
    pub fn admits(&self, entry: &Entry) -> Result<(), LedgerError> {
        admit(self, self.next, entry)
    }

    /// The number of the next entry.
    #[must_use]
    pub const fn next_seq(&self) -> Seq {
        self.next
    }

    /// The first entry that is not forgotten.
    #[must_use]
    pub const fn first_seq(&self) -> Seq {
        self.first
    }

    /// The highest generation that has claimed the ledger; `None` before the first entry.
    #[must_use]
    pub const fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// The name of the job whose ledger it is; `None` before the first entry.
    #[must_use]
    pub fn job(&self) -> Option<&JobName> {
        self.opened.as_ref().map(|opened| &opened.job)
    }

    /// What its destinations know the job by; `None` before the first entry.
    #[must_use]
    pub fn id(&self) -> Option<JobId> {
        self.opened.as_ref().map(|opened| JobId::new(&opened.job, opened.nonce))
    }

    /// The partitions of the request log; 0 before the first entry.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.opened.as_ref().map_or(0, |opened| opened.partitions)
    }

    /// What binds an offset; `None` if nothing does, or if it was forgotten (below [`Book::kept_from`]).
    #[must_use]
    pub fn at(&self, partition: Partition, offset: Offset) -> Option<Stretch> {
        self.bound.get(&partition)?.at(offset)
    }

    /// The binding that an entry wrote; `None` if it wrote none, or if it was forgotten.
    #[must_use]
    pub fn binding(&self, number: Seq) -> Option<&Binding> {
        self.written(number).map(|written| &written.binding)
    }

    /// The life of the job that wrote a binding; `None` exactly where [`Book::binding`] gives none.
    #[must_use]
    pub fn generation_of(&self, number: Seq) -> Option<Generation> {
        self.written(number).map(|written| written.by)
    }

    /// The first offset of a partition that is not bound.
    #[must_use]
    pub fn bound_upto(&self, partition: Partition) -> Offset {
        self.bound.get(&partition).map(Stretches::end).unwrap_or_default()
    }

    /// The first offset of a partition whose binding is still known: all below it was collected.
    #[must_use]
    pub fn kept_from(&self, partition: Partition) -> Offset {
        self.bound.get(&partition).map(Stretches::base).unwrap_or_default()
    }

    /// The binding that was written last, whether or not an offset has it still; `None` if none ever was.
    #[must_use]
    pub fn newest_binding(&self) -> Option<(Seq, &Binding)> {
        self.newest.as_ref().map(|(number, written)| (*number, &written.binding))
    }

    /// The first entry that binds an offset at or above this one.
    pub(super) fn first_from(&self, partition: Partition, offset: Offset) -> Option<Seq> {
        self.bound.get(&partition)?.numbers_from(offset.max(self.kept_from(partition))).next()
    }

    /// The bindings of all offsets at or above these; a partition that is missing counts from 0. The newest binding is
    /// among them only if an offset has it.
    #[must_use]
    pub fn in_use(&self, above: &Offsets) -> BTreeMap<Seq, Binding> {
        let from = |partition| above.get(partition).copied().unwrap_or_default();
        let numbers = self.bound.iter().flat_map(|(partition, bound)| bound.numbers_from(from(partition)));
        numbers.filter_map(|number| Some((number, self.binding(number)?.clone()))).collect()
    }

    /// All sinks that ever belonged to the job, and where each began.
    #[must_use]
    pub const fn registered(&self) -> &BTreeMap<SinkName, Offsets> {
        &self.registered
    }

    /// Where a generation's own tail of a partition begins: all that is bound from there on, it bound itself.
    pub(super) fn own_tail(&self, partition: Partition, generation: Generation) -> Offset {
        let own = |number| self.bindings.get(&number).is_some_and(|written| written.by == generation);
        let Some(bound) = self.bound.get(&partition) else { return Offset::default() };
        let known = bound.own_tail(own);
        if self.generation == Some(generation) { known } else { known.max(bound.base()) }
    }

    /// The oldest version of the table that an entry from `from` on names, or the newest binding; `None` if nothing was
    /// ever bound.
    #[must_use]
    pub fn oldest_table_from(&self, from: Seq) -> Option<TableVersion> {
        let written = self.bindings.range(from..).map(|(_, written)| written);
        written.chain(self.newest.iter().map(|(_, newest)| newest)).map(|written| written.binding.table).min()
    }

    /// Forgets all entries below `upto`, beside what they add up to. Only for a number that [`super::collect`] allows.
    pub(crate) fn forget(&mut self, upto: Seq) {
        self.first = self.first.max(upto);
        let at_work = self.generation;
        let own = |number| self.bindings.get(&number).is_some_and(|written| Some(written.by) == at_work);
        self.bound.values_mut().for_each(|bound| bound.forget(upto, own));
        self.bindings = self.bindings.split_off(&upto);
    }

    fn written(&self, number: Seq) -> Option<&Written> {
        let newest = self.newest.as_ref().filter(|(newest, _)| *newest == number).map(|(_, written)| written);
        self.bindings.get(&number).or(newest)
    }

    fn remember(&mut self, number: Seq, by: Generation, binding: &Binding) {
        let written = Written { by, binding: binding.clone() };
        self.newest = Some((number, written.clone()));
        self.bindings.insert(number, written);
    }

    fn shorten(&mut self, at: &Offsets, shorten: impl Fn(&mut Stretches, Offset)) {
        for (partition, at) in at {
            shorten(self.bound.entry(*partition).or_default(), *at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::ledger::samples::{BOUND_MOST, Oracle, PARTITIONS, histories};

    fn all_positions() -> impl Iterator<Item = (Partition, Offset)> {
        (0..PARTITIONS).flat_map(|p| (0..BOUND_MOST + 2).map(move |o| (Partition(p), Offset(o))))
    }

    proptest! {
        #[test]
        fn a_book_binds_what_a_scan_of_all_entries_binds(history in histories()) {
            let oracle = Oracle(&history.entries);
            for (partition, offset) in all_positions() {
                let found = history.book.at(partition, offset);
                prop_assert_eq!(found, oracle.at(partition, offset), "{} of {}", offset, partition);
                if let Some(Stretch { number, .. }) = found {
                    prop_assert_eq!(history.book.binding(number), oracle.binding(number));
                    let writer = Some(history.entries[number.0 as usize].generation);
                    prop_assert_eq!(history.book.generation_of(number), writer);
                }
            }
            for partition in (0..PARTITIONS).map(Partition) {
                prop_assert_eq!(history.book.bound_upto(partition), oracle.bound_upto(partition));
                for generation in (1..=history.book.generation().unwrap().0).map(Generation) {
                    let own = history.book.own_tail(partition, generation);
                    prop_assert_eq!(own, oracle.own_tail(partition, generation));
                }
            }
        }

        #[test]
        fn bindings_in_use_are_those_of_the_offsets_that_may_still_come(
            history in histories(),
            above in prop::collection::btree_map((0..PARTITIONS).prop_map(Partition), (0..BOUND_MOST).prop_map(Offset), 0..3),
        ) {
            let from = |partition| above.get(&partition).copied().unwrap_or_default();
            let expected: BTreeSet<Seq> = all_positions()
                .filter(|(partition, offset)| *offset >= from(*partition))
                .filter_map(|(partition, offset)| Some(Oracle(&history.entries).at(partition, offset)?.number))
                .collect();
            prop_assert_eq!(history.book.in_use(&above).into_keys().collect::<BTreeSet<_>>(), expected);
        }

        #[test]
        fn a_book_travels_whole(history in histories()) {
            let travelled: Book = serde_json::from_str(&serde_json::to_string(&history.book).unwrap()).unwrap();
            prop_assert_eq!(travelled, history.book);
        }

        #[test]
        fn where_each_sink_began_is_remembered(history in histories()) {
            let mut registered = BTreeMap::new();
            for entry in &history.entries {
                if let EntryBody::Register { sink, starts } = &entry.body {
                    registered.insert(sink.clone(), starts.clone());
                }
            }
            prop_assert_eq!(history.book.registered(), &registered);
        }
    }
}
