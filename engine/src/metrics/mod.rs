//! What a process of a streaming job counts, for Prometheus ([`StreamMetrics::encode`]) and as JSON
//! ([`StreamMetrics::status`]). Both show the same numbers at the same moment.
//!
//! Everything is of this process alone: its partitions, its writers. Labels are bounded: partitions and sinks are as many
//! as the job has, reasons of errors at most [`MOST_REASONS`]. A method takes a lock for some nanoseconds, so it is
//! called per batch, not per record. Nothing here decides anything.
//!
//! | metric | labels | is |
//! |---|---|---|
//! | `flightline_requests_read_total` | partition | requests that were read from the log |
//! | `flightline_request_bytes_read_total` | partition | their bytes |
//! | `flightline_in_flight_records`, `flightline_in_flight_bytes` | partition | read, and not yet durable in every required sink |
//! | `flightline_log_end_offset` | partition | where the log ends |
//! | `flightline_answers_total` | status | requests that were settled with an answer, `OK` or `ERROR` |
//! | `flightline_errors_total` | reason | requests that could not be answered, by reason |
//! | `flightline_dead_letters_total` | | requests that became dead letters |
//! | `flightline_settle_seconds` | | histogram: from read to settled |
//! | `flightline_commit_seconds` | sink | histogram: from settled to durable |
//! | `flightline_whole_seconds` | | histogram: from read to durable in every required sink |
//! | `flightline_sink_next_offset`, `flightline_sink_lag_offsets` | sink, partition | progress, and how far it is behind the log's end |
//! | `flightline_sink_transient_faults_total` | sink | faults after which the same was tried again |
//! | `flightline_sink_state` | sink, state | 1 for the state that it is in |
//! | `flightline_epoch`, `flightline_generation` | | the newest epoch of the dataflow that has begun; this life of the job |
//! | `flightline_epochs_in_flight` | | from the oldest epoch whose requests aren't durable in every required sink, up to the newest that has any: how many |
//! | `flightline_oldest_epoch_in_flight` | | that oldest epoch; not told when nothing is in flight |
//! | `flightline_binding_info` | model, table, format | 1: what is in force |
//! | `flightline_bindings_refused_total` | | models that were wanted and did not pass their check |
//! | `flightline_ledger_entries` | | entries that the ledger has had |
//! | `flightline_cuts_total`, `flightline_cut_longest_stop_seconds` | | cuts, and the longest time that sources stood still for one |
//! | `flightline_peak_memory_bytes` | | the most memory that this process ever held |

mod histogram;
mod ledger;
mod page;
mod state;
mod status;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use ledger::{
    ByPartition, EntrySays, EntryStatus, LedgerStatus, MOST_LEDGER_ENTRIES, MOST_LEDGER_PARTITIONS, OpenBinding,
    Written,
};
use ledger::{LedgerState, open_bindings};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
pub use state::MOST_REASONS;
use state::State;
pub use status::{
    AnswersStatus, BindingStatus, LatencyStatus, PartitionStatus, RefusedStatus, SinkStatus, StreamStatus,
};

use crate::clock::Clock;
use crate::contract::{Guarantee, SinkName};
use crate::ledger::{Binding, Book, Entry, Generation, Seq, TableVersion};
use crate::log::{Offset, Offsets, Partition};
use crate::stream::Epoch;

/// What a request was settled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AnswerStatus {
    /// A prediction.
    Ok,
    /// The reason why there is none.
    Error,
}

/// How a sink is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SinkState {
    /// It takes answers as they come.
    #[default]
    Live,
    /// It reads the log again to write what it has missed.
    CatchingUp,
    /// Its last call failed, and is tried again.
    Retrying,
    /// It has failed for good.
    Failed,
}

/// A part of a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage<'a> {
    /// From read to settled.
    Settle,
    /// From settled to durable in this sink.
    Commit(&'a SinkName),
    /// From read to durable in every required sink.
    Whole,
}

/// The counters of this process. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct StreamMetrics(Arc<Mutex<State>>);

impl StreamMetrics {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records were read from a partition, and are in flight from now on.
    pub fn read(&self, partition: Partition, records: u64, bytes: u64) {
        let mut state = self.lock();
        let partition = state.partition(partition);
        partition.requests += records;
        partition.bytes += bytes;
        partition.in_flight_records += records;
        partition.in_flight_bytes += bytes;
    }

    /// Records of a partition are durable in every required sink, and in flight no more.
    pub fn released(&self, partition: Partition, records: u64, bytes: u64) {
        let mut state = self.lock();
        let partition = state.partition(partition);
        partition.in_flight_records = partition.in_flight_records.saturating_sub(records);
        partition.in_flight_bytes = partition.in_flight_bytes.saturating_sub(bytes);
    }

    /// Where a partition ends now.
    pub fn log_end(&self, partition: Partition, end: Offset) {
        self.lock().partition(partition).end = end;
    }

    /// So many requests were settled with an answer of this status.
    pub fn answered(&self, status: AnswerStatus, requests: u64) {
        *self.lock().answers.entry(status).or_default() += requests;
    }

