//! Who is taken for lost: workers that say nothing for too long, by the time for which the master itself has listened. Pure.

use std::time::Duration;

use super::state::{At, Cluster, Rules};
use super::worker::{Standing, Worker};
use crate::ids::WorkerName;
use crate::job::life::End;

impl Cluster {
    /// Time goes by often; where it went by at once, the master stood still, and what it didn't hear meanwhile says nothing.
    pub(super) fn listen(&mut self, at: At) {
        let passed = at.up.saturating_sub(self.last_event);
        self.listened += passed.min(self.rules.longest_look);
        self.last_event = self.last_event.max(at.up);
    }

    /// Why a worker must be taken for lost, if it must.
    pub(super) fn why_lost(&self, worker: &Worker) -> Option<String> {
        let Rules { lost_after, hung_up_after, grace, .. } = self.rules;
        let since = |moment: Duration| self.listened.saturating_sub(moment);
        let hung_up = worker.hung_up.is_some_and(|moment| since(moment) >= hung_up_after);
        match worker.heard {
            _ if hung_up => Some(format!(
                "its worker's agent hung up and was not heard for {} s after that",
                hung_up_after.as_secs_f64()
            )),
            Some(heard) => (since(heard) >= lost_after)
                .then(|| format!("its worker was not heard for {} s", lost_after.as_secs_f64())),
            None => (self.listened >= grace)
                .then(|| format!("its worker was not heard for {} s after the master's start", grace.as_secs_f64())),
        }
    }

    pub(super) fn notice_lost_workers(&mut self) {
        let there = self.workers.values().filter(|worker| worker.is_there());
        let lost: Vec<(WorkerName, String)> =
            there.filter_map(|worker| Some((worker.machine.worker.clone(), self.why_lost(worker)?))).collect();
        for (name, why) in lost {
            tracing::warn!("worker {name} is lost: {why}");
            if let Some(worker) = self.workers.get_mut(&name) {
                worker.standing = Standing::Lost;
                worker.reports.clear();
            }
            self.changed.workers.insert(name.clone());
            self.lose_places(&name, &why);
        }
    }

    /// What ran on this worker is lost.
    pub(super) fn lose_places(&mut self, name: &WorkerName, why: &str) {
        for job in self.jobs.values_mut().filter(|job| job.phase().has_processes()) {
            let Some(life) = job.life_mut() else { continue };
            let places = life.places.iter_mut().filter(|place| place.end.is_none() && place.worker == *name);
            let mut any = false;
            for place in places {
                place.end = Some(End::Lost { why: why.to_owned() });
                any = true;
            }
            if any {
                self.changed.jobs.insert(job.id);
            }
        }
    }
}
