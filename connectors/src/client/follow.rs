//! Following a topic: what comes into any of its partitions, from some moment on.
//!
//! [`Follower`] is what all kinds of topics have in common. A topic whose partitions are read one by one is followed by a
//! thread for each ([`PartitionsFollower`]); Kafka has one consumer for all.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use flightline_engine::backoff::Backoff;
use flightline_engine::log::{LogRecord, Offset, Partition};

use super::error::partition_name;
use super::{ClientError, Position, TopicClient};

/// How long a thread asks to wait for a record; so long may it take until it sees that it should end.
const WAIT: Duration = Duration::from_millis(500);
/// Bytes of records that a thread reads at once.
const AT_ONCE: usize = 4 << 20;
/// Bytes of records that wait to be taken before the threads read no further.
const WAITING: usize = 8 << 20;

/// A record that came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Where it stands.
    pub position: Position,
    /// Its bytes.
    pub payload: Bytes,
}

/// What came in a while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// Records, in the order of each partition.
    pub records: Vec<Followed>,
    /// Why something can't be followed just now, if that is so. It goes on by itself, and nothing is left out.
    pub away: Option<ClientError>,
}

/// Reads all partitions of a topic from some moment on. Lives on a thread of its own and may wait there.
pub trait Follower: Debug + Send {
    /// The next records: at least one if there is any, and about `limit` bytes at most. Waits up to `patience` for the first;
    /// none means none yet.
    ///
    /// # Errors
    /// This follower has come to its end: what it reads was made anew, or somebody must mend something. Another one begins at
    /// the present then.
    fn next(&mut self, limit: usize, patience: Duration) -> Result<Came, ClientError>;
}

/// Follows a topic by a thread for each partition.
#[derive(Debug)]
pub struct PartitionsFollower {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    records: VecDeque<Followed>,
    bytes: usize,
    /// Of each partition, why it can't be read now.
    away: Vec<Option<ClientError>>,
    /// Why one of them can't be read any more.
    ended: Option<ClientError>,
    /// Whether the follower was dropped.
    over: bool,
}

impl PartitionsFollower {
    /// Follows a topic from the present ends of its partitions on.
    ///
    /// # Errors
    /// The topic can't be reached, or there is no thread to be had.
    pub fn start(topic: Arc<dyn TopicClient>) -> Result<Self, ClientError> {
        let partitions = topic.partitions()?;
        let ends = (0..partitions).map(|partition| Ok(topic.bounds(Partition(partition))?.to));
        let ends = ends.collect::<Result<Vec<Offset>, ClientError>>()?;
        let state =
            State { records: VecDeque::new(), bytes: 0, away: vec![None; ends.len()], ended: None, over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let mut follower = Self { shared, threads: Vec::with_capacity(ends.len()) };
        for (partition, end) in (0..).map(Partition).zip(ends) {
            let (topic, shared) = (Arc::clone(&topic), Arc::clone(&follower.shared));
            let name = partition_name(topic.name(), partition);
            let thread = thread::Builder::new()
                .name(format!("follow {partition}"))
                .spawn(move || shared.follow(&*topic, partition, end))
                .map_err(|error| ClientError::Server {
                    sentence: format!("no thread follows {name}: {error}"),
                    transient: true,
                    uncertain: false,
                })?;
            follower.threads.push(thread);
        }
        Ok(follower)
    }
}

impl Follower for PartitionsFollower {
    fn next(&mut self, limit: usize, patience: Duration) -> Result<Came, ClientError> {
        let waits = |state: &mut State| state.records.is_empty() && state.ended.is_none();
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, patience, waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let records = state.take(limit);
        self.shared.changed.notify_all();
        match &state.ended {
            Some(error) if records.is_empty() => Err(error.clone()),
            _ => Ok(Came { records, away: state.away.iter().flatten().next().cloned() }),
        }
    }
}

impl Drop for PartitionsFollower {
    /// Waits for the threads: at most as long as one read takes.
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // One that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn follow(&self, topic: &dyn TopicClient, partition: Partition, mut next: Offset) {
        let mut backoff = Backoff::of(&partition_name(topic.name(), partition));
        while !self.lock().over {
            match topic.read(partition, next, AT_ONCE, WAIT) {
                Ok(records) => {
                    backoff.succeeded();
                    next = records.last().map_or(next, |last| last.offset.next());
                    self.put(partition, records);
                }
                Err(error) if error.is_transient() => {
                    let mut state = self.lock();
                    state.stands(partition, Some(error));
                    drop(self.changed.wait_timeout_while(state, backoff.next_wait(), |state| !state.over));
                }
                Err(error) => {
                    self.lock().ended.get_or_insert(error);
                    self.changed.notify_all();
                    return;
                }
            }
        }
    }

    /// Hands records on, when there is room for them.
    fn put(&self, partition: Partition, records: Vec<LogRecord>) {
        let mut state = self.lock();
        state.stands(partition, None);
        if records.is_empty() {
            return;
        }
        let is_full = |state: &mut State| !state.over && state.bytes >= WAITING;
        state = self.changed.wait_while(state, is_full).unwrap_or_else(PoisonError::into_inner);
        for LogRecord { offset, payload } in records {
            state.bytes += weight(&payload);
            state.records.push_back(Followed { position: Position { partition, offset }, payload });
        }
        self.changed.notify_all();
    }

    /// A panic elsewhere can't leave it half-changed: what is read was handed on whole or not at all.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, limit: usize) -> Vec<Followed> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while (taken.is_empty() || bytes < limit)
            && let Some(record) = self.records.pop_front()
        {
            bytes += weight(&record.payload);
            taken.push(record);
        }
        self.bytes -= bytes;
        taken
    }

    fn stands(&mut self, partition: Partition, away: Option<ClientError>) {
        if let Some(place) = self.away.get_mut(partition.0 as usize) {
            *place = away;
        }
    }
}

fn weight(payload: &Bytes) -> usize {
    payload.len() + LogRecord::OVERHEAD
}

#[cfg(test)]
mod tests;
