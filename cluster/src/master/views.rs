//! What pages show of what a master knows. Pure.

use std::collections::BTreeMap;

use flightline_engine::contract::Guarantee;
use flightline_engine::ids::ProcessIndex;
use flightline_engine::metrics::{EntryStatus, LedgerStatus, SinkState, SinkStatus, StreamStatus};

use super::advance::taken;
use super::history::{Histories, statuses};
use super::state::{At, Cluster};
use super::worker::{Standing, Worker};
use crate::ids::{Cores, Generation, JobId, Memory, Moment, ProcessRef};
use crate::job::life::{End, Life, Place};
use crate::job::record::Job;
use crate::job::upgrade::Remembered;
use crate::protocol::{ProcessReport, ProcessState, StageLine};
use crate::view::{
    ClusterView, EntryView, GenerationView, JobLine, JobView, LedgerView, PartitionView, ProcessView, SinkView,
    SpecView, StreamView, WorkerState, WorkerView,
};

/// The most bytes of last lines in the view of a job: each may take four in a call.
const MOST_WORDS: usize = 2 << 20;

/// The cluster as a whole.
#[must_use]
pub(super) fn cluster_view(cluster: &Cluster, since: Moment, at: At) -> ClusterView {
    let taken = taken(cluster);
    let worker = |worker: &Worker| {
        let (cores, memory) = taken.get(&worker.machine.worker).copied().unwrap_or((Cores(0), Memory(0)));
        worker_view(cluster, worker, cores, memory)
    };
    ClusterView {
        version: cluster.rules.version.clone(),
        since,
        now: at.now,
        workers: cluster.workers().values().map(worker).collect(),
        jobs: cluster.jobs().values().rev().map(|job| line(cluster, job)).collect(),
    }
}

/// A job's page.
#[must_use]
pub(super) fn job_view(cluster: &Cluster, histories: &Histories, id: JobId, now: Moment) -> Option<JobView> {
    let job = cluster.jobs().get(&id)?;
    let mut generations: Vec<GenerationView> =
        job.lives.iter().rev().map(|life| generation(cluster, id, life)).collect();
    keep_the_newest_words(&mut generations);
    Some(JobView {
        line: line(cluster, job),
        now,
        spec: job.spec.without_texts(),
        specs: job.upgrades.remembered.iter().rev().map(spec_view).collect(),
        generations,
        model: job.lives.iter().rev().find_map(model).map(str::to_owned),
        stream: job.life().and_then(|life| stream(cluster, histories, (id, life.number), now)),
    })
}

/// A view goes out in one call, and many lives of many processes may have had much to say.
fn keep_the_newest_words(generations: &mut [GenerationView]) {
    let mut left = MOST_WORDS;
    for process in generations.iter_mut().flat_map(|life| &mut life.processes) {
        let bytes: usize = process.last_lines.iter().map(String::len).sum();
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => process.last_lines.clear(),
        }
    }
}

fn spec_view(spec: &Remembered) -> SpecView {
    let Remembered { number, asked, submission: _, spec, given_up } = spec;
    SpecView { number: *number, asked: *asked, spec: spec.clone(), given_up: given_up.clone() }
}

/// The model that one of its processes has made.
fn model(life: &Life) -> Option<&str> {
    life.places.iter().find_map(|place| place.end.as_ref()?.model())
}

