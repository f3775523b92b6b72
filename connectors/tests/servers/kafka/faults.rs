//! A broker that is paused, killed and stopped while answers are written.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_connectors::kafka::{KafkaCluster, KafkaOptions};
use flightline_engine::contract::{Fault, FlushReason, Guarantee, JobId, Sink, SinkBatch};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Partition};

use super::{LONG, contents_at, lines, options, sink, stretch};
use crate::services::Services;

const PARTITIONS: [Partition; 2] = [Partition(0), Partition(1)];

/// A writer that goes on until it is told to stop, and what is seen of it from outside.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    /// The test has failed; nobody resumes the broker.
    abandoned: AtomicBool,
    written: AtomicU64,
    faults: AtomicU64,
}

impl Load {
    /// Writes three lines at a time for each partition; tries again after transient faults. Gives how many lines there must be.
    fn write(&self, cluster: &KafkaCluster, topic: &str, guarantee: Guarantee) -> u64 {
        let sink = sink(cluster, topic, guarantee);
        let starts = PARTITIONS.map(|partition| (partition, Offset(0))).into();
        self.patiently(|| sink.adopt(&JobId("job#1".into()), &starts));
        let mut writer = self.patiently(|| sink.open(Generation(1), &PARTITIONS));
        let mut next = 0;
        while !self.stop.load(Ordering::SeqCst) {
            let both = PARTITIONS.iter().flat_map(|partition| stretch(partition.0, next, next + 3).answers);
            let batch = SinkBatch { answers: both.collect() };
            self.patiently(|| writer.write(&batch));
            next += 3;
            self.written.store(next, Ordering::SeqCst);
        }
        self.patiently(|| writer.flush(FlushReason::Closing));
        assert!(writer.durable().values().all(|reached| reached.next == Offset(next)));
        next
    }

    fn patiently<T>(&self, mut step: impl FnMut() -> Result<T, Fault>) -> T {
        loop {
            let fault = match step() {
                Ok(done) => return done,
                Err(fault) => fault,
            };
            assert!(matches!(fault, Fault::Transient(_)), "{fault:?}");
            assert!(!self.abandoned.load(Ordering::SeqCst), "the test has failed elsewhere");
            self.faults.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn wait_for(&self, what: &AtomicU64, more: u64) {
        let (begun, enough) = (Instant::now(), what.load(Ordering::SeqCst) + more);
        while what.load(Ordering::SeqCst) < enough {
            let seen = [&self.written, &self.faults].map(|count| count.load(Ordering::SeqCst));
            assert!(begun.elapsed() < 6 * LONG, "lines of each partition and faults: {seen:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Lets the writers end when the test fails.
struct Abandon<'a>(&'a [Load]);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        for load in self.0 {
            load.abandoned.store(thread::panicking(), Ordering::SeqCst);
            load.stop.store(true, Ordering::SeqCst);
        }
    }
}

/// Commits are cut off at any point, also where nobody knows whether they happened, and transactions outlive their time.
#[test]
fn a_broker_that_stumbles_loses_and_doubles_nothing() {
    let services = Services::up(&["kafka"]);
    let cluster = || {
        let timeouts = (Duration::from_millis(1500), Duration::from_secs(3));
        let brokers = services.address("KAFKA_BROKERS");
        KafkaCluster::new(KafkaOptions { brokers, timeout: timeouts.0, transaction_timeout: timeouts.1, ..options() })
            .unwrap()
    };
    let loads = [Load::default(), Load::default()];
    let guarantees = [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce];
    let (exactly, at_least) = thread::scope(|scope| {
        let write = |place: usize| {
            let (load, guarantee, cluster) = (&loads[place], guarantees[place], cluster());
            scope.spawn(move || load.write(&cluster, &format!("{guarantee:?}"), guarantee))
        };
        let writers = [write(0), write(1)];
        let abandon = Abandon(&loads);
        let each = |what: fn(&Load) -> &AtomicU64, more| loads.iter().for_each(|load| load.wait_for(what(load), more));
        for trouble in ["pause", "kill", "pause", "stop", "pause"] {
            each(|load| &load.written, 30);
            services.run(trouble, &["kafka"]);
            each(|load| &load.faults, 3);
            services.run(if trouble == "pause" { "resume" } else { "start" }, &["kafka"]);
        }
        each(|load| &load.written, 30);
        drop(abandon);
        let [exactly, at_least] = writers.map(|writer| writer.join().unwrap());
        (exactly, at_least)
    });
    let expected = |count| {
        let mut lines = PARTITIONS.iter().flat_map(|partition| lines(partition.0, 0, count)).collect::<Vec<_>>();
        lines.sort_unstable();
        lines
    };
    let brokers = services.address("KAFKA_BROKERS");
    let found = |guarantee: Guarantee| -> Vec<Bytes> {
        let mut found = contents_at(&brokers, &cluster(), &format!("{guarantee:?}")).concat();
        found.sort_unstable();
        found
    };
    assert!(found(Guarantee::ExactlyOnce) == expected(exactly), "each line once");
    let at_least_once = found(Guarantee::AtLeastOnce).into_iter().collect::<BTreeSet<_>>();
    assert!(at_least_once == expected(at_least).into_iter().collect(), "each line, and no other");
}
