//! `/metrics`: the cluster as OpenMetrics text, for Prometheus.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::job::state::Phase;
use crate::view::{ClusterView, WorkerState, WorkerView};

/// What encoders of OpenMetrics text call it.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;
type Numbers = Family<Labels, Gauge<u64, AtomicU64>>;

/// The numbers of the whole cluster.
pub(super) fn of_cluster(view: &ClusterView) -> String {
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

    let mut by_phase: BTreeMap<Phase, u64> = PHASES.map(|phase| (phase, 0)).into();
    for job in &view.jobs {
        *by_phase.entry(job.state.phase()).or_default() += 1;
    }
    let phases =
        by_phase.into_iter().map(|(phase, count)| (vec![("state", phase.to_string().replace(' ', "-"))], count));
    page.numbers("jobs", "Jobs by state.", phases);
    let jobs = || view.jobs.iter().map(|job| (vec![("job", job.id.to_string()), ("name", job.name.clone())], job));
    page.numbers("job_restarts", "Lives of a job after its first.", jobs().map(|(labels, job)| (labels, job.restarts)));
    let alive = jobs().filter(|(_, job)| !job.state.is_over());
    let generations = alive.filter_map(|(labels, job)| Some((labels, job.generation?.0)));
    page.numbers("job_generation", "Number of a job's present life.", generations);
    page.numbers("up_seconds", "Since when the master runs.", [(Vec::new(), view.now.since(view.since).as_secs())]);
    page.text()
}

/// The numbers of one worker.
pub(super) fn of_worker(view: &WorkerView) -> String {
    let mut page = Page(Registry::with_prefix("flightline_worker"));
    page.workers(std::slice::from_ref(view), |_| Vec::new());
    page.numbers("processes", "Processes of jobs.", [(Vec::new(), view.processes.len() as u64)]);
    page.text()
}

const WORKER_STATES: [(WorkerState, &str); 5] = [
    (WorkerState::Alive, "alive"),
    (WorkerState::Unheard, "unheard"),
    (WorkerState::Draining, "draining"),
    (WorkerState::Lost, "lost"),
    (WorkerState::Gone, "gone"),
];

const PHASES: [Phase; 11] = [
    Phase::Queued,
    Phase::Starting,
    Phase::Running,
    Phase::Ending,
    Phase::BackingOff,
    Phase::Upgrading,
    Phase::Stopping,
    Phase::Completed,
    Phase::Failed,
    Phase::Stopped,
    Phase::Killed,
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
