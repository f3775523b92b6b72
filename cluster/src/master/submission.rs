//! Jobs that are submitted again since no answer came: each is taken once.

use super::state::{At, Cluster};
use crate::ids::{JobId, SubmissionId};
use crate::job::spec::JobSpec;

impl Cluster {
    /// The job that this submission has made. One that is over may be forgotten, as all are, but not within the minutes in which
    /// somebody asks again.
    #[must_use]
    pub fn submitted(&self, id: SubmissionId) -> Option<JobId> {
        self.jobs.values().find(|job| job.submission == Some(id)).map(|job| job.id)
    }

    /// Somebody submits a job, perhaps not for the first time.
    pub fn submit_once(&mut self, id: SubmissionId, spec: JobSpec, at: At) -> JobId {
        if let Some(job) = self.submitted(id) {
            return job;
        }
        let job = self.submit(spec, at);
        if let Some(made) = self.jobs.get_mut(&job) {
            made.submission = Some(id);
        }
        job
    }
}
