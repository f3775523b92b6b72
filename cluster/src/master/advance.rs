//! What follows for each job from what is known: the steps that it takes by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flightline_engine::ids::ProcessIndex;

use super::placing::{Room, place};
use super::state::{At, Cluster};
use super::upgrade::end_upgrade;
use super::worker::{Standing, Worker};
use crate::ids::{Cores, JobId, Memory, Moment, ProcessRef, WorkerName};
use crate::job::life::{Life, Place};
use crate::job::record::Job;
use crate::job::restart::Blame;
use crate::job::state::{JobState, Phase, StopHow};
use crate::job::verdict::{Verdict, verdict, why_ending};
use crate::protocol::{HowEnded, ProcessReport, ProcessState};

/// Takes all steps that can be taken now. Older jobs come first: room goes to them.
pub(super) fn advance(cluster: &mut Cluster, at: At) {
    start_what_is_due(cluster, at);
    let open: Vec<JobId> = cluster.jobs.values().filter(|job| !job.state().is_over()).map(|job| job.id).collect();
    for id in open {
        // Each step leads on in the life cycle, and only a life that failed leads back, with a pause: so this ends.
        while step(cluster, id, at) {
            cluster.changed.jobs.insert(id);
        }
    }
    forget_old_jobs(cluster);
    forget_old_workers(cluster, at);
}

fn step(cluster: &mut Cluster, id: JobId, at: At) -> bool {
    let Some(phase) = cluster.jobs.get(&id).map(Job::phase) else { return false };
    match phase {
        Phase::Queued => begin_life(cluster, id, at),
        Phase::Starting | Phase::Running => watch(cluster, id, at),
        Phase::Ending => judge(cluster, id, at),
        Phase::BackingOff => end_pause(cluster, id, at),
        Phase::Upgrading => end_upgrade(cluster, id, at),
        Phase::Stopping => end_stop(cluster, id, at),
        Phase::Completed | Phase::Failed | Phase::Stopped | Phase::Killed => false,
    }
}

/// Places the processes of a job that waits.
fn begin_life(cluster: &mut Cluster, id: JobId, at: At) -> bool {
    let rooms = rooms(cluster, None);
    let Some(job) = cluster.jobs.get_mut(&id) else { return false };
    let chosen = match place(&job.spec, &rooms) {
        Ok(chosen) => chosen,
        Err(why) => {
            if job.waits_for(why) {
                cluster.changed.jobs.insert(id);
            }
            return false;
        }
    };
    let number = job.next_generation();
    let mut taken = taken_ports(cluster);
    let mut places = Vec::new();
    for name in chosen.into_iter().filter_map(|at| rooms.get(at)).map(|room| &room.worker) {
        let Some(worker) = cluster.workers.get_mut(name) else { return false };
        let ports = taken.entry(name.clone()).or_default();
        let Some(port) = worker.free_port(ports) else {
            let (first, last) = worker.machine.mesh_ports;
            let why = format!("all ports {first} to {last} of worker {name} are taken; give it more (--mesh-ports)");
            if cluster.jobs.get_mut(&id).is_some_and(|job| job.waits_for(why)) {
                cluster.changed.jobs.insert(id);
            }
            return false;
        };
        ports.insert(port);
        let machine = &worker.machine;
        let (worker, incarnation, host) = (name.clone(), machine.incarnation, machine.host.clone());
        places.push(Place { worker, incarnation, host, port, end: None, stages: Vec::new() });
    }
    let Some(job) = cluster.jobs.get_mut(&id) else { return false };
    let spec = job.upgrades.present;
    job.begin(Life { number, spec, started: at.now, up_since: None, ended: None, places });
    job.go(JobState::Starting, at.now)
}

/// Sees whether all processes are up, or one has ended.
fn watch(cluster: &mut Cluster, id: JobId, at: At) -> bool {
    let all_up = is_up(cluster, id);
    let Some(job) = cluster.jobs.get_mut(&id) else { return false };
    let is_new = job.phase() == Phase::Starting;
    let Some(life) = job.lives.last_mut() else { return false };
    if let Some(why) = why_ending(&job.spec, life) {
        return job.go(JobState::Ending { why }, at.now);
    }
    if life.all_ended() {
        // All ended well: of a job that was never seen at work, too.
        let why = "all of its processes ended".to_owned();
        return job.go(JobState::Ending { why }, at.now);
    }
    if is_new && all_up {
        life.up_since = Some(at.now);
        job.upgrades.prove();
        return job.go(JobState::Running, at.now);
    }
    false
}

