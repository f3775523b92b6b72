//! Which entry may follow on a book. The writers keep to these rules already; here they are checked once more, so that a
//! damaged ledger, or a defect in a decision, is refused before an answer can depend on it.

use std::collections::BTreeSet;

use thiserror::Error;

use super::book::Book;
use super::{Entry, EntryBody, Generation, Seq};
use crate::contract::SinkName;
use crate::log::{Offset, OffsetRange, Offsets, Partition};

/// An entry that can't stand where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("ledger entry {number} ({kind}, of generation {generation}) can't stand there: {why}")]
pub struct LedgerError {
    /// Its number.
    pub number: Seq,
    /// Its kind.
    pub kind: &'static str,
    /// Its writer.
    pub generation: Generation,
    /// What is wrong with it.
    pub why: Refusal,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Another number is due.
    #[error("entry {0} comes next")]
    OutOfOrder(Seq),
    /// The first entry is another one.
    #[error("a ledger begins with an open entry of generation 1")]
    NotOpened,
    /// Opened again.
    #[error("the ledger was opened before")]
    OpenedTwice,
    /// A log without partitions.
    #[error("a request log has one partition or more, not 0")]
    NoPartitions,
    /// A claim of a number that is taken.
    #[error("generation {0} has claimed the ledger already; a claim must be above it")]
    NotAbove(Generation),
    /// The writer has lost.
    #[error("generation {0} had claimed the ledger by then")]
    Superseded(Generation),
    /// The writer has claimed nothing.
    #[error("its writer has claimed nothing; the last claim is that of generation {0}")]
    Unclaimed(Generation),
    /// No such partition.
    #[error("it names partition {partition}, and the request log has {partitions}, from 0")]
    NoSuchPartition {
        /// The partition.
        partition: Partition,
        /// How many there are.
        partitions: u32,
    },
    /// A sink begins once.
    #[error("sink {0} was registered before")]
    RegisteredTwice(SinkName),
    /// A mark of nobody.
    #[error("sink {0} was never registered")]
    Unregistered(SinkName),
    /// It says nothing.
    #[error("it names no partition")]
    Empty,
    /// A gap, an overlap, or an empty range.
    #[error("it binds {range} of partition {partition}, where the next range begins at {end} and holds something")]
    NotAdjoining {
        /// The partition.
        partition: Partition,
        /// What it would bind.
        range: OffsetRange,
        /// Where what is bound ends.
        end: Offset,
    },
    /// A cut that would change where what is bound ends.
    #[error("it cuts partition {partition} up to {upto:?}, where what is bound ends at {end}")]
    EndDiffers {
        /// The partition.
        partition: Partition,
        /// Where it says that the end is.
        upto: Option<Offset>,
        /// Where it is.
        end: Offset,
    },
    /// It would change what another generation bound, or what nobody bound.
    #[error(
        "it shortens partition {partition} at {at}, and may do so only from {own} on, where its writer's own ranges begin, and below {end}"
    )]
    NotItsOwn {
        /// The partition.
        partition: Partition,
        /// Where it would begin.
        at: Offset,
        /// Where the writer's own ranges begin.
        own: Offset,
        /// Where they end.
        end: Offset,
    },
}

/// Whether an entry may follow.
pub(super) fn admit(book: &Book, number: Seq, entry: &Entry) -> Result<(), LedgerError> {
    check(book, number, entry).map_err(|why| LedgerError {
        number,
        kind: entry.body.kind(),
        generation: entry.generation,
        why,
    })
}

fn check(book: &Book, number: Seq, entry: &Entry) -> Result<(), Refusal> {
    if number != book.next_seq() {
        return Err(Refusal::OutOfOrder(book.next_seq()));
    }
    match (book.generation(), &entry.body) {
        (None, EntryBody::Open { partitions: 0, .. }) => Err(Refusal::NoPartitions),
        (None, EntryBody::Open { .. }) if entry.generation == Generation(1) => Ok(()),
        (None, _) => Err(Refusal::NotOpened),
        (Some(_), EntryBody::Open { .. }) => Err(Refusal::OpenedTwice),
        (Some(highest), EntryBody::Claim { .. }) if entry.generation <= highest => Err(Refusal::NotAbove(highest)),
        (Some(_), EntryBody::Claim { .. }) => Ok(()),
        (Some(highest), _) if entry.generation < highest => Err(Refusal::Superseded(highest)),
        (Some(highest), _) if entry.generation > highest => Err(Refusal::Unclaimed(highest)),
        (Some(_), body) => check_body(book, entry.generation, body),
    }
}

