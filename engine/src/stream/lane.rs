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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::JobName;
    use crate::ledger::{AnswerFormat, Binding, Entry, EntryBody, Generation, TableVersion, decide};

    const HERE: Partition = Partition(0);

    fn binding(model: &str) -> Binding {
        Binding { model: model.into(), table: TableVersion(1), format: AnswerFormat(1), settings: [].into() }
    }

    /// Entry 1 binds offsets 0 to 4, entry 2 those from 5 to 9.
    fn book() -> Book {
        let mut book = Book::default();
        let open = EntryBody::Open { job: JobName("job".into()), partitions: 1, nonce: 0 };
        book.apply(Seq(0), &Entry { generation: Generation(1), body: open }).unwrap();
        for (model, end) in [("m1", 5), ("m2", 10)] {
            let next = decide::extend(&book, Generation(1), &binding(model), &[(HERE, Offset(end))].into()).unwrap();
            book.apply(book.next_seq(), &next).unwrap();
        }
        book
    }

    fn lane(offsets: impl IntoIterator<Item = u64>) -> Lane {
        let mut lane = Lane::new(HERE, Offset(2));
        let record = |offset| LogRecord { offset: Offset(offset), payload: bytes::Bytes::new() };
        lane.arrived(offsets.into_iter().map(record).collect());
        lane
    }

    fn offsets(emission: &Emission) -> Vec<(u64, u64)> {
        emission.records.iter().map(|record| (record.record.offset.0, record.binding.0)).collect()
    }

    #[test]
    fn records_leave_in_their_order_with_the_binding_of_their_offset() {
        let mut lane = lane(0..12);
        let emission = lane.emit(&book(), |_| Some(Epoch(1)), 100).unwrap();
        assert_eq!(offsets(&emission), [(2, 1), (3, 1), (4, 1), (5, 2), (6, 2), (7, 2), (8, 2), (9, 2)]);
        assert_eq!((emission.from, emission.reached.next), (Offset(2), Offset(10)));
        assert!(lane.emit(&book(), |_| Some(Epoch(1)), 100).is_none(), "offset 10 is not bound");
        assert_eq!((lane.next(), lane.first_waiting()), (Offset(10), Some(Offset(10))));
    }

    #[test]
    fn none_leaves_whose_table_is_not_known_and_no_more_than_was_asked_for() {
        let mut lane = lane([2, 3, 7]);
        let known = |number: Seq| (number == Seq(1)).then_some(Epoch(1));
        assert_eq!(offsets(&lane.emit(&book(), known, 1).unwrap()), [(2, 1)]);
        assert_eq!(offsets(&lane.emit(&book(), known, 9).unwrap()), [(3, 1)]);
        assert!(lane.emit(&book(), known, 9).is_none());
        assert_eq!((lane.next(), lane.first_waiting()), (Offset(4), Some(Offset(7))), "a gap is nothing");
    }
}
