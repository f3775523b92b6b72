//! Jobs that are submitted again since no answer came, or since nobody knows whether they are there: each is taken once.

use thiserror::Error;

use super::state::{At, Cluster};
use crate::ids::{JobId, SubmissionId};
use crate::job::record::Job;
use crate::job::spec::{JobSpec, Program};
use crate::job::state::Phase;
use crate::protocol::messages::Submitted;

/// A job of the same name runs something else.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "job {job}, which is alive, has the name {name}, too, and runs {present}, not {asked}: give this one another name, or stop that one"
)]
pub struct OtherProgram {
    /// Which one.
    pub job: JobId,
    /// What both are called.
    pub name: String,
    /// What it runs.
    pub present: Program,
    /// What somebody wanted to run.
    pub asked: Program,
}

impl Cluster {
    /// The job that this submission has made. One that is over may be forgotten, as all are, but not within the minutes in which
    /// somebody asks again.
    #[must_use]
    pub fn submitted(&self, id: SubmissionId) -> Option<JobId> {
        self.jobs.values().find(|job| job.submission == Some(id)).map(|job| job.id)
    }

    /// What is there of a job's name and program: the newest job that is at work or will be again, the next run of a schedule too;
    /// without one, the newest that is coming to its end.
    ///
    /// # Errors
    /// Another program has that name: it is not what somebody asks for, and beside it a second job would have the name.
    pub fn of_name(&self, asked: &JobSpec) -> Result<Option<Submitted>, OtherProgram> {
        let newest =
            |is_so: &dyn Fn(&Job) -> bool| self.jobs.values().rfind(|job| job.spec.name == asked.name && is_so(job));
        let is_same = |job: &Job| job.spec.program == asked.program;
        if let Some(job) = newest(&|job| is_same(job) && goes_on(job)) {
            return Ok(Some(Submitted::Running(job.id)));
        }
        if let Some(job) = newest(&|job| !is_same(job) && (goes_on(job) || is_ending(job))) {
            let (name, present, asked) = (asked.name.clone(), job.spec.program, asked.program);
            return Err(OtherProgram { job: job.id, name, present, asked });
        }
        Ok(newest(&is_ending).map(|job| Submitted::Ending(job.id)))
    }

    /// Somebody submits a job by this submission, for the first time.
    pub fn submit_as(&mut self, submission: Option<SubmissionId>, spec: JobSpec, at: At) -> JobId {
        let job = self.submit(spec, at);
        if let Some(made) = self.jobs.get_mut(&job) {
            made.submission = submission;
        }
        job
    }
}

fn goes_on(job: &Job) -> bool {
    let is_at_work = !job.state().is_over() && !is_ending(job);
    is_at_work || job.next_run.is_some()
}

/// What follows from a life's end is known when all of it has ended.
fn is_ending(job: &Job) -> bool {
    matches!(job.phase(), Phase::Ending | Phase::Stopping)
}
