//! What a worker counts and how long things take, for the metrics. Nothing here changes what the job does.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::closing::Whole;
use super::flow::OnWhole;
use crate::clock::Clock;
use crate::contract::{SinkName, Standing};
use crate::ledger::{Binding, Book, Generation, Seq, TableVersion};
use crate::log::{LogRecord, Offset, Offsets, Partition, Reached};
use crate::metrics::{AnswerStatus, Stage, StreamMetrics};
use crate::stream::Epoch;

/// Stretches that are remembered at most for each partition and sink: beyond it two count as one, that ends with the later.
const REMEMBERED: usize = 4096;

/// A stretch on its way.
#[derive(Clone, Copy, Debug)]
struct Underway {
    /// When it was let in.
    epoch: Epoch,
    end: Offset,
    since: Duration,
    records: u64,
    bytes: u64,
}

type Way = VecDeque<Underway>;

/// The counts of one worker.
pub(super) struct Stats {
    metrics: StreamMetrics,
    clock: Arc<dyn Clock>,
    /// From emitted to durable in every required sink.
    whole: BTreeMap<Partition, Way>,
    shared: Rc<RefCell<Shared>>,
}

/// What the closing operator counts, too.
#[derive(Default)]
struct Shared {
    /// From emitted to settled.
    settling: BTreeMap<Partition, Way>,
    /// From settled to durable, for each sink.
    committing: BTreeMap<SinkName, BTreeMap<Partition, Way>>,
}

impl Stats {
    pub(super) fn new(
        metrics: StreamMetrics,
        generation: Generation,
        clock: Arc<dyn Clock>,
        sinks: impl IntoIterator<Item = SinkName>,
    ) -> Self {
        metrics.generation(generation);
        let committing = sinks.into_iter().map(|sink| (sink, BTreeMap::new())).collect();
        let shared = Rc::new(RefCell::new(Shared { settling: BTreeMap::new(), committing }));
        Self { metrics, clock, whole: BTreeMap::new(), shared }
    }

    pub(super) fn read(&self, partition: Partition, records: &[LogRecord]) {
        self.metrics.read(partition, records.len() as u64, bytes_of(records.iter()));
    }

    /// Records have entered the dataflow.
    pub(super) fn emitted<'a>(
        &mut self,
        partition: Partition,
        (epoch, end): (Epoch, Offset),
        records: impl ExactSizeIterator<Item = &'a LogRecord>,
    ) {
        let since = self.clock.now();
        let underway = Underway { epoch, end, since, records: records.len() as u64, bytes: bytes_of(records) };
        let way = self.whole.entry(partition).or_default();
        remember(way, underway);
        self.metrics.epochs_in_flight(partition, epochs(way));
        remember(self.shared.borrow_mut().settling.entry(partition).or_default(), underway);
    }

    /// What the closing operator calls for what is whole.
    pub(super) fn on_whole(&self) -> OnWhole {
        let (metrics, clock, shared) = (self.metrics.clone(), Arc::clone(&self.clock), Rc::clone(&self.shared));
        Rc::new(move |wholes| {
            let (now, mut shared) = (clock.now(), shared.borrow_mut());
            for whole in wholes {
                count(&metrics, whole);
                let settling = shared.settling.entry(whole.partition).or_default();
                for passed in passed(settling, whole.reached.next) {
                    metrics.took(Stage::Settle, now.saturating_sub(passed.since), passed.records);
                }
                let records = whole.settled.len() as u64;
                let underway = Underway { epoch: Epoch(0), end: whole.reached.next, since: now, records, bytes: 0 };
                for ways in shared.committing.values_mut() {
                    remember(ways.entry(whole.partition).or_default(), underway);
                }
            }
        })
    }

    /// A sink of this worker has made progress.
    pub(super) fn durable(&self, sink: &SinkName, reached: &BTreeMap<Partition, Reached>) {
        let (now, mut shared) = (self.clock.now(), self.shared.borrow_mut());
        let mut ways = shared.committing.get_mut(sink);
        for (partition, reached) in reached {
            self.metrics.durable(sink, *partition, reached.next);
            let Some(way) = ways.as_mut().and_then(|ways| ways.get_mut(partition)) else { continue };
            for passed in passed(way, reached.next) {
                self.metrics.took(Stage::Commit(sink), now.saturating_sub(passed.since), passed.records);
            }
        }
    }

    /// Every required sink has come to `slowest`.
    pub(super) fn released(&mut self, partition: Partition, slowest: Offset) {
        let now = self.clock.now();
        let way = self.whole.entry(partition).or_default();
        for Underway { since, records, bytes, .. } in passed(way, slowest) {
            self.metrics.took(Stage::Whole, now.saturating_sub(since), records);
            self.metrics.released(partition, records, bytes);
        }
        self.metrics.epochs_in_flight(partition, epochs(way));
    }

    pub(super) fn epoch(&self, epoch: Epoch) {
        self.metrics.epoch(epoch);
    }

    pub(super) fn entries(&self, next: Seq) {
        self.metrics.ledger_entries(next.0);
    }

    /// What of the ledger is still open.
    pub(super) fn open_bindings(&self, book: &Book, durable: &Offsets, tables: &BTreeMap<TableVersion, Epoch>) {
        self.metrics.ledger_open(book, durable, |version| tables.get(&version).copied());
    }

    /// What was wanted, and is not going to be in force.
    pub(super) fn refused(&self, binding: &Binding, reason: &str) {
        self.metrics.refused(binding, reason);
    }

    /// What new records are bound to, and how long everything stood still for it if it is new.
    pub(super) fn in_force(&self, binding: &Binding, stopped: Option<Duration>) {
        self.metrics.binding(binding);
        if let Some(stopped) = stopped {
            tracing::info!(model = %binding.model, table = %binding.table, ms = stopped.as_millis(), "cut");
            self.metrics.cut(stopped);
        }
    }
}

