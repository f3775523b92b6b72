//! Group commit: whoever comes while a commit is under way is committed together with all others who waited.
//!
//! The first caller leads: it takes what is waiting, commits it, tells the others, and hands on. There is no thread of
//! its own and nothing runs when nobody writes. What waits is bounded in bytes; who comes to a full queue waits outside.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that one commit takes, as far as whole requests allow.
const COMMIT_BYTES: usize = 16 << 20;
/// Bytes that wait for the next commit before later callers must wait outside.
const WAITING_BYTES: usize = 64 << 20;

/// A queue of requests of type `T` that are answered with `R`, or all of a group with the same `E`.
#[derive(Debug)]
pub(super) struct GroupCommit<T, R, E> {
    queue: Mutex<Queue<T, R, E>>,
    /// Something changed: a group is settled, the lead is free, there is room.
    turn: Condvar,
}

#[derive(Debug)]
struct Queue<T, R, E> {
    next: u64,
    waiting: VecDeque<Waiting<T>>,
    bytes: usize,
    settled: HashMap<u64, Result<R, E>>,
    led: bool,
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: u64,
    bytes: usize,
    request: T,
}

impl<T, R, E> Default for GroupCommit<T, R, E> {
    fn default() -> Self {
        let queue = Queue { next: 0, waiting: VecDeque::new(), bytes: 0, settled: HashMap::new(), led: false };
        Self { queue: Mutex::new(queue), turn: Condvar::new() }
    }
}

impl<T, R, E: Clone> GroupCommit<T, R, E> {
    /// Has a request of so many bytes committed, by this thread or by another that does the same. `commit` answers each
    /// request of a group in the group's order, or fails all of it.
    pub(super) fn submit(
        &self,
        request: T,
        bytes: usize,
        commit: impl Fn(Vec<T>) -> Result<Vec<R>, E>,
    ) -> Result<R, E> {
        let mut queue = self.lock();
        while !queue.waiting.is_empty() && queue.bytes + bytes > WAITING_BYTES {
            queue = self.wait(queue);
        }
        let ticket = queue.push(request, bytes);
        loop {
            if let Some(settled) = queue.settled.remove(&ticket) {
                return settled;
            }
            if queue.led {
                queue = self.wait(queue);
                continue;
            }
            queue.led = true;
            let (tickets, group) = queue.take();
            drop(queue);
            let outcome = commit(group);
            queue = self.lock();
            queue.led = false;
            queue.settle(tickets, outcome);
            self.turn.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T, R, E>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue<T, R, E>>) -> MutexGuard<'a, Queue<T, R, E>> {
        self.turn.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, R, E: Clone> Queue<T, R, E> {
    fn push(&mut self, request: T, bytes: usize) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.bytes += bytes;
        self.waiting.push_back(Waiting { ticket, bytes, request });
        ticket
    }

    /// The oldest requests, as many as go into one commit; at least one, if any waits.
    fn take(&mut self) -> (Vec<u64>, Vec<T>) {
        let (mut tickets, mut group, mut taken) = (Vec::new(), Vec::new(), 0);
        while let Some(first) = self.waiting.front()
            && (group.is_empty() || taken + first.bytes <= COMMIT_BYTES)
            && let Some(Waiting { ticket, bytes, request }) = self.waiting.pop_front()
        {
            taken += bytes;
            tickets.push(ticket);
            group.push(request);
        }
        self.bytes -= taken;
        (tickets, group)
    }

    fn settle(&mut self, tickets: Vec<u64>, outcome: Result<Vec<R>, E>) {
        match outcome {
            Ok(answers) => {
                debug_assert_eq!(tickets.len(), answers.len(), "one answer for each request");
                self.settled.extend(tickets.into_iter().zip(answers.into_iter().map(Ok)));
            }
            Err(error) => self.settled.extend(tickets.into_iter().map(|ticket| (ticket, Err(error.clone())))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn who_comes_during_a_commit_shares_the_next() {
        const FOLLOWERS: usize = 8;
        let queue: &GroupCommit<usize, usize, ()> = &GroupCommit::default();
        let (commits, inside) = (AtomicUsize::new(0), Barrier::new(2));
        let commit = &|group: Vec<usize>| {
            if commits.fetch_add(1, Ordering::SeqCst) == 0 {
                inside.wait();
                // The first commit lasts until all others wait.
                while queue.lock().waiting.len() < FOLLOWERS {
                    thread::yield_now();
                }
            }
            Ok(group.into_iter().map(|request| request * 10).collect())
        };
        thread::scope(|scope| {
            let leader = scope.spawn(move || queue.submit(100, 1, commit));
            inside.wait();
            let follow = |request| scope.spawn(move || (request, queue.submit(request, 1, commit)));
            let followers: Vec<_> = (0..FOLLOWERS).map(follow).collect();
            assert_eq!(leader.join().unwrap(), Ok(1000));
            for follower in followers {
                let (request, answer) = follower.join().unwrap();
                assert_eq!(answer, Ok(request * 10));
            }
        });
        assert_eq!(commits.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_failed_commit_fails_its_group_and_not_the_next() {
        let queue: GroupCommit<bool, (), String> = GroupCommit::default();
        let commit = |group: Vec<bool>| if group[0] { Err("full".to_owned()) } else { Ok(vec![(); group.len()]) };
        assert_eq!(queue.submit(true, 1, commit), Err("full".to_owned()));
        assert_eq!(queue.submit(false, 1, commit), Ok(()));
        assert!(queue.lock().settled.is_empty(), "nothing is left behind");
    }

    #[test]
    fn a_commit_is_bounded_and_a_request_above_the_bound_goes_alone() {
        let mut queue: Queue<&str, (), ()> =
            Queue { next: 0, waiting: VecDeque::new(), bytes: 0, settled: HashMap::new(), led: false };
        for (request, bytes) in [("huge", COMMIT_BYTES + 1), ("half", COMMIT_BYTES / 2), ("other", COMMIT_BYTES)] {
            queue.push(request, bytes);
        }
        assert_eq!(queue.take().1, ["huge"]);
        assert_eq!(queue.take().1, ["half"]);
        assert_eq!(queue.take(), (vec![2], vec!["other"]));
        assert_eq!((queue.bytes, queue.take().1.len()), (0, 0));
    }
}
