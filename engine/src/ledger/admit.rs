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
    /// A log that lost partitions, or was said to have grown and has not.
    #[error("it says that the request log has grown to {found} partitions, and it had {known}")]
    NotGrown {
        /// How many it says that there are.
        found: u32,
        /// How many there were.
        known: u32,
    },
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
    /// A sink begins once in each partition.
    #[error("sink {0} was registered before for one of these partitions")]
    RegisteredTwice(SinkName),
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
        (Some(_), EntryBody::Claim { partitions, .. }) => match (book.partitions(), partitions) {
            (known, Some(found)) if *found <= known => Err(Refusal::NotGrown { found: *found, known }),
            _ => Ok(()),
        },
        (Some(highest), _) if entry.generation < highest => Err(Refusal::Superseded(highest)),
        (Some(highest), _) if entry.generation > highest => Err(Refusal::Unclaimed(highest)),
        (Some(_), body) => check_body(book, entry.generation, body),
    }
}

fn check_body(book: &Book, generation: Generation, body: &EntryBody) -> Result<(), Refusal> {
    match body {
        EntryBody::Open { .. } | EntryBody::Claim { .. } => Ok(()),
        EntryBody::Register { sink, starts } if is_registered(book, sink, starts) => {
            Err(Refusal::RegisteredTwice(sink.clone()))
        }
        EntryBody::Register { starts, .. } => check_partitions(book, starts.keys()),
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

/// Whether a sink begins already in one of these partitions.
fn is_registered(book: &Book, sink: &SinkName, starts: &Offsets) -> bool {
    book.registered().get(sink).is_some_and(|known| starts.keys().any(|partition| known.contains_key(partition)))
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
mod tests;