fn count(metrics: &StreamMetrics, whole: &Whole) {
    let status = |standing| {
        let has = |settled: &&super::Settled| settled.answer.as_ref().is_some_and(|line| line.standing == standing);
        whole.settled.iter().filter(has).count() as u64
    };
    metrics.answered(AnswerStatus::Ok, status(Standing::Final));
    metrics.answered(AnswerStatus::Error, status(Standing::Provisional));
    metrics.dead_letters(whole.settled.iter().filter(|settled| settled.dead_letter.is_some()).count() as u64);
    for reason in whole.settled.iter().filter_map(|settled| settled.error.as_deref()) {
        metrics.error(reason, 1);
    }
}

fn remember(way: &mut Way, underway: Underway) {
    way.push_back(underway);
    if way.len() > REMEMBERED
        && let Some(oldest) = way.pop_front()
        && let Some(next) = way.front_mut()
    {
        // They are let go together, so nothing that was counted stays counted for ever.
        *next = Underway {
            epoch: oldest.epoch,
            records: oldest.records + next.records,
            bytes: oldest.bytes + next.bytes,
            ..*next
        };
    }
}

/// The epochs of the oldest and the newest stretch on this way.
fn epochs(way: &Way) -> Option<(Epoch, Epoch)> {
    Some((way.front()?.epoch, way.back()?.epoch))
}

/// Takes what ends at or before `next`.
fn passed(way: &mut Way, next: Offset) -> impl Iterator<Item = Underway> {
    let passed = way.partition_point(|underway| underway.end <= next);
    way.drain(..passed)
}

fn bytes_of<'a>(records: impl Iterator<Item = &'a LogRecord>) -> u64 {
    records.map(|record| record.payload.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const PARTITION: Partition = Partition(0);

    fn stats() -> Stats {
        Stats::new(StreamMetrics::new(), Generation(1), Arc::new(ManualClock::new()), [])
    }

    fn emit(stats: &mut Stats, epoch: u64, offset: u64) {
        let record = LogRecord { offset: Offset(offset), payload: "text".into() };
        stats.read(PARTITION, std::slice::from_ref(&record));
        stats.emitted(PARTITION, (Epoch(epoch), Offset(offset + 1)), [&record].into_iter());
    }

    #[test]
    fn an_epoch_is_in_flight_until_all_that_it_let_in_is_durable() {
        let mut stats = stats();
        let epochs = |stats: &Stats| stats.metrics.status().epochs_in_flight;
        assert_eq!(epochs(&stats), None);
        (0..4).for_each(|at| emit(&mut stats, 7 + 2 * at, at));
        assert_eq!(epochs(&stats), Some((Epoch(7), Epoch(13))));
        stats.released(PARTITION, Offset(2));
        assert_eq!(epochs(&stats), Some((Epoch(11), Epoch(13))));
        stats.released(PARTITION, Offset(4));
        assert_eq!(epochs(&stats), None);
    }

    /// What no longer found a place was forgotten, and counted as in flight for ever.
    #[test]
    fn more_stretches_than_are_remembered_are_let_go_together() {
        let mut stats = stats();
        let many = REMEMBERED as u64 + 10;
        (0..many).for_each(|at| emit(&mut stats, at, at));
        let status = stats.metrics.status();
        assert_eq!(status.epochs_in_flight, Some((Epoch(0), Epoch(many - 1))));
        assert_eq!(status.partitions[&PARTITION].in_flight_records, many);
        stats.released(PARTITION, Offset(many));
        let status = stats.metrics.status();
        assert_eq!((status.epochs_in_flight, status.partitions[&PARTITION].in_flight_records), (None, 0));
        assert_eq!((status.partitions[&PARTITION].in_flight_bytes, status.whole.requests), (0, many));
    }
}
