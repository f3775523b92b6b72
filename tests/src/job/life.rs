//! A life of a job in this process: several of them can be at work on one store, as processes on one server would.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use flightline_engine::log::Offsets;
use flightline_jobs::clients::{EmbeddedStore, Partition};
use flightline_jobs::config::{Layer, load};
use flightline_jobs::failure::Failure;
use flightline_jobs::service::{Drained, Replace, Service, StopFlag, StreamMetrics};

use super::{PARTITIONS, REQUESTS, World, some_request};
use crate::{Chance, wait_until};

/// Sinks of a job as it is configured by default.
const SINKS: usize = 4;

/// A life of a job, on a thread.
#[derive(Debug)]
pub struct Life {
    store: Arc<EmbeddedStore>,
    stop: StopFlag,
    metrics: StreamMetrics,
    thread: JoinHandle<Result<Drained, Failure>>,
}

impl Life {
    /// Starts one, on any free port. A port that was tried before might still be held for a moment: by a child of this process
    /// that is not yet the program that it is to become.
    ///
    /// # Panics
    /// If something can't be opened.
    #[must_use]
    pub fn start(world: &World, store: &Arc<EmbeddedStore>, replace: &dyn Replace) -> Self {
        let configuration = Layer::text("job.toml", world.configuration(0));
        let loaded = load(&[configuration]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let nonce = RandomState::new().hash_one("another one for each life");
        let stop = StopFlag::default();
        let service = Service::open_on(Arc::clone(store), &loaded, Service::alone(1), nonce, stop.clone(), replace);
        let service = service.unwrap_or_else(|failure| panic!("{failure}"));
        let metrics = service.metrics();
        Self { store: Arc::clone(store), stop, metrics, thread: thread::spawn(move || service.run()) }
    }

    /// Adds so many requests to each partition.
    pub fn ask(&self, chance: &mut Chance, requests: usize) {
        let topic = self.store.opened_topic(REQUESTS).expect("a life has its request topic open");
        for partition in (0..PARTITIONS).map(Partition) {
            let lines: Vec<Bytes> = (0..requests).map(|_| some_request(chance).into()).collect();
            topic.append(partition, lines).expect("requests can be appended");
        }
    }

    /// Waits until all its sinks have all that was asked.
    ///
    /// # Panics
    /// If it ends first.
    #[track_caller]
    pub fn wait_until_done(&self) {
        let topic = self.store.opened_topic(REQUESTS).expect("a life has its request topic open");
        let end = |partition| (partition, topic.bounds(partition).expect("it has bounds").to);
        let ends: Offsets = (0..PARTITIONS).map(Partition).map(end).collect();
        wait_until("every sink has everything", || {
            assert!(!self.thread.is_finished(), "it ended by itself");
            let sinks = self.metrics.status().sinks;
            sinks.len() == SINKS
                && sinks.values().all(|sink| ends.iter().all(|(at, end)| sink.next.get(at) >= Some(end)))
        });
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// Why it ended, if not because it was asked to.
    ///
    /// # Panics
    /// If it panicked.
    pub fn end(self) -> Result<(), Failure> {
        wait_until("the life ends", || self.thread.is_finished());
        self.thread.join().expect("a life ends without a panic").map(|_drained| ())
    }

    /// Asks it to drain, and waits until it has.
    ///
    /// # Errors
    /// As [`Life::end`].
    pub fn drain(self) -> Result<(), Failure> {
        self.stop.raise();
        self.end()
    }
}
