//! The entries that a generation may write, and who has lost. Pure: a book and positions in, an entry or nothing out.
//!
//! The rules are those of the executable model of exactly-once: what is not bound yet is bound in order, ahead of reading; a
//! generation changes only what it bound itself, from where its sources stand; what others bound stands to its end, so that
//! whatever a sink already holds, or a paused old process still writes, is what everybody computes.
//!
//! Positions are where the sources of *this life* stand: the first offset of each partition that was not let into the
//! dataflow. They never go back within a life, also not when a sink does.

use std::collections::BTreeMap;

use super::{Binding, Book, Entry, EntryBody, Generation};
use crate::contract::{Standing, Superseded};
use crate::log::{Offset, OffsetRange, Offsets, Partition};

/// Seconds of traffic that a range should hold.
pub const RANGE_SECONDS: f64 = 30.0;
/// The fewest offsets that a range holds.
pub const RANGE_LEAST: u64 = 1_024;
/// The most offsets that a range holds: an offset that is bound can't be bound to anything else after a crash.
pub const RANGE_MOST: u64 = 16 << 20;

/// How many offsets of a partition to bind at once, from how many records it gets in a second.
#[must_use]
pub fn range_length(records_per_second: f64) -> u64 {
    // The cast saturates, and takes what is not a number for 0.
    ((records_per_second * RANGE_SECONDS).ceil() as u64).clamp(RANGE_LEAST, RANGE_MOST)
}

/// Binds each partition from where nothing is bound up to its end in `ends`; `None` if all is bound up to there.
#[must_use]
pub fn extend(
    book: &Book,
    generation: Generation,
    binding: &Binding,
    ends: &BTreeMap<Partition, Offset>,
) -> Option<Entry> {
    let range = |(partition, end): (&Partition, &Offset)| {
        let range = OffsetRange::new(book.bound_upto(*partition), *end);
        (!range.is_empty()).then_some((*partition, range))
    };
    let ranges: BTreeMap<_, _> = ends.iter().filter_map(range).collect();
    let body = EntryBody::Bind { binding: binding.clone(), ranges: ranges.clone() };
    (!ranges.is_empty()).then_some(Entry { generation, body })
}

/// Gives the rest of this generation's own ranges, from the positions on, another binding. Partitions in which nothing of
/// its own is left are left out; `None` if that is so in all of them: then the next [`extend`] brings the new binding.
#[must_use]
pub fn cut(book: &Book, generation: Generation, binding: &Binding, positions: &Offsets) -> Option<Entry> {
    let at = own_rest(book, generation, positions);
    let upto = at.keys().map(|partition| (*partition, book.bound_upto(*partition))).collect();
    (!at.is_empty()).then(|| Entry { generation, body: EntryBody::Cut { binding: binding.clone(), at, upto } })
}

/// Unbinds the rest of this generation's own ranges, from the positions on: a clean end. `None` if nothing is left of them.
#[must_use]
pub fn close(book: &Book, generation: Generation, positions: &Offsets) -> Option<Entry> {
    let at = own_rest(book, generation, positions);
    (!at.is_empty()).then_some(Entry { generation, body: EntryBody::Close { at } })
}

/// The generation that a new life claims: the one that is proposed, or else the next. A ledger that is not there yet is opened
/// as generation 1 first, whatever is proposed.
///
/// # Errors
/// What is proposed is not above all earlier ones.
pub fn claims(book: &Book, proposed: Option<Generation>) -> Result<Generation, Superseded> {
    match (book.generation(), proposed) {
        (None, _) => Ok(Generation(1)),
        (Some(later), Some(proposed)) if proposed <= later => Err(Superseded { later }),
        (Some(_), Some(proposed)) => Ok(proposed),
        (Some(Generation(highest)), None) => Ok(Generation(highest.saturating_add(1))),
    }
}