fn worker_view(cluster: &Cluster, worker: &Worker, cores_taken: Cores, memory_taken: Memory) -> WorkerView {
    let machine = &worker.machine;
    let here = |place: &Place| place.worker == machine.worker && place.end.is_none();
    let running = cluster.jobs().values().filter(|job| job.phase().has_processes());
    let processes = running.filter_map(|job| Some((job.id, job.life()?))).flat_map(|(id, life)| {
        let places = life.places.iter().enumerate().filter(|(_, place)| here(place));
        places.map(move |(at, place)| process(cluster, id, life.number, at, place)).collect::<Vec<_>>()
    });
    WorkerView {
        name: machine.worker.clone(),
        state: match (worker.standing, worker.heard) {
            (Standing::Lost, _) => WorkerState::Lost,
            (Standing::Gone, _) => WorkerState::Gone,
            (_, None) => WorkerState::Unheard,
            (Standing::Draining, _) => WorkerState::Draining,
            (Standing::Alive, _) if machine.version != cluster.rules.version => WorkerState::OtherVersion,
            (Standing::Alive, _) => WorkerState::Alive,
        },
        page: machine.page.clone(),
        cores: machine.cores,
        cores_taken,
        memory: machine.memory,
        memory_taken,
        memory_used: Memory(worker.reports.values().map(|report| report.memory.0).sum()),
        heard: worker.heard_at,
        version: machine.version.clone(),
        processes: processes.collect(),
    }
}

fn line(cluster: &Cluster, job: &Job) -> JobLine {
    let number = u64::try_from(job.spec.processes.get()).unwrap_or(u64::MAX);
    let cores = u32::try_from(number).unwrap_or(u32::MAX).saturating_mul(job.spec.cores.0);
    JobLine {
        id: job.id,
        name: job.spec.name.clone(),
        program: job.spec.program.to_string(),
        state: job.state().clone(),
        submitted: job.submitted,
        ended: job.ended,
        exit: job.exit,
        generation: job.life().map(|life| life.number),
        restarts: job.restarts(),
        cores: Cores(cores),
        memory: Memory(job.spec.memory.0.saturating_mul(number)),
        next_run: job.next_run,
        schedule: job.schedule,
        stages: job.life().map(|life| stages(cluster, job.id, life)).unwrap_or_default(),
    }
}

/// The stages of a batch job, added up over its processes, which all have the same. An agent forgets a process soon after its
/// end, so of those that have ended it is what the job has kept.
fn stages(cluster: &Cluster, job: JobId, life: &Life) -> Vec<StageLine> {
    let now_or_at_the_end = |(at, place): (usize, &Place)| {
        let id = ProcessRef { job, generation: life.number, process: ProcessIndex::new(at) };
        let report = || cluster.workers().get(&place.worker)?.reports.get(&id);
        match place.end {
            Some(_) => place.stages.clone(),
            None => report().map(|report| report.stages.clone()).unwrap_or_default(),
        }
    };
    let mut all: Vec<StageLine> = Vec::new();
    for stage in life.places.iter().enumerate().flat_map(now_or_at_the_end) {
        match all.iter_mut().find(|line| line.name == stage.name) {
            None => all.push(stage),
            Some(line) => {
                line.total += stage.total;
                line.done += stage.done;
                line.ended &= stage.ended;
            }
        }
    }
    all
}

fn generation(cluster: &Cluster, job: JobId, life: &Life) -> GenerationView {
    let places = life.places.iter().enumerate();
    GenerationView {
        number: life.number,
        spec: life.spec,
        started: life.started,
        ended: life.ended.clone(),
        processes: places.map(|(at, place)| process(cluster, job, life.number, at, place)).collect(),
    }
}

fn process(cluster: &Cluster, job: JobId, generation: Generation, at: usize, place: &Place) -> ProcessView {
    let process = ProcessIndex::new(at);
    let id = ProcessRef { job, generation, process };
    let report = cluster.workers().get(&place.worker).and_then(|worker| worker.reports.get(&id));
    let (state, last_lines) = match (&place.end, report) {
        (Some(End::Seen { how, last_lines, .. }), _) => (how.to_string(), last_lines.clone()),
        (Some(End::Lost { why }), _) => (format!("lost: {why}"), Vec::new()),
        (None, Some(ProcessReport { state: ProcessState::Up { .. }, .. })) => ("up".to_owned(), Vec::new()),
        (None, Some(_)) => ("starting".to_owned(), Vec::new()),
        (None, None) => ("ordered".to_owned(), Vec::new()),
    };
    ProcessView {
        job,
        generation,
        process,
        worker: place.worker.clone(),
        address: place.address(),
        state,
        memory: report.map_or(Memory(0), |report| report.memory),
        last_lines,
    }
}

