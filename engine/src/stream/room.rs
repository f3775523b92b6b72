//! How far a partition is read ahead: in bytes, until every required sink has made durable what came of them.
//!
//! Invariants: the weight of what was read and is not durable in the slowest required sink stays below the limit, but for
//! one batch; a partition that is full holds back no other one. Pure but for the waiting.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::log::Offset;

/// The room of one partition, shared by its reader and its worker.
#[derive(Debug)]
pub(super) struct Room {
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Debug)]
struct Held {
    limit: usize,
    /// What each required sink has made durable.
    durable: Vec<Offset>,
    /// Batches that are under way: where each ends, and its bytes.
    batches: VecDeque<(Offset, usize)>,
    bytes: usize,
    closed: bool,
}

/// Whether more may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Read on.
    Open,
    /// Not yet.
    Full,
    /// Nevermore.
    Closed,
}

impl Room {
    /// A room of `limit` bytes, before sinks that have come to `durable`.
    pub(super) fn new(limit: usize, durable: Vec<Offset>) -> Self {
        let held = Held { limit, durable, batches: VecDeque::new(), bytes: 0, closed: false };
        Self { held: Mutex::new(held), changed: Condvar::new() }
    }

    /// A batch was read.
    pub(super) fn enter(&self, end: Offset, bytes: usize) {
        let mut held = self.lock();
        held.batches.push_back((end, bytes));
        held.bytes += bytes;
        held.release();
    }

    /// A required sink has come to `next`.
    pub(super) fn durable(&self, sink: usize, next: Offset) {
        let mut held = self.lock();
        if let Some(before) = held.durable.get_mut(sink).filter(|before| **before < next) {
            *before = next;
            held.release();
            self.changed.notify_all();
        }
    }

    /// Whether there is room; waits for it up to `patience`.
    pub(super) fn admission(&self, patience: Duration) -> Admission {
        let full = |held: &mut Held| !held.closed && held.bytes >= held.limit;
        let (held, _) =
            self.changed.wait_timeout_while(self.lock(), patience, full).unwrap_or_else(PoisonError::into_inner);
        match (held.closed, held.bytes >= held.limit) {
            (true, _) => Admission::Closed,
            (false, true) => Admission::Full,
            (false, false) => Admission::Open,
        }
    }

    /// Waits, or less if it is closed; tells whether it is.
    pub(super) fn closed_within(&self, time: Duration) -> bool {
        let open = |held: &mut Held| !held.closed;
        self.changed.wait_timeout_while(self.lock(), time, open).unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The first offset that is not durable in every required sink.
    pub(super) fn slowest(&self) -> Offset {
        self.lock().slowest()
    }

    /// Bytes under way.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Whole between any two operations, so a panic elsewhere can't have spoilt it.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn slowest(&self) -> Offset {
        // Without a required sink nothing is waited for.
        self.durable.iter().min().copied().unwrap_or(Offset(u64::MAX))
    }

    fn release(&mut self) {
        let slowest = self.slowest();
        while let Some((_, bytes)) = self.batches.pop_front_if(|(end, _)| *end <= slowest) {
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_required_sink_makes_room() {
        let room = Room::new(100, vec![Offset(0), Offset(0)]);
        room.enter(Offset(5), 60);
        assert_eq!(room.admission(Duration::ZERO), Admission::Open);
        room.enter(Offset(9), 60);
        assert_eq!(room.admission(Duration::ZERO), Admission::Full);
        room.durable(0, Offset(9));
        assert_eq!(room.admission(Duration::ZERO), Admission::Full);
        room.durable(1, Offset(4));
        assert_eq!(room.bytes(), 120, "half a batch is no batch");
        room.durable(1, Offset(5));
        assert_eq!((room.bytes(), room.admission(Duration::ZERO)), (60, Admission::Open));
        room.durable(1, Offset(3));
        assert_eq!(room.bytes(), 60, "progress never goes back");
        room.close();
        assert_eq!(room.admission(Duration::ZERO), Admission::Closed);
    }

    #[test]
    fn without_a_required_sink_nothing_is_held() {
        let room = Room::new(1, Vec::new());
        room.enter(Offset(1), 1000);
        assert_eq!(room.admission(Duration::ZERO), Admission::Open);
    }

    #[test]
    fn who_waits_is_woken() {
        let room = std::sync::Arc::new(Room::new(1, vec![Offset(0)]));
        room.enter(Offset(1), 1);
        let other = std::sync::Arc::clone(&room);
        let waiter = std::thread::spawn(move || other.admission(Duration::from_secs(600)));
        room.durable(0, Offset(1));
        assert_eq!(waiter.join().unwrap(), Admission::Open);
    }
}
