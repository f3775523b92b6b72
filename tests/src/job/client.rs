//! A client that asks at a steady pace, whatever becomes of the job, and sees when each of its answers comes.
//!
//! A request's time is that at which it was due: one that could not be sent at once has waited, too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flightline_jobs::clients::{Offset, Partition, TopicClient};
use serde_json::Value;

use super::{PARTITIONS, request};
use crate::rows::bundled;
use crate::wait_until;

/// Between two tries to ask somebody who is away.
const AGAIN: Duration = Duration::from_millis(5);
/// How long an answer is waited for in one call.
const PATIENCE: Duration = Duration::from_millis(200);
/// Bytes of answers that are read at once.
const MOST_BYTES: usize = 4 << 20;

/// Threads that ask and read, two for each partition.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    askers: Vec<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    begun: Instant,
    is_asked: AtomicBool,
    is_over: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// When each was due, by its UUID.
    asked: HashMap<String, Duration>,
    /// The first answer to each.
    answered: HashMap<String, Answered>,
}

/// An answer, and when it came.
#[derive(Clone, Debug)]
pub struct Answered {
    /// When it was asked for, since the client's start.
    pub asked: Duration,
    /// When it came.
    pub came: Duration,
    /// What it says.
    pub answer: Value,
}

impl Client {
    /// Begins to ask for so many answers at a time in each partition, so often.
    #[must_use]
    pub fn start(
        requests: &Arc<dyn TopicClient>,
        answers: &Arc<dyn TopicClient>,
        together: u64,
        every: Duration,
    ) -> Self {
        let (is_asked, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
        let shared = Arc::new(Shared { begun: Instant::now(), is_asked, is_over, known: Mutex::default() });
        let asker = |partition: u32| {
            let (shared, topic) = (Arc::clone(&shared), Arc::clone(requests));
            thread::spawn(move || shared.ask(&*topic, Partition(partition), together, every))
        };
        let reader = |partition: u32| {
            let (shared, topic) = (Arc::clone(&shared), Arc::clone(answers));
            thread::spawn(move || shared.read(&*topic, Partition(partition)))
        };
        let askers = (0..PARTITIONS).map(asker).collect();
        let readers = (0..PARTITIONS).map(reader).collect();
        Self { shared, askers, readers }
    }

    /// How many answers have come that are such.
    #[must_use]
    pub fn answered(&self, such: impl Fn(&Value) -> bool) -> usize {
        self.shared.lock().answered.values().filter(|answered| such(&answered.answer)).count()
    }

    /// Stops asking, waits until everything is answered, and gives all answers in the order in which they came.
    ///
    /// # Panics
    /// If an answer doesn't come before the [`crate::DEADLINE`].
    #[track_caller]
    pub fn finish(mut self) -> Vec<Answered> {
        self.shared.is_asked.store(true, Ordering::SeqCst);
        join(std::mem::take(&mut self.askers));
        wait_until("everything is answered", || {
            let known = self.shared.lock();
            known.asked.len() == known.answered.len()
        });
        self.shared.is_over.store(true, Ordering::SeqCst);
        join(std::mem::take(&mut self.readers));
        let mut answered: Vec<Answered> = self.shared.lock().answered.drain().map(|(_, answered)| answered).collect();
        answered.sort_by_key(|answered| answered.came);
        answered
    }
}

impl Drop for Client {
    /// A test that fails doesn't burden the others any longer.
    fn drop(&mut self) {
        self.shared.is_asked.store(true, Ordering::SeqCst);
        self.shared.is_over.store(true, Ordering::SeqCst);
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().expect("it goes on until it is stopped"));
}

impl Shared {
    fn ask(&self, topic: &dyn TopicClient, partition: Partition, together: u64, every: Duration) {
        let flights = bundled();
        for turn in 0_u32.. {
            let due = every * turn;
            thread::sleep(due.saturating_sub(self.begun.elapsed()));
            if self.is_asked.load(Ordering::SeqCst) {
                return;
            }
            let number = |at: u64| u64::from(partition.0) << 40 | (u64::from(turn) * together + at);
            let lines: Vec<String> = (0..together)
                .map(number)
                .map(|number| request(&flights[number as usize % flights.len()], number))
                .collect();
            self.lock().asked.extend(lines.iter().map(|line| (uuid(line.as_bytes()), due)));
            while topic.append_to(partition, lines.iter().map(|line| line.clone().into()).collect()).is_err() {
                if self.is_over.load(Ordering::SeqCst) {
                    return;
                }
                thread::sleep(AGAIN);
            }
        }
    }

    fn read(&self, topic: &dyn TopicClient, partition: Partition) {
        let mut from = Offset(0);
        while !self.is_over.load(Ordering::SeqCst) {
            let Ok(records) = topic.read(partition, from, MOST_BYTES, PATIENCE) else {
                thread::sleep(AGAIN);
                continue;
            };
            let came = self.begun.elapsed();
            for record in records {
                from = record.offset.next();
                let uuid = uuid(&record.payload);
                let answer = serde_json::from_slice(&record.payload).expect("an answer is JSON");
                let mut known = self.lock();
                // What a client has asked again is answered again.
                if let Some(asked) = known.asked.get(&uuid).copied() {
                    known.answered.entry(uuid).or_insert(Answered { asked, came, answer });
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn uuid(line: &[u8]) -> String {
    let line: Value = serde_json::from_slice(line).expect("it is JSON");
    line["UUID"].as_str().expect("it has a UUID").to_owned()
}