/// Decides what comes after a life, when all of it has ended.
fn judge(cluster: &mut Cluster, id: JobId, at: At) -> bool {
    let budget = cluster.rules.budget;
    let Some(job) = cluster.jobs.get_mut(&id) else { return false };
    let Some(life) = job.lives.last_mut().filter(|life| life.all_ended()) else { return false };
    let verdict = verdict(&job.spec, life);
    // It finished what it had begun since its worker is being stopped.
    let goes =
        |place: &Place| cluster.workers.get(&place.worker).is_none_or(|worker| worker.standing != Standing::Alive);
    let was_drained = life.places.iter().any(goes);
    let why = match &verdict {
        Verdict::Completed => "it was done".to_owned(),
        Verdict::Again { why, .. } | Verdict::Failed { why } => why.clone(),
    };
    life.ended = Some((at.now, why));
    let up = life.up_since.map_or(Duration::ZERO, |since| at.now.since(since));
    let next = match verdict {
        Verdict::Completed => JobState::Completed,
        Verdict::Failed { why } => JobState::Failed { why },
        Verdict::Again { why, blame, above } => {
            job.above = job.above.max(above);
            let blame = if was_drained { Blame::Nobody } else { blame };
            job.strikes = job.strikes.and(blame, up, &budget);
            match budget.pause(job.strikes, at.chance) {
                Some(pause) => JobState::BackingOff { until: at.now.after(pause), why },
                None => {
                    let times = job.strikes.own;
                    JobState::Failed { why: format!("it ended {times} times in a row; the last time {why}") }
                }
            }
        }
    };
    let next = match next {
        JobState::Failed { why } => fall_back(job, why, at),
        next => next,
    };
    job.go(next, at.now)
}

/// What follows for a job that can't go on as it is: where an upgrade has made it so, and it never was at work since, it goes on
/// as it was before.
fn fall_back(job: &mut Job, why: String, at: At) -> JobState {
    let given_up = job.upgrades.present;
    if !job.go_back(&why) {
        return JobState::Failed { why };
    }
    let present = job.upgrades.present;
    tracing::warn!("job {} goes back to specification {present}: {given_up} could not be started: {why}", job.id);
    let why = format!("with specification {given_up} it can't be started, so it goes back to {present}: {why}");
    JobState::BackingOff { until: at.now, why }
}

fn end_pause(cluster: &mut Cluster, id: JobId, at: At) -> bool {
    let longest = cluster.rules.budget.longest_pause;
    let Some(job) = cluster.jobs.get_mut(&id) else { return false };
    let JobState::BackingOff { until, why } = job.state() else { return false };
    // A wall clock that was put back must not make it wait for an hour.
    if *until > at.now && until.since(at.now) <= longest {
        return false;
    }
    let why = format!("it is started again: {why}");
    job.go(JobState::Queued { why }, at.now)
}

fn end_stop(cluster: &mut Cluster, id: JobId, at: At) -> bool {
    let patience = cluster.rules.drain;
    let Some(job) = cluster.jobs.get_mut(&id) else { return false };
    let JobState::Stopping { how } = *job.state() else { return false };
    let Some(life) = job.lives.last_mut() else { return false };
    if life.all_ended() {
        let clean = life.places.iter().filter_map(|place| place.end.as_ref()).all(|end| end.is_good());
        let (why, next) = match how {
            StopHow::Stop if clean => ("it was asked to end".to_owned(), JobState::Stopped),
            StopHow::Stop => (why_ending(&job.spec, life).unwrap_or_default(), JobState::Stopped),
            StopHow::Kill => ("it was killed".to_owned(), JobState::Killed),
        };
        life.ended = Some((at.now, why));
        return job.go(next, at.now);
    }
    let late = job.stop_asked.is_some_and(|asked| at.now.since(asked) >= patience);
    how == StopHow::Stop && late && job.go(JobState::Stopping { how: StopHow::Kill }, at.now)
}

/// Jobs on a schedule: the next run when it is due, and the one before is over.
fn start_what_is_due(cluster: &mut Cluster, at: At) {
    let due = |job: &&mut Job| job.state().is_over() && job.next_run.is_some_and(|next| next <= at.now);
    let mut next: Vec<Job> = Vec::new();
    for before in cluster.jobs.values_mut().filter(due) {
        before.next_run = None;
        cluster.last_job = JobId(cluster.last_job.0 + 1);
        let job = before.again(cluster.last_job, at.now);
        tracing::info!("job {} is the next run of job {}", job.id, before.id);
        cluster.changed.jobs.extend([before.id, job.id]);
        next.push(job);
    }
    cluster.jobs.extend(next.into_iter().map(|job| (job.id, job)));
}

fn forget_old_jobs(cluster: &mut Cluster) {
    let over = || cluster.jobs.values().filter(|job| job.state().is_over() && job.next_run.is_none());
    // The many runs of a schedule don't push out what was run once.
    let mut runs: BTreeMap<JobId, Vec<JobId>> = BTreeMap::new();
    for (schedule, run) in over().filter_map(|job| Some((job.schedule?, job.id))) {
        runs.entry(schedule).or_default().push(run);
    }
    let oldest = |ids: Vec<JobId>, kept: usize| ids[..ids.len().saturating_sub(kept)].to_vec();
    let mut old: BTreeSet<JobId> = runs.into_values().flat_map(|runs| oldest(runs, cluster.rules.kept_runs)).collect();
    let others: Vec<JobId> = over().map(|job| job.id).filter(|id| !old.contains(id)).collect();
    old.extend(oldest(others, cluster.rules.kept_jobs));
    cluster.jobs.retain(|id, _| !old.contains(id));
    cluster.changed.jobs.extend(old);
}