/// Whether a later generation has claimed the ledger, so that this one must end.
#[must_use]
pub fn superseded(book: &Book, generation: Generation) -> Option<Superseded> {
    book.generation().filter(|highest| *highest > generation).map(|later| Superseded { later })
}

/// Whether a stored answer gives way to another one with the same key: the first one stands, unless the other one is of the
/// same position of the request log (and then says the same), or is final where the stored one is provisional.
#[must_use]
pub fn stands(old: Standing, same_position: bool, new: Standing) -> bool {
    same_position || (old == Standing::Provisional && new == Standing::Final)
}

/// Where the rest of a generation's own ranges begins, in each partition that has one.
fn own_rest(book: &Book, generation: Generation, positions: &Offsets) -> Offsets {
    let rest = |(partition, position): (&Partition, &Offset)| {
        let at = book.own_tail(*partition, generation).max(*position);
        (at < book.bound_upto(*partition)).then_some((*partition, at))
    };
    positions.iter().filter_map(rest).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::Stretch;
    use crate::ledger::samples::{BOUND_MOST, PARTITIONS, bind, binding, book_of, claim, histories, open, written};

    fn offsets<const N: usize>(offsets: [(u32, u64); N]) -> Offsets {
        offsets.map(|(partition, offset)| (Partition(partition), Offset(offset))).into()
    }

    fn positions() -> impl Strategy<Value = Offsets> {
        prop::collection::btree_map((0..PARTITIONS).prop_map(Partition), (0..BOUND_MOST).prop_map(Offset), 0..4)
    }

    /// The number that binds each offset.
    fn numbers(book: &Book) -> Vec<Option<super::super::Seq>> {
        let all = (0..PARTITIONS).flat_map(|p| (0..BOUND_MOST + 20).map(move |o| (Partition(p), Offset(o))));
        all.map(|(partition, offset)| book.at(partition, offset).map(|stretch| stretch.number)).collect()
    }

    #[test]
    fn a_range_holds_half_a_minute_within_bounds() {
        assert_eq!(range_length(0.0), 1_024);
        assert_eq!(range_length(100.0), 3_000);
        assert_eq!(range_length(100.01), 3_001);
        assert_eq!(range_length(1e12), RANGE_MOST);
        for odd in [f64::NAN, f64::NEG_INFINITY, -5.0] {
            assert_eq!(range_length(odd), RANGE_LEAST);
        }
        assert_eq!(range_length(f64::INFINITY), RANGE_MOST);
    }

    #[test]
    fn what_a_dead_generation_closed_ends_there() {
        let closed = written(1, EntryBody::Close { at: offsets([(0, 4)]) });
        let book = book_of(&[open(), bind(1, [(0, 0, 10), (1, 0, 10)]), closed, claim(2)]);
        let next = extend(&book, Generation(2), &binding(7), &offsets([(0, 8), (1, 8)])).unwrap();
        assert_eq!(next, bind_of(2, 7, [(0, 4, 8)]), "partition 1 is bound to 10 by another, and stays so");
        assert_eq!(cut(&book, Generation(2), &binding(7), &offsets([(0, 2), (1, 2)])), None);
        assert_eq!(close(&book, Generation(2), &offsets([(0, 2), (1, 2)])), None);
    }

    fn bind_of<const N: usize>(generation: u64, number: u32, ranges: [(u32, u64, u64); N]) -> Entry {
        match bind(generation, ranges) {
            Entry { generation, body: EntryBody::Bind { ranges, .. } } => {
                Entry { generation, body: EntryBody::Bind { binding: binding(number), ranges } }
            }
            other => other,
        }
    }

    #[test]
    fn a_cut_begins_where_the_sources_stand_or_where_its_own_ranges_do() {
        let book = book_of(&[
            open(),
            bind(1, [(0, 0, 10), (1, 0, 10), (2, 0, 10)]),
            claim(2),
            bind(2, [(0, 10, 20), (1, 10, 20)]),
        ]);
        let entry = cut(&book, Generation(2), &binding(7), &offsets([(0, 3), (1, 14), (2, 3)])).unwrap();
        let body =
            EntryBody::Cut { binding: binding(7), at: offsets([(0, 10), (1, 14)]), upto: offsets([(0, 20), (1, 20)]) };
        assert_eq!(entry, written(2, body));
        let entry = close(&book, Generation(2), &offsets([(0, 20), (1, 14)])).unwrap();
        assert_eq!(entry, written(2, EntryBody::Close { at: offsets([(1, 14)]) }));
    }

    #[test]
    fn a_later_claim_ends_the_older_ones() {
        let book = book_of(&[open(), claim(4)]);
        assert_eq!(superseded(&book, Generation(3)), Some(Superseded { later: Generation(4) }));
        assert_eq!(superseded(&book, Generation(4)), None);
        assert_eq!(superseded(&Book::default(), Generation(1)), None);
    }

    #[test]
    fn a_life_claims_what_is_proposed_or_the_next() {
        let book = book_of(&[open(), claim(4)]);
        assert_eq!(claims(&Book::default(), None), Ok(Generation(1)));
        assert_eq!(claims(&Book::default(), Some(Generation(7))), Ok(Generation(1)));
        assert_eq!(claims(&book, None), Ok(Generation(5)));
        assert_eq!(claims(&book, Some(Generation(7))), Ok(Generation(7)));
        for proposed in [1, 3, 4] {
            assert_eq!(claims(&book, Some(Generation(proposed))), Err(Superseded { later: Generation(4) }));
        }
    }

    #[test]
    fn only_the_same_position_or_a_mended_error_is_written_over() {
        use Standing::{Final, Provisional};
        for (old, new) in [(Final, Final), (Final, Provisional), (Provisional, Final), (Provisional, Provisional)] {
            assert!(stands(old, true, new));
            assert_eq!(stands(old, false, new), (old, new) == (Provisional, Final));
        }
    }

    proptest! {
        #[test]
        fn extending_binds_what_was_not_bound_and_nothing_else(history in histories(), ends in positions()) {
            let generation = history.book.generation().unwrap();
            let before = numbers(&history.book);
            let mut book = history.book;
            let Some(entry) = extend(&book, generation, &binding(99), &ends) else {
                prop_assert!(ends.iter().all(|(partition, end)| book.bound_upto(*partition) >= *end));
                return Ok(());
            };
            let number = book.next_seq();
            book.apply(number, &entry).unwrap();
            for (before, after) in before.into_iter().zip(numbers(&book)) {
                prop_assert!(before == after || (before.is_none() && after == Some(number)));
            }
            prop_assert!(ends.iter().all(|(partition, end)| book.bound_upto(*partition) >= *end));
            prop_assert_eq!(extend(&book, generation, &binding(99), &ends), None);
        }

        #[test]
        fn cutting_changes_its_own_rest_and_nothing_else(history in histories(), positions in positions(), closes: bool) {
            let generation = history.book.generation().unwrap();
            let mut book = history.book.clone();
            let number = book.next_seq();
            let entry = if closes { close(&book, generation, &positions) } else { cut(&book, generation, &binding(99), &positions) };
            if let Some(entry) = entry {
                book.apply(number, &entry).unwrap();
            }
            let own = |stretch: Option<Stretch>| stretch.is_some_and(|stretch| history.writer(stretch.number) == generation);
            for partition in (0..PARTITIONS).map(Partition) {
                for offset in (0..BOUND_MOST).map(Offset) {
                    let (before, after) = (history.book.at(partition, offset), book.at(partition, offset));
                    let ahead = positions.get(&partition).is_some_and(|position| offset >= *position);
                    let expected = match (own(before) && ahead, closes) {
                        (false, _) => before.map(|stretch| stretch.number),
                        (true, false) => Some(number),
                        (true, true) => None,
                    };
                    prop_assert_eq!(after.map(|stretch| stretch.number), expected, "{} of {}", offset, partition);
                }
            }
        }
    }
}
