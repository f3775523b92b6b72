//! What was read of a partition and waits to be emitted. Pure.
//!
//! Invariants: records leave in their order, each with the binding that the ledger gives its offset; none leaves that the
//! ledger doesn't bind.

use std::collections::VecDeque;

use super::{BoundRecord, Epoch};
use crate::ledger::{Book, Seq};
use crate::log::{LogRecord, Offset, Partition, Reached, Witness};

/// One partition on the worker that reads it.
#[derive(Debug)]
pub(super) struct Lane {
    partition: Partition,
    waiting: VecDeque<LogRecord>,
    next: Offset,
}

/// Records that leave together: all of a stretch of the partition.
#[derive(Clone, Debug)]
pub(super) struct Emission {
    /// Where the stretch begins.
    pub(super) from: Offset,
    /// Where it ends.
    pub(super) reached: Reached,
    /// The records.
    pub(super) records: Vec<BoundRecord>,
}

impl Lane {
    pub(super) fn new(partition: Partition, next: Offset) -> Self {
        Self { partition, waiting: VecDeque::new(), next }
    }

    /// The first offset that has not left.
    pub(super) const fn next(&self) -> Offset {
        self.next
    }

    /// The first offset that waits.
    pub(super) fn first_waiting(&self) -> Option<Offset> {
        self.waiting.front().map(|record| record.offset)
    }

    /// Takes what was read. Records below the position are not wanted again.
    pub(super) fn arrived(&mut self, records: Vec<LogRecord>) {
        let next = self.next;
        self.waiting.extend(records.into_iter().filter(|record| record.offset >= next));
    }

    /// Lets up to `most` records leave, as far as the ledger binds them and the table of their binding is known.
    pub(super) fn emit(&mut self, book: &Book, as_of: impl Fn(Seq) -> Option<Epoch>, most: usize) -> Option<Emission> {
        let from = self.next;
        let mut records = Vec::new();
        while let Some(first) = self.waiting.front().map(|record| record.offset).filter(|_| records.len() < most) {
            let Some(stretch) = book.at(self.partition, first) else { break };
            let Some(as_of) = as_of(stretch.number) else { break };
            while let Some(record) = self.waiting.pop_front_if(|record| record.offset < stretch.until) {
                self.next = record.offset.next();
                let (partition, binding) = (self.partition, stretch.number);
                records.push(BoundRecord { partition, record, binding, as_of });
                if records.len() >= most {
                    break;
                }
            }
        }
        let last = records.last()?;
        let witness = Some(Witness::of(&last.record));
        let reached = Reached { next: self.next, witness };
        Some(Emission { from, reached, records })
    }
}