fn check_body(book: &Book, generation: Generation, body: &EntryBody) -> Result<(), Refusal> {
    match body {
        EntryBody::Open { .. } | EntryBody::Claim { .. } => Ok(()),
        EntryBody::Register { sink, .. } if book.registered().contains_key(sink) => {
            Err(Refusal::RegisteredTwice(sink.clone()))
        }
        EntryBody::Register { starts, .. } => check_partitions(book, starts.keys()),
        EntryBody::Mark { sink, .. } if !book.registered().contains_key(sink) => {
            Err(Refusal::Unregistered(sink.clone()))
        }
        EntryBody::Mark { reached, .. } => check_partitions(book, reached.keys()),
        EntryBody::Bind { ranges, .. } => {
            check_partitions(book, ranges.keys())?;
            ranges.iter().try_for_each(|(partition, range)| match book.bound_upto(*partition) {
                end if range.from == end && !range.is_empty() => Ok(()),
                end => Err(Refusal::NotAdjoining { partition: *partition, range: *range, end }),
            })
        }
        EntryBody::Cut { at, upto, .. } => {
            for partition in at.keys().chain(upto.keys()).collect::<BTreeSet<_>>() {
                let (upto, end) = (upto.get(partition).copied(), book.bound_upto(*partition));
                if upto != Some(end) {
                    return Err(Refusal::EndDiffers { partition: *partition, upto, end });
                }
            }
            check_partitions(book, upto.keys())?;
            upto.keys().try_for_each(|partition| check_own(book, generation, *partition, at.get(partition)))
        }
        EntryBody::Close { at } => check_shortening(book, generation, at),
    }
}

fn check_shortening(book: &Book, generation: Generation, at: &Offsets) -> Result<(), Refusal> {
    check_partitions(book, at.keys())?;
    at.iter().try_for_each(|(partition, at)| check_own(book, generation, *partition, Some(at)))
}

/// Nothing but the writer's own ranges may be shortened, and only where something is bound.
fn check_own(book: &Book, generation: Generation, partition: Partition, at: Option<&Offset>) -> Result<(), Refusal> {
    let (own, end) = (book.own_tail(partition, generation), book.bound_upto(partition));
    match at.copied().unwrap_or(end) {
        at if own <= at && at < end => Ok(()),
        at => Err(Refusal::NotItsOwn { partition, at, own, end }),
    }
}

