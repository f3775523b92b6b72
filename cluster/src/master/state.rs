//! All that a master knows, and what each event makes of it. Pure: the clocks and chance come with each event.
//!
//! Invariants: a job changes its state by legal steps only; no worker is promised more than it has; a life that has ended
//! never gets a process again, and the next one begins only when each of its processes has ended or is lost; what must
//! survive the master's end is told as [`Cluster::take_changed`] and is durable before anybody hears of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thiserror::Error;

use super::advance;
use super::worker::{Standing, Worker};
use crate::ids::{Incarnation, JobId, Moment, ProcessRef, WorkerName};
use crate::job::record::Job;
use crate::job::restart::Budget;
use crate::job::spec::JobSpec;
use crate::job::state::{JobState, StopHow};
use crate::protocol::{Machine, ProcessReport};

/// When an event happens, and the chance that its consequences may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// By the wall clock.
    pub now: Moment,
    /// Since the master's start, by a clock that never jumps: what "not heard" is measured by.
    pub up: Duration,
    /// From 0 to 1, another one for each event.
    pub chance: f64,
}

/// What a master goes by.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The version of its programs; workers with another one get no jobs.
    pub version: String,
    /// A worker that isn't heard for so long is lost.
    pub lost_after: Duration,
    /// A worker whose agent hung up, and isn't heard for so long after that, is lost.
    pub hung_up_after: Duration,
    /// Between two looks at the time there is no more than this, unless the master stood still.
    pub longest_look: Duration,
    /// After the master's own start, workers have so long to be heard.
    pub grace: Duration,
    /// A job that was asked to end is killed after that.
    pub drain: Duration,
    /// How often a job is started again.
    pub budget: Budget,
    /// So many jobs that are over are remembered.
    pub kept_jobs: usize,
    /// And of each schedule's runs so many.
    pub kept_runs: usize,
    /// A worker that went, or is lost, is remembered for so long.
    pub kept_workers: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            lost_after: Duration::from_secs(5),
            // Two heartbeats of an agent.
            hung_up_after: Duration::from_secs(2),
            longest_look: Duration::from_secs(1),
            grace: Duration::from_secs(10),
            drain: Duration::from_secs(120),
            budget: Budget::default(),
            kept_jobs: 500,
            kept_runs: 30,
            kept_workers: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Why an agent is not listened to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotListened {
    /// The master doesn't know it (any more): it should register.
    #[error("worker {0} is not known here: register")]
    Unknown(WorkerName),
    /// Another agent has come under the same name.
    #[error("another agent has registered as worker {0}: give each worker a name of its own (--name)")]
    Replaced(WorkerName),
    /// It comes under a name that another machine's agent has, which is at work.
    #[error("another machine's agent is at work as worker {0}: give each worker a name of its own (--name)")]
    Taken(WorkerName),
}

/// Why a job can't be stopped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotStopped {
    /// There is none.
    #[error("there is no job {0}; `submit list` shows all")]
    Unknown(JobId),
    /// It has ended.
    #[error("job {0} is {1} already")]
    Over(JobId, String),
}

/// What has changed and must be written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Jobs that are new or other, or are forgotten.
    pub jobs: BTreeSet<JobId>,
    /// Workers likewise.
    pub workers: BTreeSet<WorkerName>,
}

/// A master's knowledge.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(super) rules: Rules,
    pub(super) workers: BTreeMap<WorkerName, Worker>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) last_job: JobId,
    pub(super) changed: Changed,
    /// How long the master has been listening: time in which it stood still itself, and could hear nobody, doesn't count.
    pub(super) listened: Duration,
    /// Its clock at the last event.
    pub(super) last_event: Duration,
}

impl Cluster {
    /// What is known at the start, from the store: `last_job` is the highest number that was ever given.
    #[must_use]
    pub fn new(rules: Rules, workers: Vec<Worker>, jobs: Vec<Job>, last_job: JobId) -> Self {
        let workers = workers.into_iter().map(|worker| (worker.machine.worker.clone(), worker)).collect();
        let jobs = jobs.into_iter().map(|job| (job.id, job)).collect();
        let (listened, last_event) = (Duration::ZERO, Duration::ZERO);
        Self { rules, workers, jobs, last_job, changed: Changed::default(), listened, last_event }
    }