/// Workers that went or were lost long ago.
fn forget_old_workers(cluster: &mut Cluster, at: At) {
    let kept = cluster.rules.kept_workers;
    let is_old = |worker: &Worker| !worker.is_there() && at.now.since(worker.heard_at) >= kept;
    let old = cluster.workers.iter().filter(|(_, worker)| is_old(worker)).map(|(name, _)| name.clone());
    let old: Vec<WorkerName> = old.collect();
    for name in old {
        cluster.workers.remove(&name);
        cluster.changed.workers.insert(name);
    }
}

/// Whether its agents say of all processes of a job's life that they are at work.
fn is_up(cluster: &Cluster, id: JobId) -> bool {
    let Some(life) = cluster.jobs.get(&id).and_then(Job::life) else { return false };
    let at_work = |(process, place): (usize, &Place)| {
        let process = ProcessIndex::new(process);
        let id = ProcessRef { job: id, generation: life.number, process };
        let report = cluster.workers.get(&place.worker).and_then(|worker| worker.reports.get(&id));
        // One that was done before another one was up has been at work.
        report.is_some_and(ProcessReport::has_been_up)
    };
    life.places.iter().enumerate().all(at_work)
}

impl ProcessReport {
    fn has_been_up(&self) -> bool {
        matches!(self.state, ProcessState::Up { .. } | ProcessState::Ended { how: HowEnded::Code(0), .. })
    }
}

/// What is free on each worker that takes jobs, also of what this job has.
pub(super) fn rooms(cluster: &Cluster, but: Option<JobId>) -> Vec<Room> {
    let taken = taken_by(at_work(cluster).filter(|(job, _)| Some(job.id) != but));
    let usable = cluster.workers.values().filter(|worker| worker.takes_jobs());
    usable
        .filter(|worker| worker.machine.version == cluster.rules.version)
        .map(|worker| {
            let machine = &worker.machine;
            let (cores, memory) = taken.get(&machine.worker).copied().unwrap_or((Cores(0), Memory(0)));
            Room {
                worker: machine.worker.clone(),
                cores: Cores(machine.cores.0.saturating_sub(cores.0)),
                memory: Memory(machine.memory.0.saturating_sub(memory.0)),
                all_cores: machine.cores,
                all_memory: machine.memory,
            }
        })
        .collect()
}

/// The processes that may be at work, and where; of a life that is drained for an upgrade also those that have ended, since the
/// room is promised to the life that follows.
fn at_work(cluster: &Cluster) -> impl Iterator<Item = (&Job, &Place)> {
    let with_processes = cluster.jobs.values().filter(|job| job.phase().has_processes());
    with_processes.flat_map(|job| {
        let places = job.life().into_iter().flat_map(|life| &life.places);
        places.filter(|place| place.end.is_none() || job.phase() == Phase::Upgrading).map(move |place| (job, place))
    })
}

/// What jobs have taken of each worker.
pub(super) fn taken(cluster: &Cluster) -> BTreeMap<WorkerName, (Cores, Memory)> {
    taken_by(at_work(cluster))
}

fn taken_by<'a>(processes: impl Iterator<Item = (&'a Job, &'a Place)>) -> BTreeMap<WorkerName, (Cores, Memory)> {
    let mut taken: BTreeMap<WorkerName, (Cores, Memory)> = BTreeMap::new();
    for (job, place) in processes {
        let (cores, memory) = taken.entry(place.worker.clone()).or_insert((Cores(0), Memory(0)));
        cores.0 += job.spec.cores.0;
        memory.0 += job.spec.memory.0;
    }
    taken
}

fn taken_ports(cluster: &Cluster) -> BTreeMap<WorkerName, BTreeSet<u16>> {
    let mut taken: BTreeMap<WorkerName, BTreeSet<u16>> = BTreeMap::new();
    for (_, place) in at_work(cluster) {
        taken.entry(place.worker.clone()).or_default().insert(place.port);
    }
    taken
}

/// When something happens by itself next, if nothing else does before: a pause ends, a schedule is due.
#[must_use]
pub(super) fn next_deadline(cluster: &Cluster) -> Option<Moment> {
    cluster
        .jobs
        .values()
        .filter_map(|job| match job.state() {
            JobState::BackingOff { until, .. } => Some(*until),
            state if state.is_over() => job.next_run,
            _ => None,
        })
        .min()
}