fn check_partitions<'a>(book: &Book, named: impl Iterator<Item = &'a Partition>) -> Result<(), Refusal> {
    let partitions = book.partitions();
    match named.max() {
        None => Err(Refusal::Empty),
        Some(highest) if highest.0 >= partitions => Err(Refusal::NoSuchPartition { partition: *highest, partitions }),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::JobId;
    use crate::ledger::samples::{any_entries, bind, binding, book_of, claim, histories, open, written};

    fn offsets<const N: usize>(offsets: [(u32, u64); N]) -> Offsets {
        offsets.map(|(partition, offset)| (Partition(partition), Offset(offset))).into()
    }

    /// Generation 1 bound [0, 10) of partition 0, generation 2 [10, 30) of it and [0, 5) of partition 1.
    fn book() -> Book {
        book_of(&[open(), bind(1, [(0, 0, 10)]), claim(2), bind(2, [(0, 10, 20), (1, 0, 5)]), bind(2, [(0, 20, 30)])])
    }

    fn why(body: EntryBody) -> Refusal {
        book().admits(&written(2, body)).unwrap_err().why
    }

    fn cut(at: Offsets, upto: Offsets) -> EntryBody {
        EntryBody::Cut { binding: binding(9), at, upto }
    }

    #[test]
    fn a_ledger_is_opened_once_by_generation_1() {
        let empty = Book::default();
        assert_eq!(empty.admits(&claim(1)).unwrap_err().why, Refusal::NotOpened);
        let nobody = EntryBody::Open { job: JobId("job".into()), partitions: 0, nonce: 1 };
        assert_eq!(empty.admits(&written(1, nobody)).unwrap_err().why, Refusal::NoPartitions);
        assert_eq!(empty.admits(&Entry { generation: Generation(2), ..open() }).unwrap_err().why, Refusal::NotOpened);
        assert_eq!(
            book().admits(&Entry { generation: Generation(3), ..open() }).unwrap_err().why,
            Refusal::OpenedTwice
        );
    }

    #[test]
    fn only_the_highest_generation_writes() {
        assert_eq!(book().admits(&claim(2)).unwrap_err().why, Refusal::NotAbove(Generation(2)));
        assert_eq!(book().admits(&claim(7)), Ok(()), "a master may leave numbers out");
        assert_eq!(book().admits(&bind(1, [(1, 5, 6)])).unwrap_err().why, Refusal::Superseded(Generation(2)));
        assert_eq!(book().admits(&bind(3, [(1, 5, 6)])).unwrap_err().why, Refusal::Unclaimed(Generation(2)));
    }

    #[test]
    fn a_refusal_names_the_entry() {
        let error = book().apply(Seq(7), &bind(2, [(1, 5, 6)])).unwrap_err();
        assert_eq!(error.why, Refusal::OutOfOrder(Seq(5)));
        let said = error.to_string();
        assert_eq!(said, "ledger entry 7 (bind, of generation 2) can't stand there: entry 5 comes next");
    }

    #[test]
    fn what_is_bound_anew_adjoins() {
        assert_eq!(book().admits(&bind(2, [(0, 30, 31), (1, 5, 9)])), Ok(()));
        for (from, to) in [(29, 31), (31, 32), (30, 30), (30, 29), (0, 10)] {
            let refused = book().admits(&bind(2, [(0, from, to)])).unwrap_err().why;
            assert!(matches!(refused, Refusal::NotAdjoining { end: Offset(30), .. }), "[{from}, {to}): {refused}");
        }
        assert_eq!(book().admits(&bind(2, [])).unwrap_err().why, Refusal::Empty);
        let beyond = Refusal::NoSuchPartition { partition: Partition(3), partitions: 3 };
        assert_eq!(book().admits(&bind(2, [(3, 0, 1)])).unwrap_err().why, beyond);
    }

    #[test]
    fn nobody_shortens_what_others_bound() {
        for at in [0, 9, 30, 31] {
            let refused =
                Refusal::NotItsOwn { partition: Partition(0), at: Offset(at), own: Offset(10), end: Offset(30) };
            assert_eq!(why(cut(offsets([(0, at)]), offsets([(0, 30)]))), refused);
            assert_eq!(why(EntryBody::Close { at: offsets([(0, at)]) }), refused);
        }
        for at in [10, 15, 20, 29] {
            let own = offsets([(0, at)]);
            assert_eq!(book().admits(&written(2, cut(own.clone(), offsets([(0, 30)])))), Ok(()));
            assert_eq!(book().admits(&written(2, EntryBody::Close { at: own })), Ok(()));
        }
    }

    #[test]
    fn a_cut_ends_where_what_is_bound_ends() {
        for upto in [29, 31] {
            let refused = Refusal::EndDiffers { partition: Partition(0), upto: Some(Offset(upto)), end: Offset(30) };
            assert_eq!(why(cut(offsets([(0, 12)]), offsets([(0, upto)]))), refused);
        }
        assert!(matches!(
            why(cut(offsets([(0, 12), (1, 2)]), offsets([(0, 30)]))),
            Refusal::EndDiffers { upto: None, .. }
        ));
        assert!(matches!(why(cut(offsets([(0, 12)]), offsets([(0, 30), (1, 5)]))), Refusal::NotItsOwn { .. }));
        assert_eq!(why(cut(offsets([]), offsets([]))), Refusal::Empty);
        assert_eq!(why(EntryBody::Close { at: offsets([]) }), Refusal::Empty);
    }

    #[test]
    fn a_sink_is_registered_once_and_before_it_is_marked() {
        let sink = SinkName("files".into());
        let register = EntryBody::Register { sink: sink.clone(), starts: offsets([(0, 4)]) };
        let mark = EntryBody::Mark { sink: sink.clone(), reached: [(Partition(1), Default::default())].into() };
        assert_eq!(why(mark.clone()), Refusal::Unregistered(sink.clone()));
        let mut book = book();
        book.apply(Seq(5), &written(2, register.clone())).unwrap();
        assert_eq!(book.admits(&written(2, mark)), Ok(()));
        assert_eq!(book.admits(&written(2, register)).unwrap_err().why, Refusal::RegisteredTwice(sink));
    }

    proptest! {
        #[test]
        fn a_refused_entry_changes_nothing(history in histories(), entry in any_entries(), skip in 0..2_u64) {
            let mut book = history.book.clone();
            let number = Seq(book.next_seq().0 + skip);
            match book.apply(number, &entry) {
                Ok(()) => prop_assert_eq!(book.next_seq(), number.next()),
                Err(error) => {
                    prop_assert_eq!(book, history.book);
                    prop_assert_eq!((error.number, error.generation), (number, entry.generation));
                }
            }
        }
    }
}