    /// So many requests could not be answered for this reason: a short, fixed word. Beyond [`MOST_REASONS`] different
    /// ones the rest counts as `other`.
    pub fn error(&self, reason: &str, requests: u64) {
        self.lock().error(reason, requests);
    }

    /// So many requests became dead letters.
    pub fn dead_letters(&self, requests: u64) {
        self.lock().dead_letters += requests;
    }

    /// So many requests took this long for a stage.
    pub fn took(&self, stage: Stage<'_>, time: Duration, requests: u64) {
        let mut state = self.lock();
        let histogram = match stage {
            Stage::Settle => &mut state.settle,
            Stage::Commit(sink) => &mut state.sink(sink).commit,
            Stage::Whole => &mut state.whole,
        };
        histogram.add(time, requests);
    }

    /// A sink takes part in the job.
    pub fn sink(&self, sink: &SinkName, guarantee: Guarantee, required: bool) {
        let mut state = self.lock();
        let sink = state.sink(sink);
        sink.guarantee = Some(guarantee);
        sink.required = required;
    }

    /// All below `next` is durable in a sink.
    pub fn durable(&self, sink: &SinkName, partition: Partition, next: Offset) {
        self.lock().sink(sink).next.insert(partition, next);
    }

    /// How a sink is doing now.
    pub fn sink_state(&self, sink: &SinkName, now: SinkState) {
        self.lock().sink(sink).state = now;
    }

    /// A call of a sink failed and will be tried again; `sentence` is the fault's.
    pub fn transient_fault(&self, sink: &SinkName, sentence: &str) {
        let mut state = self.lock();
        let sink = state.sink(sink);
        sink.transient_faults += 1;
        sink.last_fault = Some(sentence.to_owned());
    }

    /// A sink has failed for good; `sentence` is the fault's.
    pub fn permanent_fault(&self, sink: &SinkName, sentence: &str) {
        let mut state = self.lock();
        let sink = state.sink(sink);
        sink.state = SinkState::Failed;
        sink.last_fault = Some(sentence.to_owned());
    }

    /// This epoch has begun. Of several workers the one that is furthest counts.
    pub fn epoch(&self, epoch: Epoch) {
        let mut state = self.lock();
        state.epoch = state.epoch.max(epoch);
    }

    /// The epochs that let requests of a partition in which are in flight: the oldest, and the newest.
    pub fn epochs_in_flight(&self, partition: Partition, epochs: Option<(Epoch, Epoch)>) {
        self.lock().partition(partition).epochs_in_flight = epochs;
    }

    /// This life of the job.
    pub fn generation(&self, generation: Generation) {
        self.lock().generation = Some(generation);
    }

    /// What new records are bound to from now on.
    pub fn binding(&self, binding: &Binding) {
        self.lock().binding = Some(binding.clone());
    }

    /// A binding that was wanted is not going to take force; what is in force goes on.
    pub fn refused(&self, binding: &Binding, reason: &str) {
        let mut state = self.lock();
        state.bindings_refused += 1;
        state.refused = Some(RefusedStatus { model: binding.model.clone(), reason: reason.to_owned() });
    }

    /// How many entries the ledger has had, those that are collected included.
    pub fn ledger_entries(&self, entries: u64) {
        self.lock().ledger_entries = entries;
    }

    /// This process has claimed the ledger now, and tells of it from now on.
    pub fn ledger_claimed(&self, generation: Generation, clock: Arc<dyn Clock>) {
        self.lock().ledger = Some(LedgerState::claimed(generation, clock));
    }

    /// The ledger has this entry. Counts only in the process that has claimed it.
    pub fn ledger_entry(&self, number: Seq, entry: &Entry, written: Written) {
        if let Some(ledger) = &mut self.lock().ledger {
            ledger.entry(number, entry, written);
        }
    }

    /// All below `durable` is in every required sink; `as_of` knows at which epoch the dataflow's table is a version. Counts
    /// only in the process that has claimed the ledger.
    pub fn ledger_open(&self, book: &Book, durable: &Offsets, as_of: impl Fn(TableVersion) -> Option<Epoch>) {
        let open = open_bindings(book, durable, as_of);
        if let Some(ledger) = &mut self.lock().ledger {
            ledger.open = open;
        }
    }

    /// A cut was made, and the sources stood still this long for it.
    pub fn cut(&self, stop: Duration) {
        let mut state = self.lock();
        state.cuts += 1;
        state.longest_stop = state.longest_stop.max(stop);
    }

    /// All numbers as OpenMetrics text, which Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut registry = Registry::with_prefix("flightline");
        registry.register_collector(Box::new(page::Page::of(self.lock().clone())));
        let mut text = String::new();
        match text::encode(&mut text, &registry) {
            Ok(()) => text,
            Err(error) => format!("# the metrics could not be written: {error}\n# EOF\n"),
        }
    }

    /// All numbers, for people and for JSON.
    #[must_use]
    pub fn status(&self) -> StreamStatus {
        self.lock().status()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
