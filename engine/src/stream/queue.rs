//! The queue before a sink: filled by an operator that never waits, emptied by the sink's thread.
//!
//! Before a required sink it needs no bound of its own: what is in it was let in by [`Room`](super::room), which counts
//! until it is durable. Before a sink that may lag it is bounded: what finds no place is left out, and the queue remembers
//! up to where, so that the thread fetches it from the log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::contract::Answers;
use crate::log::{Partition, Reached};

/// A queue of stretches before one writer.
#[derive(Debug)]
pub(super) struct SinkQueue {
    /// The most bytes that may wait; `None` before a required sink.
    capacity: Option<usize>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    stretches: VecDeque<Answers>,
    bytes: usize,
    left_out: BTreeMap<Partition, Reached>,
    end: Option<End>,
    ends_since: Option<Instant>,
}

/// How a sink's thread is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// After all that waits was written and flushed.
    Flushed,
    /// At once.
    Abandoned,
}

/// What a look at the queue gives.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// In their order.
    pub(super) stretches: Vec<Answers>,
    /// Up to where there is more, that was left out; only told when nothing waits.
    pub(super) left_out: BTreeMap<Partition, Reached>,
    /// Told with the last stretches.
    pub(super) end: Option<End>,
}

impl SinkQueue {
    pub(super) fn new(capacity: Option<usize>) -> Self {
        Self { capacity, waiting: Mutex::default(), changed: Condvar::new() }
    }

    /// Adds a stretch, or leaves it out. Never waits.
    pub(super) fn push(&self, stretch: Answers) {
        let mut waiting = self.lock();
        let bytes = size(&stretch);
        if self.capacity.is_some_and(|capacity| waiting.bytes > 0 && waiting.bytes + bytes > capacity) {
            waiting.left_out.entry(stretch.partition).or_default().advance(stretch.reached);
        } else {
            waiting.bytes += bytes;
            waiting.stretches.push_back(stretch);
        }
        self.changed.notify_all();
    }

    /// Takes what waits, up to about `limit` bytes; waits for it up to `patience`.
    pub(super) fn take(&self, limit: usize, patience: Duration) -> Taken {
        let idle = |waiting: &mut Waiting| {
            waiting.stretches.is_empty() && waiting.left_out.is_empty() && waiting.end.is_none()
        };
        let (mut waiting, _) =
            self.changed.wait_timeout_while(self.lock(), patience, idle).unwrap_or_else(PoisonError::into_inner);
        let mut taken = Taken::default();
        let mut bytes = 0;
        while bytes < limit {
            let Some(stretch) = waiting.stretches.pop_front() else { break };
            bytes += size(&stretch);
            taken.stretches.push(stretch);
        }
        waiting.bytes -= bytes;
        if waiting.stretches.is_empty() {
            taken.left_out = std::mem::take(&mut waiting.left_out);
            taken.end = waiting.end;
        }
        if waiting.end == Some(End::Abandoned) {
            taken.end = waiting.end;
        }
        taken
    }

    /// Asks the thread to end.
    pub(super) fn end(&self, end: End) {
        let mut waiting = self.lock();
        if waiting.end != Some(End::Abandoned) {
            waiting.end = Some(end);
        }
        waiting.ends_since.get_or_insert_with(Instant::now);
        self.changed.notify_all();
    }

    /// How long ago the thread was asked to end; `None` if it was not.
    pub(super) fn ends_since(&self) -> Option<Duration> {
        self.lock().ends_since.map(|since| since.elapsed())
    }

    /// Waits `time`, or less if the thread is to end at once; tells whether it is.
    pub(super) fn abandoned_within(&self, time: Duration) -> bool {
        let not_yet = |waiting: &mut Waiting| waiting.end != Some(End::Abandoned);
        let (waiting, _) =
            self.changed.wait_timeout_while(self.lock(), time, not_yet).unwrap_or_else(PoisonError::into_inner);
        waiting.end == Some(End::Abandoned)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whole between any two operations, so a panic elsewhere can't have spoilt it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a stretch weighs; one without lines still weighs something, so that no queue grows for ever.
fn size(stretch: &Answers) -> usize {
    64 + stretch.items.iter().map(|item| item.body.len() + item.key.len() + 64).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Offset;

    fn stretch(from: u64, to: u64) -> Answers {
        Answers { partition: Partition(0), from: Offset(from), reached: Reached::start(Offset(to)), items: Vec::new() }
    }

    #[test]
    fn what_finds_no_place_is_remembered_and_told_last() {
        let queue = SinkQueue::new(Some(100));
        (0..4).for_each(|at| queue.push(stretch(at, at + 1)));
        let taken = queue.take(1, Duration::ZERO);
        assert_eq!((taken.stretches.len(), taken.left_out[&Partition(0)].next), (1, Offset(4)));
        assert!(queue.take(1, Duration::ZERO).left_out.is_empty());
        let required = SinkQueue::new(None);
        (0..4).for_each(|at| required.push(stretch(at, at + 1)));
        let taken = required.take(usize::MAX, Duration::ZERO);
        assert_eq!((taken.stretches.len(), taken.left_out.len()), (4, 0));
    }

    #[test]
    fn the_end_comes_after_what_waits_unless_it_is_abandoned() {
        let queue = SinkQueue::new(None);
        (0..2).for_each(|at| queue.push(stretch(at, at + 1)));
        queue.end(End::Flushed);
        assert_eq!(queue.take(1, Duration::ZERO).end, None);
        assert_eq!(queue.take(1, Duration::ZERO).end, Some(End::Flushed));
        queue.push(stretch(2, 3));
        queue.push(stretch(3, 4));
        queue.end(End::Abandoned);
        assert_eq!(queue.take(1, Duration::ZERO).end, Some(End::Abandoned));
        assert!(queue.abandoned_within(Duration::from_secs(600)));
    }
}
