//! The numbers as a page of OpenMetrics text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::histogram::Histogram;
use super::state::State;
use super::{AnswerStatus, SinkState};
use crate::contract::SinkName;
use crate::log::Partition;
use crate::process::peak_memory_bytes;

/// The numbers of one moment.
#[derive(Debug)]
pub(super) struct Page(State);

impl Page {
    pub(super) const fn of(state: State) -> Self {
        Self(state)
    }
}

type Labels = Vec<(&'static str, String)>;

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut lines = Lines(encoder);
        self.partitions(&mut lines)?;
        self.answers(&mut lines)?;
        self.sinks(&mut lines)?;
        self.job(&mut lines)
    }
}

impl Page {
    fn partitions(&self, lines: &mut Lines<'_>) -> fmt::Result {
        let each = || self.0.partitions.iter().map(|(partition, state)| (of_partition(*partition), state));
        lines.counters(
            "requests_read",
            "Requests that were read from the log.",
            each().map(|(labels, state)| (labels, state.requests)),
        )?;
        lines.counters(
            "request_bytes_read",
            "Bytes of the requests that were read.",
            each().map(|(labels, state)| (labels, state.bytes)),
        )?;
        lines.gauges(
            "in_flight_records",
            "Requests that are read, and not yet durable in every required sink.",
            each().map(|(labels, state)| (labels, state.in_flight_records)),
        )?;
        lines.gauges(
            "in_flight_bytes",
            "Bytes of the requests that are in flight.",
            each().map(|(labels, state)| (labels, state.in_flight_bytes)),
        )?;
        lines.gauges("log_end_offset", "Where the log ends.", each().map(|(labels, state)| (labels, state.end.0)))
    }

    fn answers(&self, lines: &mut Lines<'_>) -> fmt::Result {
        let status = |status: &AnswerStatus| match status {
            AnswerStatus::Ok => "OK",
            AnswerStatus::Error => "ERROR",
        };
        let answers = self.0.answers.iter().map(|(of, count)| (vec![("status", status(of).to_owned())], *count));
        lines.counters("answers", "Requests that were settled with an answer.", answers)?;
        let errors = self.0.errors.iter().map(|(reason, count)| (vec![("reason", reason.to_string())], *count));
        lines.counters("errors", "Requests that could not be answered.", errors)?;
        lines.counters("dead_letters", "Requests that became dead letters.", [(Labels::new(), self.0.dead_letters)])?;
        lines.histograms("settle_seconds", "From read to settled.", [(Labels::new(), &self.0.settle)])?;
        lines.histograms(
            "whole_seconds",
            "From read to durable in every required sink.",
            [(Labels::new(), &self.0.whole)],
        )
    }

    fn sinks(&self, lines: &mut Lines<'_>) -> fmt::Result {
        let sinks = || self.0.sinks.iter().map(|(name, sink)| (of_sink(name), sink));
        lines.histograms(
            "commit_seconds",
            "From settled to durable in a sink.",
            sinks().map(|(labels, sink)| (labels, &sink.commit)),
        )?;
        let places = || {
            sinks().flat_map(|(labels, sink)| {
                let labels = move |partition| [labels.clone(), of_partition(partition)].concat();
                sink.next.iter().map(move |(partition, next)| (labels(*partition), *partition, *next))
            })
        };
        lines.gauges(
            "sink_next_offset",
            "Progress of a sink: all below is durable.",
            places().map(|(labels, _, next)| (labels, next.0)),
        )?;
        lines.gauges(
            "sink_lag_offsets",
            "How far a sink is behind the log's end.",
            places().map(|(labels, partition, next)| (labels, self.0.lag(partition, next))),
        )?;
        lines.counters(
            "sink_transient_faults",
            "Calls of a sink that failed and were tried again.",
            sinks().map(|(labels, sink)| (labels, sink.transient_faults)),
        )?;
        let states = sinks().flat_map(|(labels, sink)| {
            STATES.map(|(state, word)| {
                let labels = [labels.clone(), vec![("state", word.to_owned())]].concat();
                (labels, u64::from(sink.state == state))
            })
        });
        lines.gauges("sink_state", "1 for the state that a sink is in.", states)
    }

