//! Follows the response topic, and notes when each answer is there for others to read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flightline_jobs::clients::Follower;
use flightline_jobs::failure::{Failure, FailureKind};
use serde::Deserialize;
use uuid::Uuid;

use super::send::failure;
use crate::demo::life::Life;

const PATIENCE: Duration = Duration::from_millis(100);
const AT_ONCE: usize = 4 << 20;

/// A thread that follows the response topic.
pub(super) struct Followers {
    arrived: Arc<Mutex<HashMap<Uuid, Instant>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "UUID")]
    id: Uuid,
}

impl Followers {
    /// Follows from the present end on.
    pub(super) fn start(life: &Life) -> Result<Self, Failure> {
        let follower = Arc::clone(&life.responses).follow().map_err(failure)?;
        let (arrived, over) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let (of_thread, is_over) = (Arc::clone(&arrived), Arc::clone(&over));
        let thread = thread::spawn(move || follow(follower, &of_thread, &is_over));
        Ok(Self { arrived, over, thread: Some(thread) })
    }

    fn count(&self) -> usize {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How long each request took, ascending.
    pub(super) fn latencies(&self, sent: &HashMap<Uuid, Instant>) -> Vec<Duration> {
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let took = |(id, sent): (&Uuid, &Instant)| Some(arrived.get(id)?.saturating_duration_since(*sent));
        let mut latencies: Vec<Duration> = sent.iter().filter_map(took).collect();
        latencies.sort_unstable();
        latencies
    }
}

impl Drop for Followers {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

fn follow(mut follower: Box<dyn Follower>, arrived: &Mutex<HashMap<Uuid, Instant>>, over: &AtomicBool) {
    while !over.load(Ordering::SeqCst) {
        let records = match follower.next(AT_ONCE, PATIENCE) {
            Ok(came) => came.records,
            Err(error) => {
                tracing::error!("the response topic can't be followed: {error}");
                return;
            }
        };
        let now = Instant::now();
        let ids = records.iter().filter_map(|record| serde_json::from_slice::<Named>(&record.payload).ok());
        let ids: Vec<Uuid> = ids.map(|named| named.id).collect();
        let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
        ids.into_iter().for_each(|id| _ = arrived.entry(id).or_insert(now));
    }
}

/// Waits until so many answers have arrived.
pub(super) fn wait(followers: &Followers, count: usize, patience: Duration, life: &Life) -> Result<(), Failure> {
    let deadline = Instant::now() + patience;
    loop {
        let arrived = followers.count();
        if arrived >= count {
            return Ok(());
        }
        if let Some(failure) = life.has_ended() {
            return Err(failure);
        }
        if Instant::now() > deadline {
            let sentence = format!("{arrived} of {count} answers have arrived in {} s", patience.as_secs());
            return Err(Failure::new(FailureKind::Bug, sentence));
        }
        thread::sleep(Duration::from_millis(1));
    }
}
