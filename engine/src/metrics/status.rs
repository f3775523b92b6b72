//! The numbers of a process at one moment, as `/status` tells them in JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SinkState;
use super::histogram::Histogram;
use super::ledger::LedgerStatus;
use crate::contract::{Guarantee, SinkName};
use crate::ledger::{AnswerFormat, Generation, TableVersion};
use crate::log::{Offset, Offsets, Partition};
use crate::stream::Epoch;

/// How a process of a job is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamStatus {
    /// This life of the job; `None` before it has begun.
    pub generation: Option<Generation>,
    /// The newest epoch of the dataflow that has begun.
    pub epoch: Epoch,
    /// The oldest epoch whose requests aren't all durable in every required sink, and the newest that let requests in; of the
    /// partitions that this process reads. `None` when nothing is in flight.
    pub epochs_in_flight: Option<(Epoch, Epoch)>,
    /// What new records are bound to; `None` before anything is.
    pub binding: Option<BindingStatus>,
    /// The last binding that was wanted in this life and did not take force, and why; `None` if none was refused.
    pub refused: Option<RefusedStatus>,
    /// The weakest guarantee of the sinks.
    pub guarantee: Option<Guarantee>,
    /// The partitions that this process reads.
    pub partitions: BTreeMap<Partition, PartitionStatus>,
    /// Requests that were settled with an answer.
    pub answers: AnswersStatus,
    /// Requests that could not be answered, by reason.
    pub errors: BTreeMap<Box<str>, u64>,
    /// Requests that became dead letters.
    pub dead_letters: u64,
    /// From read to settled.
    pub settle: LatencyStatus,
    /// From read to durable in every required sink.
    pub whole: LatencyStatus,
    /// The sinks that this process writes to.
    pub sinks: BTreeMap<SinkName, SinkStatus>,
    /// Entries that the ledger has had.
    pub ledger_entries: u64,
    /// What the ledger holds; `None` in processes that don't write it, and before it is claimed.
    pub ledger: Option<LedgerStatus>,
    /// Cuts that were made.
    pub cuts: u64,
    /// The longest time that sources stood still for a cut, in milliseconds.
    pub longest_stop_ms: u64,
    /// The most memory that this process ever held; `None` where the system doesn't tell.
    pub peak_memory_bytes: Option<u64>,
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingStatus {
    /// Id of the model.
    pub model: Box<str>,
    /// Version of the table.
    pub table: TableVersion,
    /// How answers are written down.
    pub format: AnswerFormat,
}

/// What was wanted, and can't be answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedStatus {
    /// Id of the model.
    pub model: Box<str>,
    /// Why, in a sentence.
    pub reason: String,
}

/// Answers by what they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswersStatus {
    /// Predictions.
    pub ok: u64,
    /// Reasons why there is none.
    pub error: u64,
}

/// A partition of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionStatus {
    /// Requests that were read.
    pub requests: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Requests that are not yet durable in every required sink.
    pub in_flight_records: u64,
    /// Their bytes.
    pub in_flight_bytes: u64,
    /// Where the log ends.
    pub end: Offset,
}

/// A sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SinkStatus {
    /// How it is doing.
    pub state: SinkState,
    /// Whether the source waits for it.
    pub required: bool,
    /// What it promises; `None` before that is known.
    pub guarantee: Option<Guarantee>,
    /// Calls that failed and were tried again.
    pub transient_faults: u64,
    /// What the last fault said.
    pub last_fault: Option<String>,
    /// Progress: all below is durable.
    pub next: Offsets,
    /// Offsets that it is behind the log's end.
    pub lag: BTreeMap<Partition, u64>,
    /// From settled to durable.
    pub commit: LatencyStatus,
}

/// Times that a stage took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyStatus {
    /// Requests that went through.
    pub requests: u64,
    /// Their mean, in milliseconds; `None` without requests.
    pub mean_ms: Option<f64>,
    /// Half of them took at most this, in milliseconds: the end of a bucket. `None` beyond the last one.
    pub p50_ms: Option<f64>,
    /// 99 of 100 took at most this, in milliseconds: the end of a bucket. `None` beyond the last one.
    pub p99_ms: Option<f64>,
}

impl LatencyStatus {
    pub(super) fn of(histogram: &Histogram) -> Self {
        let requests = histogram.count();
        let millis = |seconds: f64| seconds * 1000.0;
        #[allow(clippy::cast_precision_loss, reason = "a mean of more than 2^53 requests may be off in its last digit")]
        let mean = histogram.sum_seconds / requests as f64;
        Self {
            requests,
            mean_ms: (requests > 0).then_some(millis(mean)),
            p50_ms: histogram.at_most(50).map(millis),
            p99_ms: histogram.at_most(99).map(millis),
        }
    }
}
