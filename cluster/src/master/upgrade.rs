//! Upgrades: a job goes on with another specification, under its number. Pure.
//!
//! A life that is at work is drained, and the next one begins as soon as it has ended; a job that waits has nothing to drain.
//! A life that has no room is refused before anything is drained for it.

use thiserror::Error;

use super::advance::rooms;
use super::placing::place;
use super::state::{At, Cluster};
use crate::ids::{JobId, SpecNumber, SubmissionId};
use crate::job::record::Job;
use crate::job::shared::SharedSpec;
use crate::job::state::{JobState, Phase, StopHow};
use crate::job::verdict::why_ending;
use crate::protocol::messages::Upgraded;

/// What somebody wants a job to be.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The specification that it is made of: the job's last one, as far as who asks has seen.
    pub of: SpecNumber,
    /// What it shall be.
    pub spec: SharedSpec,
    /// By which submission, if it is a command's.
    pub submission: Option<SubmissionId>,
}

/// Why a job can't be upgraded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotUpgraded {
    /// There is none.
    #[error("there is no job {0}; `submit list` shows all")]
    Unknown(JobId),
    /// It has ended.
    #[error("job {0} is {1}: submit it again, as it shall be now")]
    Over(JobId, Phase),
    /// It is to end.
    #[error("job {0} is being stopped: when it has ended, submit it again, as it shall be now")]
    Stopping(JobId),
    /// Another upgrade came first.
    #[error("job {0} was upgraded by somebody else just now; look at it (`submit status {0}`) before you do that")]
    Changed(JobId),
    /// Nothing would be at work after what is has ended.
    #[error("job {0} goes on as it is, since there is no room for what it shall be: {1}")]
    NoRoom(JobId, String),
}

/// Why an upgrade is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The job can't be upgraded.
    #[error(transparent)]
    NotUpgraded(NotUpgraded),
    /// Not to this: all mistakes, a sentence each.
    #[error("{}", .0.join("\n"))]
    Mistakes(Vec<String>),
}

impl Cluster {
    /// The last specification that a job, or the run of its schedule that is at work or comes next, has or shall have.
    ///
    /// # Errors
    /// There is no such job.
    pub fn last_spec(&self, id: JobId) -> Result<(SpecNumber, SharedSpec), NotUpgraded> {
        let job = self.jobs.get(&self.present_run(id)).ok_or(NotUpgraded::Unknown(id))?;
        Ok((job.upgrades.last(), job.next_spec().1.clone()))
    }

    /// What this submission's upgrade has made, also when another run of the schedule is the present one by now.
    #[must_use]
    pub fn upgraded(&self, submission: SubmissionId) -> Option<Upgraded> {
        self.jobs.values().find_map(|job| Some(made(job, job.upgrades.asked_by(submission)?)))
    }

    /// Somebody wants a job to go on otherwise, perhaps not for the first time. Gives which job does, and the number of its new
    /// specification.
    ///
    /// # Errors
    /// It can't go on, or not so.
    pub fn upgrade(&mut self, id: JobId, upgrade: Upgrade, at: At) -> Result<Upgraded, NotUpgraded> {
        self.listen(at);
        if let Some(made) = upgrade.submission.and_then(|submission| self.upgraded(submission)) {
            return Ok(made);
        }
        let id = self.present_run(id);
        let job = self.jobs.get(&id).ok_or(NotUpgraded::Unknown(id))?;
        let phase = job.phase();
        if job.state().is_over() && job.next_run.is_none() {
            return Err(NotUpgraded::Over(id, phase));
        }
        if phase == Phase::Stopping {
            return Err(NotUpgraded::Stopping(id));
        }
        if job.upgrades.last() != upgrade.of {
            return Err(NotUpgraded::Changed(id));
        }
        if phase.has_processes() {
            self.has_room_instead(job, &upgrade.spec).map_err(|why| NotUpgraded::NoRoom(id, why))?;
        }
        let job = self.jobs.get_mut(&id).ok_or(NotUpgraded::Unknown(id))?;
        let Upgrade { of: _, spec, submission } = upgrade;
        let present = (job.spec.clone(), job.submitted);
        job.upgrades.ask((&present.0, present.1), spec, submission, at.now);
        let number = job.upgrades.last();
        tracing::info!("job {id} is upgraded to specification {number}");
        let state = match job.state() {
            JobState::Starting | JobState::Running => Some(JobState::Upgrading { since: at.now, how: StopHow::Stop }),
            // What is left of it is being ended already.
            JobState::Ending { .. } => Some(JobState::Upgrading { since: at.now, how: StopHow::Kill }),
            JobState::BackingOff { .. } => Some(JobState::Queued { why: UPGRADED.to_owned() }),
            // One that is over waits for its next run; one that is drained already, for its end.
            _ => None,
        };
        if let Some(state) = state {
            job.go(state, at.now);
        }
        if job.phase() == Phase::Queued {
            job.take_upgrade();
        }
        let made = made(job, number);
        self.changed.jobs.insert(id);
        self.advance(at);
        Ok(made)
    }

    /// Whether there is room for a job when what it has now is free.
    fn has_room_instead(&self, job: &Job, spec: &SharedSpec) -> Result<(), String> {
        let waits = self.workers.values().any(|worker| worker.is_there() && worker.heard.is_none());
        // A master that was just started doesn't know yet who is there.
        if waits { Ok(()) } else { place(spec, &rooms(self, Some(job.id))).map(drop) }
    }
}

/// What became of an upgrade. A job that is over keeps what the next run of its schedule has, also when that has begun.
fn made(job: &Job, specification: SpecNumber) -> Upgraded {
    let next_run = job.state().is_over() && job.upgrades.next.is_some();
    Upgraded { job: job.id, specification, next_run }
}

/// Why a life has ended, or waits to be placed.
pub(super) const UPGRADED: &str = "it was upgraded";

/// Sees whether the life before an upgrade has ended.
pub(super) fn end_upgrade(cluster: &mut Cluster, id: JobId, at: At) -> bool {
    let patience = cluster.rules.drain;
    let Some(job) = cluster.jobs.get_mut(&id) else { return false };
    let JobState::Upgrading { since, how } = *job.state() else { return false };
    let Some(life) = job.lives.last_mut() else { return false };
    let mut ends = life.places.iter().filter_map(|place| place.end.as_ref());
    let trouble = ends.any(|end| !end.is_of_one_asked()).then(|| why_ending(&job.spec, life)).flatten();
    if !life.all_ended() {
        // Without one of them, the others can't finish what they have begun.
        let is_late = at.now.since(since) >= patience || trouble.is_some();
        return how == StopHow::Stop && is_late && job.go(JobState::Upgrading { since, how: StopHow::Kill }, at.now);
    }
    let why = trouble.map_or_else(|| UPGRADED.to_owned(), |trouble| format!("{UPGRADED}, and meanwhile {trouble}"));
    life.ended = Some((at.now, why));
    job.above = job.above.max(life.highest_in_ledger());
    job.take_upgrade();
    job.go(JobState::Queued { why: UPGRADED.to_owned() }, at.now)
}