/// What a streaming job says of itself, put together from its processes.
fn stream(
    cluster: &Cluster,
    histories: &Histories,
    (job, generation): (JobId, Generation),
    now: Moment,
) -> Option<StreamView> {
    let all: Vec<&StreamStatus> = statuses(cluster, job, generation).map(|(_, status)| status).collect();
    let first = all.first()?;
    let binding = all.iter().find_map(|status| status.binding.as_ref());
    let epochs = || all.iter().filter_map(|status| status.epochs_in_flight);
    let mut view = StreamView {
        guarantee: all.iter().filter_map(|status| status.guarantee).min().or(first.guarantee).map(guarantee),
        model: binding.map(|binding| binding.model.to_string()),
        table: binding.map(|binding| binding.table.0),
        epochs: epochs().map(|(oldest, _)| oldest.0).min().zip(epochs().map(|(_, newest)| newest.0).max()),
        ledger_entries: all.iter().map(|status| status.ledger_entries).max(),
        ledger: all.iter().find_map(|status| status.ledger.as_ref()).map(|ledger| ledger_view(ledger, now)),
        dead_letters: all.iter().map(|status| status.dead_letters).sum(),
        history: histories.of(job),
        ..StreamView::default()
    };
    for status in &all {
        for (partition, of) in &status.partitions {
            let seen = PartitionView { end: of.end.0, read: of.requests, in_flight: of.in_flight_records };
            view.partitions.insert(partition.0, seen);
        }
        for (name, sink) in &status.sinks {
            add_sink(view.sinks.entry(name.to_string()).or_default(), sink);
            if let Some(fault) = sink.last_fault.as_ref().filter(|_| sink.state != SinkState::Live) {
                view.troubles.insert(format!("sink {name}"), fault.clone());
            }
        }
        if let Some(refused) = &status.refused {
            view.troubles.insert(format!("model {}", refused.model), refused.reason.clone());
        }
    }
    Some(view)
}

fn ledger_view(ledger: &LedgerStatus, now: Moment) -> LedgerView {
    let before = |ms: u64| Moment(now.0.saturating_sub(ms));
    let entry = |entry: &EntryStatus| EntryView {
        number: entry.number.0,
        generation: entry.generation.0,
        written: entry.ms_ago.map(before),
        says: entry.says.clone(),
    };
    LedgerView {
        generation: ledger.generation.0,
        claimed: before(ledger.claimed_ms_ago),
        open: ledger.open.clone(),
        open_in_all: ledger.open_in_all,
        newest: ledger.newest.iter().map(entry).collect(),
    }
}

fn add_sink(view: &mut SinkView, sink: &SinkStatus) {
    // The worst state of all processes that write to it.
    let worst = [view.state.as_str(), state(sink.state)].into_iter().max_by_key(|state| badness(state));
    view.state = worst.unwrap_or_default().to_owned();
    view.next.extend(sink.next.iter().map(|(partition, next)| (partition.0, next.0)).collect::<BTreeMap<_, _>>());
    view.lag += sink.lag.values().sum::<u64>();
}

const fn state(state: SinkState) -> &'static str {
    match state {
        SinkState::Live => "live",
        SinkState::CatchingUp => "catching-up",
        SinkState::Retrying => "retrying",
        SinkState::Failed => "failed",
    }
}

fn badness(state: &str) -> usize {
    ["", "live", "catching-up", "retrying", "failed"].iter().position(|one| *one == state).unwrap_or(0)
}

fn guarantee(guarantee: Guarantee) -> String {
    match guarantee {
        Guarantee::ExactlyOnce => "exactly-once",
        Guarantee::AtLeastOnce => "at-least-once",
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
