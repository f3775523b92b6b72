//! `/metrics`: the cluster as OpenMetrics text, for Prometheus.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::ids::Moment;
use crate::job::state::Phase;
use crate::view::{ClusterView, JobView, SinkView, StreamView, WorkerState, WorkerView};

type Labels = Vec<(&'static str, String)>;
type Numbers = Family<Labels, Gauge<u64, AtomicU64>>;

/// The numbers of the whole cluster: `streams` are the streaming jobs that are not over, `model` the current one of the
/// registry, and when it was saved.
pub(super) fn of_cluster(view: &ClusterView, streams: &[JobView], model: Option<(String, Moment)>) -> String {
    let mut page = Page(Registry::with_prefix("flightline_cluster"));
    let mut by_state: BTreeMap<&str, u64> = WORKER_STATES.map(|(_, word)| (word, 0)).into();
    for worker in &view.workers {
        let word = WORKER_STATES.iter().find(|(state, _)| *state == worker.state).map_or("unknown", |(_, word)| word);
        *by_state.entry(word).or_default() += 1;
    }
    let states = by_state.into_iter().map(|(state, count)| (vec![("state", state.to_owned())], count));
    page.numbers("workers", "Workers by state.", states);
    let of = |worker: &WorkerView| vec![("worker", worker.name.to_string())];
    page.workers(&view.workers, of);

    let mut by_phase: BTreeMap<Phase, u64> = Phase::ALL.map(|phase| (phase, 0)).into();
    for job in &view.jobs {
        *by_phase.entry(job.state.phase()).or_default() += 1;
    }
    let phases = by_phase.into_iter().map(|(phase, count)| (vec![("state", in_a_word(phase))], count));
    page.numbers("jobs", "Jobs by state.", phases);
    let jobs = || view.jobs.iter().map(|job| (vec![("job", job.id.to_string()), ("name", job.name.clone())], job));
    let states = jobs().map(|(labels, job)| (and(labels, "state", in_a_word(job.state.phase())), 1));
    page.numbers("job_state", "1 for the state that a job is in.", states);
    page.numbers("job_restarts", "Lives of a job after its first.", jobs().map(|(labels, job)| (labels, job.restarts)));
    let alive = jobs().filter(|(_, job)| !job.state.is_over());
    let generations = alive.filter_map(|(labels, job)| Some((labels, job.generation?.0)));
    page.numbers("job_generation", "Number of a job's present life.", generations);
    page.numbers("up_seconds", "Since when the master runs.", [(Vec::new(), view.now.since(view.since).as_secs())]);
    page.clock(view.now);
    page.streams(streams);
    let age = model.map(|(id, saved)| (vec![("model", id)], view.now.since(saved).as_secs()));
    page.numbers("model_age_seconds", "Since when the current model of the registry is saved.", age);
    page.text()
}

/// The numbers of one worker.
pub(super) fn of_worker(view: &WorkerView, now: Moment) -> String {
    let mut page = Page(Registry::with_prefix("flightline_worker"));
    page.workers(std::slice::from_ref(view), |_| Vec::new());
    page.numbers("processes", "Processes of jobs.", [(Vec::new(), view.processes.len() as u64)]);
    page.clock(now);
    page.text()
}

fn in_a_word(phase: Phase) -> String {
    phase.to_string().replace(' ', "-")
}

fn and(mut labels: Labels, name: &'static str, value: impl ToString) -> Labels {
    labels.push((name, value.to_string()));
    labels
}

const WORKER_STATES: [(WorkerState, &str); 6] = [
    (WorkerState::Alive, "alive"),
    (WorkerState::OtherVersion, "other-version"),
    (WorkerState::Unheard, "unheard"),
    (WorkerState::Draining, "draining"),
    (WorkerState::Lost, "lost"),
    (WorkerState::Gone, "gone"),
];

struct Page(Registry);

impl Page {
    fn workers(&mut self, workers: &[WorkerView], labels: impl Fn(&WorkerView) -> Labels) {
        let each = |number: fn(&WorkerView) -> u64| {
            workers.iter().map(|worker| (labels(worker), number(worker))).collect::<Vec<_>>()
        };
        self.numbers("cores", "Cores for jobs.", each(|worker| worker.cores.0.into()));
        self.numbers("cores_taken", "Cores that jobs have taken.", each(|worker| worker.cores_taken.0.into()));
        self.numbers("memory_bytes", "Memory for jobs.", each(|worker| worker.memory.0));
        self.numbers("memory_taken_bytes", "Memory that jobs have taken.", each(|worker| worker.memory_taken.0));
        self.numbers("memory_used_bytes", "Memory that processes use.", each(|worker| worker.memory_used.0));
    }

    fn clock(&mut self, now: Moment) {
        self.numbers("time_seconds", "Now by the clock of this machine, since 1970.", [(Vec::new(), now.0 / 1000)]);
    }

    /// What streaming jobs say of themselves, so that whoever can't reach the ports of their processes knows it, too.
    fn streams(&mut self, streams: &[JobView]) {
        type OfJob<'a> = (Labels, &'a StreamView);
        let label = |job: &JobView| vec![("job", job.line.id.to_string()), ("name", job.line.name.clone())];
        let jobs: Vec<OfJob<'_>> = streams.iter().filter_map(|job| Some((label(job), job.stream.as_ref()?))).collect();
        let mut partitions = |name: &str, help: &str, number: fn(&crate::view::PartitionView) -> u64| {
            let rows = jobs.iter().flat_map(|(labels, stream)| {
                let each = stream.partitions.iter();
                each.map(|(partition, of)| (and(labels.clone(), "partition", partition), number(of)))
            });
            self.numbers(name, help, rows);
        };
        partitions("stream_log_end_offset", "Where the request log ends.", |partition| partition.end);
        partitions("stream_in_flight_records", "Requests that are read, and not yet in every required sink.", |of| {
            of.in_flight
        });
        let sinks = || {
            jobs.iter().flat_map(|(labels, stream)| {
                stream.sinks.iter().map(|(name, sink)| (and(labels.clone(), "sink", name), sink))
            })
        };
        let next = sinks().flat_map(|(labels, sink)| {
            sink.next.iter().map(move |(partition, next)| (and(labels.clone(), "partition", partition), *next))
        });
        self.numbers("stream_sink_next_offset", "Progress of a sink: all below is durable.", next);
        let lag = sinks().map(|(labels, sink)| (labels, sink.lag));
        self.numbers("stream_sink_lag_offsets", "How far a sink is behind the log's end.", lag);
        let states = sinks().map(|(labels, SinkView { state, .. })| (and(labels, "state", state), 1));
        self.numbers("stream_sink_state", "1 for the state that a sink is in.", states);
        let dead = jobs.iter().map(|(labels, stream)| (labels.clone(), stream.dead_letters));
        self.numbers("stream_dead_letters", "Requests that became dead letters in this life.", dead);
        let entries = jobs.iter().filter_map(|(labels, stream)| Some((labels.clone(), stream.ledger_entries?)));
        self.numbers("stream_ledger_entries", "Entries that the ledger has had.", entries);
        let troubles = jobs.iter().map(|(labels, stream)| (labels.clone(), stream.troubles.len() as u64));
        self.numbers("stream_troubles", "What is away or refused just now.", troubles);
        let bound = jobs.iter().filter_map(|(labels, stream)| {
            let (model, table) = (stream.model.as_ref()?, stream.table?);
            Some((and(and(labels.clone(), "model", model), "table", table), 1))
        });
        self.numbers("stream_binding", "1: model and table that new requests are bound to.", bound);
    }

    fn numbers(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (Labels, u64)>) {
        // The registry ends it with a full stop.
        let help = help.trim_end_matches('.');
        let family = Numbers::default();
        for (labels, number) in rows {
            if labels.is_empty() {
                let alone = Gauge::<u64, AtomicU64>::default();
                alone.set(number);
                return self.0.register(name, help, alone);
            }
            family.get_or_create(&labels).set(number);
        }
        self.0.register(name, help, family);
    }

    fn text(&self) -> String {
        let mut text = String::new();
        match text::encode(&mut text, &self.0) {
            Ok(()) => text,
            Err(error) => format!("# the metrics could not be written: {error}\n# EOF\n"),
        }
    }
}
