//! Jobs that are submitted again since no answer came, or since nobody knows whether they are there: each is taken once.

use super::state::{At, Cluster};
use crate::ids::{JobId, SubmissionId};
use crate::job::record::Job;
use crate::job::spec::JobSpec;
use crate::job::state::Phase;
use crate::protocol::messages::Submitted;

impl Cluster {
    /// The job that this submission has made. One that is over may be forgotten, as all are, but not within the minutes in which
    /// somebody asks again.
    #[must_use]
    pub fn submitted(&self, id: SubmissionId) -> Option<JobId> {
        self.jobs.values().find(|job| job.submission == Some(id)).map(|job| job.id)
    }

    /// What is there of a name: the newest job that is at work or will be again, the next run of a schedule too; without one, the
    /// newest that is coming to its end.
    #[must_use]
    pub fn of_name(&self, name: &str) -> Option<Submitted> {
        let newest = |is_so: fn(&Job) -> bool| self.jobs.values().rfind(|job| job.spec.name == name && is_so(job));
        let running = newest(goes_on).map(|job| Submitted::Running(job.id));
        running.or_else(|| newest(is_ending).map(|job| Submitted::Ending(job.id)))
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
