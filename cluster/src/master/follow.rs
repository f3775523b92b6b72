//! From one copy of a master's knowledge to another one: the one that is ahead, and the one that everybody sees.

use super::state::{Changed, Cluster};

impl Cluster {
    /// Becomes what `other` is, if that differs in no more jobs than these, forwards or back. Costs what has changed: jobs may
    /// be many and large.
    pub(super) fn follow(&mut self, other: &Self, changed: &Changed) {
        for id in &changed.jobs {
            match other.jobs.get(id) {
                Some(job) => drop(self.jobs.insert(*id, job.clone())),
                None => drop(self.jobs.remove(id)),
            }
        }
        self.last_job = other.last_job;
        // Most of what is known of workers isn't written down, and so is not among what has changed.
        self.workers.retain(|name, _| other.workers.contains_key(name));
        for (name, worker) in &other.workers {
            if self.workers.get(name) != Some(worker) {
                self.workers.insert(name.clone(), worker.clone());
            }
        }
    }
}
