//! Positions in a log of requests: partitions, offsets, ranges, and what is known to be done up to where.
//!
//! A log is a set of partitions; a partition is a sequence of records at ascending offsets. Offsets may have gaps (Kafka's
//! do), so nothing here counts records: progress is always "all below this offset".

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A partition of a log, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(pub u32);

/// A place in a partition: that of a record, or the end after the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number for each of some partitions.
pub type Offsets = BTreeMap<Partition, Offset>;

/// The offsets from `from` up to, not including, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OffsetRange {
    /// The first offset in the range.
    pub from: Offset,
    /// The first offset after it.
    pub to: Offset,
}

impl OffsetRange {
    /// The range between two offsets; empty if `to` is not above `from`.
    #[must_use]
    pub const fn new(from: Offset, to: Offset) -> Self {
        Self { from, to }
    }

    /// Whether an offset lies in it.
    #[must_use]
    pub fn contains(&self, offset: Offset) -> bool {
        self.from <= offset && offset < self.to
    }

    /// Whether no offset lies in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.to <= self.from
    }
}

impl fmt::Display for OffsetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from, self.to)
    }
}

/// A record of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// Where it stands in its partition.
    pub offset: Offset,
    /// Its bytes, as they came.
    pub payload: Bytes,
}

impl LogRecord {
    /// What a record takes on its way beside its bytes, about, in bytes: itself, its answer or dead letter, what stands around
    /// it in queues.
    pub const OVERHEAD: usize = 512;

    /// What a record takes on its way, in bytes. Also an empty one takes memory.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.payload.len() + Self::OVERHEAD
    }
}

/// A record that was seen at the end of what is done: if another record stands there later, the log was made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The record's offset.
    pub offset: Offset,
    /// XXH3 of its bytes.
    pub hash: u64,
}

impl Witness {
    /// The witness that a record is.
    #[must_use]
    pub fn of(record: &LogRecord) -> Self {
        Self { offset: record.offset, hash: xxh3_64(&record.payload) }
    }
}

/// How far somebody has come in a partition: all below `next` is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The first offset that is not done.
    pub next: Offset,
    /// The last record that was done, if there was one and it is known.
    pub witness: Option<Witness>,
}

impl Reached {
    /// Nothing but a place: no record is known below it.
    #[must_use]
    pub const fn start(next: Offset) -> Self {
        Self { next, witness: None }
    }

    /// Takes the further of the two.
    pub fn advance(&mut self, other: Self) {
        if other.next > self.next {
            *self = other;
        }
    }
}
