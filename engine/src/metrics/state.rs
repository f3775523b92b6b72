//! The numbers themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use super::histogram::Histogram;
use super::ledger::LedgerState;
use super::status::{
    AnswersStatus, BindingStatus, LatencyStatus, PartitionStatus, RefusedStatus, SinkStatus, StreamStatus,
};
use super::{AnswerStatus, SinkState};
use crate::contract::{Guarantee, SinkName};
use crate::ledger::{Binding, Generation};
use crate::log::{Offset, Partition};
use crate::process::peak_memory_bytes;
use crate::stream::Epoch;

/// How many different reasons of errors are told apart.
pub const MOST_REASONS: usize = 32;

/// What the reasons beyond [`MOST_REASONS`] count as.
const OTHER_REASONS: &str = "other";

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) generation: Option<Generation>,
    pub(super) epoch: Epoch,
    pub(super) binding: Option<Binding>,
    pub(super) refused: Option<RefusedStatus>,
    pub(super) bindings_refused: u64,
    pub(super) partitions: BTreeMap<Partition, PartitionState>,
    pub(super) answers: BTreeMap<AnswerStatus, u64>,
    pub(super) errors: BTreeMap<Box<str>, u64>,
    pub(super) dead_letters: u64,
    pub(super) settle: Histogram,
    pub(super) whole: Histogram,
    pub(super) sinks: BTreeMap<SinkName, SinkNumbers>,
    pub(super) ledger_entries: u64,
    pub(super) ledger: Option<LedgerState>,
    pub(super) cuts: u64,
    pub(super) longest_stop: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartitionState {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) in_flight_records: u64,
    pub(super) in_flight_bytes: u64,
    pub(super) epochs_in_flight: Option<(Epoch, Epoch)>,
    pub(super) end: Offset,
}

#[derive(Clone, Debug, Default)]
pub(super) struct SinkNumbers {
    pub(super) guarantee: Option<Guarantee>,
    pub(super) required: bool,
    pub(super) state: SinkState,
    pub(super) transient_faults: u64,
    pub(super) last_fault: Option<String>,
    pub(super) next: BTreeMap<Partition, Offset>,
    pub(super) commit: Histogram,
}

impl State {
    pub(super) fn partition(&mut self, partition: Partition) -> &mut PartitionState {
        self.partitions.entry(partition).or_default()
    }

    pub(super) fn sink(&mut self, sink: &SinkName) -> &mut SinkNumbers {
        self.sinks.entry(sink.clone()).or_default()
    }

    pub(super) fn error(&mut self, reason: &str, requests: u64) {
        let full = self.errors.len() >= MOST_REASONS && !self.errors.contains_key(reason);
        let reason = if full { OTHER_REASONS } else { reason };
        *self.errors.entry(reason.into()).or_default() += requests;
    }

    /// The oldest and the newest epoch that let in what is in flight.
    pub(super) fn epochs_in_flight(&self) -> Option<(Epoch, Epoch)> {
        let each = || self.partitions.values().filter_map(|partition| partition.epochs_in_flight);
        each().map(|(oldest, _)| oldest).min().zip(each().map(|(_, newest)| newest).max())
    }

    /// How far a sink is behind the log's end, in offsets.
    pub(super) fn lag(&self, partition: Partition, next: Offset) -> u64 {
        self.partitions.get(&partition).map_or(0, |partition| partition.end.0.saturating_sub(next.0))
    }

    pub(super) fn status(&self) -> StreamStatus {
        let answers = |status| self.answers.get(&status).copied().unwrap_or_default();
        StreamStatus {
            generation: self.generation,
            epoch: self.epoch,
            epochs_in_flight: self.epochs_in_flight(),
            binding: self.binding.as_ref().map(|binding| BindingStatus {
                model: binding.model.clone(),
                table: binding.table,
                format: binding.format,
            }),
            refused: self.refused.clone(),
            guarantee: self.sinks.values().filter_map(|sink| sink.guarantee).min(),
            partitions: self.partitions.iter().map(|(partition, state)| (*partition, state.status())).collect(),
            answers: AnswersStatus { ok: answers(AnswerStatus::Ok), error: answers(AnswerStatus::Error) },
            errors: self.errors.clone(),
            dead_letters: self.dead_letters,
            settle: LatencyStatus::of(&self.settle),
            whole: LatencyStatus::of(&self.whole),
            sinks: self.sinks.iter().map(|(name, sink)| (name.clone(), self.sink_status(sink))).collect(),
            ledger_entries: self.ledger_entries,
            ledger: self.ledger.as_ref().map(LedgerState::status),
            cuts: self.cuts,
            longest_stop_ms: u64::try_from(self.longest_stop.as_millis()).unwrap_or(u64::MAX),
            peak_memory_bytes: peak_memory_bytes(),
        }
    }

    fn sink_status(&self, sink: &SinkNumbers) -> SinkStatus {
        let lag = |(partition, next): (&Partition, &Offset)| (*partition, self.lag(*partition, *next));
        SinkStatus {
            state: sink.state,
            required: sink.required,
            guarantee: sink.guarantee,
            transient_faults: sink.transient_faults,
            last_fault: sink.last_fault.clone(),
            lag: sink.next.iter().map(lag).collect(),
            next: sink.next.clone(),
            commit: LatencyStatus::of(&sink.commit),
        }
    }
}

impl PartitionState {
    fn status(&self) -> PartitionStatus {
        PartitionStatus {
            requests: self.requests,
            bytes: self.bytes,
            in_flight_records: self.in_flight_records,
            in_flight_bytes: self.in_flight_bytes,
            end: self.end,
        }
    }
}