    fn job(&self, lines: &mut Lines<'_>) -> fmt::Result {
        let alone = |number| [(Labels::new(), number)];
        lines.gauges("epoch", "The newest epoch of the dataflow that has begun.", alone(self.0.epoch.0))?;
        let epochs = self.0.epochs_in_flight();
        lines.gauges(
            "epochs_in_flight",
            "Epochs from the oldest with requests that aren't durable in every required sink to the newest with requests.",
            alone(epochs.map_or(0, |(oldest, newest)| newest.0.saturating_sub(oldest.0) + 1)),
        )?;
        lines.gauges(
            "oldest_epoch_in_flight",
            "The oldest epoch with requests that aren't durable in every required sink.",
            epochs.map(|(oldest, _)| (Labels::new(), oldest.0)),
        )?;
        let generation = self.0.generation.map(|generation| (Labels::new(), generation.0));
        lines.gauges("generation", "Number of this life of the job.", generation)?;
        if let Some(binding) = &self.0.binding {
            lines.info(
                "binding",
                "Model, table and answer format that new requests are bound to.",
                &vec![
                    ("model", binding.model.to_string()),
                    ("table", binding.table.to_string()),
                    ("format", binding.format.to_string()),
                ],
            )?;
        }
        lines.counters(
            "bindings_refused",
            "Models that were wanted and did not pass their check.",
            alone(self.0.bindings_refused),
        )?;
        lines.gauges("ledger_entries", "Entries that the ledger has had.", alone(self.0.ledger_entries))?;
        lines.counters("cuts", "Cuts that were made.", alone(self.0.cuts))?;
        let stop = self.0.longest_stop.as_secs_f64();
        lines.one_gauge("cut_longest_stop_seconds", "The longest time that sources stood still for a cut.", stop)?;
        let memory = peak_memory_bytes().map(|bytes| (Labels::new(), bytes));
        lines.gauges("peak_memory_bytes", "The most memory that this process ever held.", memory)
    }
}

const STATES: [(SinkState, &str); 4] = [
    (SinkState::Live, "live"),
    (SinkState::CatchingUp, "catching-up"),
    (SinkState::Retrying, "retrying"),
    (SinkState::Failed, "failed"),
];

fn of_partition(partition: Partition) -> Labels {
    vec![("partition", partition.to_string())]
}

fn of_sink(name: &SinkName) -> Labels {
    vec![("sink", name.to_string())]
}

/// Writes metrics, each with its help, its type and a line for each set of labels.
struct Lines<'a>(DescriptorEncoder<'a>);

impl Lines<'_> {
    fn counters(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, u64)>) -> fmt::Result {
        self.each(name, help, MetricType::Counter, rows, |line, count| {
            line.encode_counter::<NoLabelSet, _, f64>(&count, None)
        })
    }

    fn gauges(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, u64)>) -> fmt::Result {
        self.each(name, help, MetricType::Gauge, rows, |line, number| line.encode_gauge(&number))
    }

    fn one_gauge(&mut self, name: &str, help: &str, number: f64) -> fmt::Result {
        let rows = [(Labels::new(), number)];
        self.each(name, help, MetricType::Gauge, rows, |line, number| line.encode_gauge(&number))
    }

    fn histograms<'h>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (Labels, &'h Histogram)>,
    ) -> fmt::Result {
        self.each(name, help, MetricType::Histogram, rows, |line, times| {
            line.encode_histogram::<NoLabelSet>(times.sum_seconds, times.count(), &times.buckets(), None)
        })
    }

    fn info(&mut self, name: &str, help: &str, labels: &Labels) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(labels)
    }

    fn each<T>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        rows: impl IntoIterator<Item = (Labels, T)>,
        write: impl Fn(&mut MetricEncoder<'_>, T) -> fmt::Result,
    ) -> fmt::Result {
        let mut rows = rows.into_iter().peekable();
        // A metric without a line would be a descriptor without a meaning.
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in rows {
            if labels.is_empty() {
                write(&mut metric, value)?;
            } else {
                write(&mut metric.encode_family(&labels)?, value)?;
            }
        }
        Ok(())
    }
}
