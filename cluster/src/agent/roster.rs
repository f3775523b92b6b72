//! What to do so that there is what is ordered: the pure heart of an agent.
//!
//! ```text
//! (which processes there are, which are ordered) ─► start, refuse, drain, kill, forget
//! ```
//!
//! Invariants, whatever is ordered in whatever order, and however often:
//! - A process is started at most once; also after it was forgotten.
//! - Of one job there are never two generations at the same time. The older one is killed, and the newer waits until it is
//!   gone.
//! - A process that has ended is known until the orders don't name it any more. Who is not named is killed, and then
//!   forgotten.
//! - Each process is drained at most once and killed at most once. After a drain nothing follows but by an order.
//!
//! This module knows no process of the operating system: the [household](super::household) does what it says, and tells it
//! who has ended.

use std::collections::{BTreeMap, BTreeSet};

use flightline_engine::ids::ProcessIndex;

use crate::ids::{Generation, JobId, ProcessRef};
use crate::protocol::Wish;

/// So many jobs that are gone are remembered at least, so that none of their processes starts again.
const REMEMBERED_JOBS: usize = 4_096;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is to be started, now.
    Start(ProcessRef),
    /// It must not be started, and is to be reported as ended.
    Refuse(ProcessRef, Refused),
    /// It is to be asked to end.
    Drain(ProcessRef),
    /// It is to be ended at once.
    Kill(ProcessRef),
    /// It is gone, and nobody asks for it any more.
    Forget(ProcessRef),
}

/// Why a process is not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was started here before, or a later generation of its job was.
    Stale,
    /// It is to end before it was ever started.
    Unneeded,
}

/// How a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It is there, and was last told this.
    Alive(Wish),
    /// It is gone, or was never there.
    Ended,
}

/// Who is there, and who ever was.
#[derive(Debug, Default)]
pub struct Roster {
    known: BTreeMap<ProcessRef, Standing>,
    started: BTreeMap<JobId, (Generation, BTreeSet<ProcessIndex>)>,
}

impl Roster {
    /// Says that a process is gone. A no-op for whoever isn't known.
    pub fn ended(&mut self, id: ProcessRef) {
        if let Some(standing) = self.known.get_mut(&id) {
            *standing = Standing::Ended;
        }
    }

    /// What is to be done so that there is what is ordered, in the order in which it is to be done. Whoever asks does it.
    pub fn reconcile(&mut self, ordered: &BTreeMap<ProcessRef, Wish>) -> Vec<Action> {
        let mut newest = BTreeMap::<JobId, Generation>::new();
        for id in ordered.iter().filter(|(_, wish)| **wish == Wish::Run).map(|(id, _)| id) {
            let generation = newest.entry(id.job).or_insert(id.generation);
            *generation = id.generation.max(*generation);
        }
        let is_outdated = |id: &ProcessRef| newest.get(&id.job).is_some_and(|generation| id.generation < *generation);

        let mut actions = Vec::new();
        self.known.retain(|id, standing| {
            let wish = ordered.get(id).copied().filter(|_| !is_outdated(id)).unwrap_or(Wish::Kill);
            match standing {
                Standing::Alive(told) if wish > *told => {
                    *told = wish;
                    actions.push(if wish == Wish::Kill { Action::Kill(*id) } else { Action::Drain(*id) });
                    true
                }
                Standing::Ended if !ordered.contains_key(id) => {
                    actions.push(Action::Forget(*id));
                    false
                }
                Standing::Alive(_) | Standing::Ended => true,
            }
        });
        for (id, wish) in ordered {
            if self.known.contains_key(id) {
                continue;
            }
            let (action, standing) = if *wish != Wish::Run {
                (Action::Refuse(*id, Refused::Unneeded), Standing::Ended)
            } else if is_outdated(id) || !self.is_first_start(*id) {
                (Action::Refuse(*id, Refused::Stale), Standing::Ended)
            } else if self.has_other_generation(*id) {
                continue;
            } else {
                self.remember(*id);
                (Action::Start(*id), Standing::Alive(Wish::Run))
            };
            self.known.insert(*id, standing);
            actions.push(action);
        }
        self.limit_memory(ordered);
        actions
    }

    fn has_other_generation(&self, id: ProcessRef) -> bool {
        self.known.iter().any(|(other, standing)| {
            matches!(standing, Standing::Alive(_)) && other.job == id.job && other.generation != id.generation
        })
    }

    fn is_first_start(&self, id: ProcessRef) -> bool {
        self.started.get(&id.job).is_none_or(|(generation, processes)| {
            id.generation > *generation || id.generation == *generation && !processes.contains(&id.process)
        })
    }

    fn remember(&mut self, id: ProcessRef) {
        let (generation, processes) = self.started.entry(id.job).or_insert((id.generation, BTreeSet::new()));
        if *generation != id.generation {
            (*generation, *processes) = (id.generation, BTreeSet::new());
        }
        processes.insert(id.process);
    }

    /// Jobs are numbered in the order of submission, so those with the lowest numbers come back last of all.
    fn limit_memory(&mut self, ordered: &BTreeMap<ProcessRef, Wish>) {
        if self.started.len() <= REMEMBERED_JOBS {
            return;
        }
        let present: BTreeSet<JobId> = self.known.keys().chain(ordered.keys()).map(|id| id.job).collect();
        let gone: Vec<JobId> = self.started.keys().copied().filter(|job| !present.contains(job)).collect();
        for job in gone.iter().take(self.started.len() - REMEMBERED_JOBS) {
            self.started.remove(job);
        }
    }
}

#[cfg(test)]
mod tests;