    /// What has changed since this was last asked.
    pub fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.changed)
    }

    /// The jobs.
    #[must_use]
    pub const fn jobs(&self) -> &BTreeMap<JobId, Job> {
        &self.jobs
    }

    /// The highest number that was ever given to a job.
    #[must_use]
    pub const fn last_job(&self) -> JobId {
        self.last_job
    }

    /// The workers.
    #[must_use]
    pub const fn workers(&self) -> &BTreeMap<WorkerName, Worker> {
        &self.workers
    }

    /// An agent has come, or comes again.
    ///
    /// # Errors
    /// Another machine's agent has the name and is at work.
    pub fn register(&mut self, machine: Machine, at: At) -> Result<(), NotListened> {
        self.listen(at);
        let name = machine.worker.clone();
        let before = self.workers.get(&name).filter(|before| before.machine.incarnation != machine.incarnation);
        if let Some(before) = before {
            let at_work = before.is_there() && before.heard.is_some() && self.why_lost(before).is_none();
            if at_work && before.hung_up.is_none() && before.machine.address() != machine.address() {
                return Err(NotListened::Taken(name));
            }
            self.lose_places(&name, "its agent was started again");
        }
        self.workers.insert(name.clone(), Worker::new(machine, Some(self.listened), at.now));
        self.changed.workers.insert(name);
        self.advance(at);
        Ok(())
    }

    /// An agent says how its processes are: all of them.
    ///
    /// # Errors
    /// It is not the agent that the master knows.
    pub fn report(
        &mut self,
        agent: (&WorkerName, Incarnation),
        reports: Vec<ProcessReport>,
        at: At,
    ) -> Result<(), NotListened> {
        self.hear(agent, Standing::Alive, reports, at)
    }

    /// An agent that ends says the same; it takes no more jobs.
    ///
    /// # Errors
    /// It is not the agent that the master knows.
    pub fn drain(
        &mut self,
        agent: (&WorkerName, Incarnation),
        reports: Vec<ProcessReport>,
        at: At,
    ) -> Result<(), NotListened> {
        self.hear(agent, Standing::Draining, reports, at)
    }

    fn hear(
        &mut self,
        (name, incarnation): (&WorkerName, Incarnation),
        standing: Standing,
        reports: Vec<ProcessReport>,
        at: At,
    ) -> Result<(), NotListened> {
        self.listen(at);
        let listened = self.listened;
        let worker = self.known(name, incarnation)?;
        worker.hear(listened, at.now);
        let before = std::mem::replace(&mut worker.standing, standing);
        worker.reports = reports.into_iter().map(|report| (report.id, report)).collect();
        let reports = worker.reports.clone();
        if before == Standing::Lost {
            tracing::info!("worker {name} is heard again");
        }
        if before != standing {
            self.changed.workers.insert(name.clone());
        }
        for (id, report) in &reports {
            self.hear_end(name, incarnation, *id, report);
        }
        self.advance(at);
        Ok(())
    }

    /// An agent's connection was closed while it waited for orders. One that lives calls again at once; when nothing is heard
    /// of it, it was killed.
    pub fn hang_up(&mut self, name: &WorkerName, incarnation: Incarnation, at: At) {
        self.listen(at);
        let listened = self.listened;
        if let Ok(worker) = self.known(name, incarnation) {
            worker.hung_up.get_or_insert(listened);
        }
    }

    /// An agent goes; its processes have ended.
    ///
    /// # Errors
    /// It is not the agent that the master knows.
    pub fn leave(&mut self, name: &WorkerName, incarnation: Incarnation, at: At) -> Result<(), NotListened> {
        self.known(name, incarnation)?.standing = Standing::Gone;
        self.changed.workers.insert(name.clone());
        self.lose_places(name, "its worker was stopped");
        self.advance(at);
        Ok(())
    }

    /// Somebody submits a job.
    pub fn submit(&mut self, spec: JobSpec, at: At) -> JobId {
        self.last_job = JobId(self.last_job.0 + 1);
        let id = self.last_job;
        self.jobs.insert(id, Job::new(id, spec, at.now));
        self.changed.jobs.insert(id);
        self.advance(at);
        id
    }

    /// Somebody wants a job to end, and not to come again.
    ///
    /// # Errors
    /// There is none, or it has ended and would not come again anyway.
    pub fn stop(&mut self, id: JobId, how: StopHow, at: At) -> Result<(), NotStopped> {
        let id = self.present_run(id);
        let job = self.jobs.get_mut(&id).ok_or(NotStopped::Unknown(id))?;
        let was_scheduled = job.next_run.take().is_some();
        job.upgrades.next = None;
        self.changed.jobs.insert(id);
        if job.state().is_over() {
            return if was_scheduled { Ok(()) } else { Err(NotStopped::Over(id, job.phase().to_string())) };
        }
        let over = if how == StopHow::Kill { JobState::Killed } else { JobState::Stopped };
        match job.state() {
            // Who is told to end at once is not told again to take its time.
            JobState::Stopping { how: StopHow::Kill } => {}
            state if state.phase().has_processes() => {
                job.stop_asked.get_or_insert(at.now);
                job.go(JobState::Stopping { how }, at.now);
            }
            _ => drop(job.go(over, at.now)),
        }
        self.advance(at);
        Ok(())
    }

    /// The run of the same schedule that is at work or comes next, if this one is over; else the same.
    pub(super) fn present_run(&self, id: JobId) -> JobId {
        let goes_on = |job: &&Job| !job.state().is_over() || job.next_run.is_some();
        let job = self.jobs.get(&id);
        // The first runs of a schedule may be forgotten by now.
        let schedule = job.map_or(Some(id), |job| job.schedule);
        let mut of_schedule = self.jobs.values().filter(|job| job.schedule.is_some() && job.schedule == schedule);
        match job.filter(goes_on) {
            Some(_) => id,
            None => of_schedule.rfind(goes_on).map_or(id, |job| job.id),
        }
    }

    /// Time goes by.
    pub fn tick(&mut self, at: At) {
        self.advance(at);
    }

    pub(super) fn advance(&mut self, at: At) {
        self.listen(at);
        self.notice_lost_workers();
        advance::advance(self, at);
    }

    fn known(&mut self, name: &WorkerName, incarnation: Incarnation) -> Result<&mut Worker, NotListened> {
        match self.workers.get_mut(name) {
            None => Err(NotListened::Unknown(name.clone())),
            Some(worker) if worker.machine.incarnation != incarnation => Err(NotListened::Replaced(name.clone())),
            Some(worker) if worker.standing == Standing::Gone => Err(NotListened::Unknown(name.clone())),
            Some(worker) => Ok(worker),
        }
    }

    fn hear_end(&mut self, name: &WorkerName, incarnation: Incarnation, id: ProcessRef, report: &ProcessReport) {
        let Some(job) = self.jobs.get_mut(&id.job) else { return };
        let Some(life) = job.life_mut().filter(|life| life.number == id.generation) else { return };
        let place = life.places.get_mut(id.process.get());
        let place = place.filter(|place| place.worker == *name && place.incarnation == incarnation);
        if place.is_some_and(|place| place.hear(report)) {
            self.changed.jobs.insert(id.job);
        }
    }
}
