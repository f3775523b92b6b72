//! Which entries nobody needs any more. Pure; [`LedgerLog::collect`](super::LedgerLog::collect) acts on it.
//!
//! An entry can go when every offset that it binds is below the progress of all sinks and below what may still be replayed,
//! and so can all entries before it. What it bound once and a cut has taken away doesn't hold it: no answer has left for that
//! by this binding. The last entry stays: a writer that comes too late must find it.

use std::collections::BTreeMap;

use super::{Book, Seq};
use crate::contract::SinkName;
use crate::log::{Offset, Offsets, Partition};

/// The first entry that must stay: all below its number can go. It is never below what is gone already.
///
/// `progress` is that of the sinks that are configured; a partition that a sink doesn't name counts from 0. Below `floor` no
/// answer is replayed; a partition that it doesn't name has no such floor of its own.
#[must_use]
pub fn collectable(book: &Book, progress: &BTreeMap<SinkName, Offsets>, floor: &Offsets) -> Seq {
    let done = |partition: Partition| {
        let reached = progress.values().map(|next| next.get(&partition).copied().unwrap_or_default());
        reached.chain(floor.get(&partition).copied()).min().unwrap_or(Offset(u64::MAX))
    };
    let last = Seq(book.next.0.saturating_sub(1));
    let needed =
        (0..book.partitions()).map(Partition).filter_map(|partition| book.first_from(partition, done(partition)));
    needed.chain([last]).min().unwrap_or(last).max(book.first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::Generation;
    use crate::ledger::samples::{BOUND_MOST, PARTITIONS, bind, book_of, claim, histories, open, written};
    use crate::ledger::{EntryBody, checkpoint, decide, samples};

    fn progress<const N: usize>(sinks: [(&str, [u64; 2]); N]) -> BTreeMap<SinkName, Offsets> {
        let offsets = |[a, b]: [u64; 2]| Offsets::from([(Partition(0), Offset(a)), (Partition(1), Offset(b))]);
        sinks.map(|(name, next)| (SinkName(name.into()), offsets(next))).into()
    }

    #[test]
    fn the_slowest_sink_and_the_retention_hold_entries() {
        let book = book_of(&[open(), bind(1, [(0, 0, 10), (1, 0, 5)]), bind(1, [(0, 10, 20)]), claim(2), claim(3)]);
        let none = Offsets::new();
        assert_eq!(collectable(&book, &progress([("a", [9, 5])]), &none), Seq(1));
        assert_eq!(collectable(&book, &progress([("a", [10, 5])]), &none), Seq(2));
        assert_eq!(collectable(&book, &progress([("a", [10, 5]), ("b", [10, 4])]), &none), Seq(1));
        assert_eq!(collectable(&book, &progress([("a", [20, 5])]), &none), Seq(4), "the last one stays");
        let floor = Offsets::from([(Partition(0), Offset(19))]);
        assert_eq!(collectable(&book, &progress([("a", [20, 5])]), &floor), Seq(2));
        assert_eq!(collectable(&book, &[(SinkName("new".into()), none.clone())].into(), &none), Seq(1));
    }

    #[test]
    fn what_a_cut_shortened_goes_when_what_is_left_of_it_is_passed() {
        let at = Offsets::from([(Partition(0), Offset(4))]);
        let mut book = book_of(&[open(), claim(2), bind(2, [(0, 0, 10)])]);
        let cut = decide::cut(&book, Generation(2), &samples::binding(5), &at).unwrap();
        book.apply(Seq(3), &cut).unwrap();
        let upto = |book: &Book, next| collectable(book, &progress([("a", [next, 0])]), &Offsets::new());
        assert_eq!((upto(&book, 3), upto(&book, 4), upto(&book, 10)), (Seq(2), Seq(3), Seq(3)));
        book.apply(Seq(4), &claim(3)).unwrap();
        assert_eq!((upto(&book, 4), upto(&book, 10)), (Seq(3), Seq(4)));
    }

    /// A table that changed every second had a cut in every range, each shortening the one before: while cuts held what they
    /// shortened, nothing was ever collected.
    #[test]
    fn a_row_of_cuts_doesnt_hold_all_that_came_before() {
        let mut book = book_of(&[open(), bind(1, [(0, 0, 10)])]);
        for at in 1..50 {
            let here = Offsets::from([(Partition(0), Offset(at))]);
            let cut = decide::cut(&book, Generation(1), &samples::binding(5), &here).unwrap();
            book.apply(book.next_seq(), &cut).unwrap();
            let end = book.bound_upto(Partition(0)).0;
            book.apply(book.next_seq(), &bind(1, [(0, end, end + 1)])).unwrap();
        }
        let upto = collectable(&book, &progress([("a", [40, 0])]), &Offsets::new());
        assert_eq!(book.at(Partition(0), Offset(40)).map(|stretch| stretch.number), Some(upto));
    }

    #[test]
    fn a_closed_range_goes_when_what_is_left_of_it_is_passed() {
        let close = written(1, EntryBody::Close { at: [(Partition(0), Offset(4))].into() });
        let book = book_of(&[open(), bind(1, [(0, 0, 10)]), close, claim(2), bind(2, [(0, 4, 12)])]);
        assert_eq!(collectable(&book, &progress([("a", [3, 0])]), &Offsets::new()), Seq(1));
        assert_eq!(collectable(&book, &progress([("a", [4, 0])]), &Offsets::new()), Seq(4));
    }

    #[test]
    fn an_empty_ledger_has_nothing_to_collect() {
        assert_eq!(collectable(&Book::default(), &progress([]), &Offsets::new()), Seq(0));
    }

    proptest! {
        /// Entries may come after the collecting, as they do in life: from positions that no sink's progress is above.
        #[test]
        fn going_on_from_a_checkpoint_equals_going_on_from_all(
            history in histories(),
            done in prop::collection::vec(0..BOUND_MOST, PARTITIONS as usize),
            kept in any::<prop::sample::Index>(),
        ) {
            let whole = history.entries.len();
            // The collector may have seen less than there is now.
            let seen = 1 + kept.index(whole);
            let mut at_collecting = Book::default();
            for (number, entry) in history.entries[..seen].iter().enumerate() {
                at_collecting.apply(Seq(number as u64), entry).unwrap();
            }
            // Progress never passes what later entries shorten: sources only stop at or beyond it.
            let mut low: Offsets = (0..).map(Partition).zip(done.into_iter().map(Offset)).collect();
            for entry in &history.entries[seen..] {
                if let EntryBody::Cut { at, .. } | EntryBody::Close { at } = &entry.body {
                    for (partition, at) in at {
                        let known = low.entry(*partition).or_default();
                        *known = (*known).min(*at);
                    }
                }
            }
            let upto = collectable(&at_collecting, &[(SinkName("only".into()), low.clone())].into(), &Offsets::new());
            prop_assert!(upto < at_collecting.next_seq());

            let mut folded = Book::default();
            for (number, entry) in history.entries[..upto.0 as usize].iter().enumerate() {
                folded.apply(Seq(number as u64), entry).unwrap();
            }
            let mut from_checkpoint = match checkpoint::write(&folded) {
                Some(line) => checkpoint::read(line.as_bytes()).unwrap(),
                None => Book::default(),
            };
            for (number, entry) in history.entries.iter().enumerate().skip(upto.0 as usize) {
                from_checkpoint.apply(Seq(number as u64), entry).unwrap();
            }
            let mut forgetting = history.book.clone();
            forgetting.forget(upto);
            prop_assert_eq!(&from_checkpoint, &forgetting);

            for partition in (0..PARTITIONS).map(Partition) {
                prop_assert!(from_checkpoint.kept_from(partition) <= low[&partition]);
                for offset in (low[&partition].0..BOUND_MOST).map(Offset) {
                    prop_assert_eq!(from_checkpoint.at(partition, offset), history.book.at(partition, offset));
                }
            }
            prop_assert_eq!(from_checkpoint.in_use(&low), history.book.in_use(&low));
        }
    }
}
