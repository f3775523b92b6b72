//! What the master knows of a worker.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{Moment, ProcessRef};
use crate::protocol::{Machine, ProcessReport};

/// A worker, as the master sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// What its agent said of it when it came.
    pub machine: Machine,
    /// How it is.
    pub standing: Standing,
    /// When it was last heard, by the time for which the master has listened; not since the master's start if `None`.
    pub heard: Option<Duration>,
    /// When its agent's connection for orders was closed, by the same clock, if it was not heard since.
    pub hung_up: Option<Duration>,
    /// When it was last heard, by the wall clock, for people.
    pub heard_at: Moment,
    /// What its agent said last of each process.
    pub reports: BTreeMap<ProcessRef, ProcessReport>,
    /// Where the search for a free port begins, so that one is not given out again soon.
    next_port: u16,
}

/// How a worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is heard.
    #[default]
    Alive,
    /// It is heard, and takes no more jobs.
    Draining,
    /// It isn't heard.
    Lost,
    /// It said goodbye.
    Gone,
}

impl Worker {
    /// A worker whose agent has just come.
    #[must_use]
    pub fn new(machine: Machine, heard: Option<Duration>, heard_at: Moment) -> Self {
        let next_port = machine.mesh_ports.0;
        Self { machine, standing: Standing::Alive, heard, hung_up: None, heard_at, reports: BTreeMap::new(), next_port }
    }

    /// Whether its processes can be at work, as far as we know.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        matches!(self.standing, Standing::Alive | Standing::Draining)
    }

    /// One that an earlier master knew.
    #[must_use]
    pub fn known(machine: Machine, standing: Standing, heard_at: Moment) -> Self {
        Self { standing, ..Self::new(machine, None, heard_at) }
    }

    /// It says something.
    pub const fn hear(&mut self, listened: Duration, now: Moment) {
        (self.heard, self.heard_at, self.hung_up) = (Some(listened), now, None);
    }

    /// Whether it can be given processes: it was heard since the master's start.
    #[must_use]
    pub const fn takes_jobs(&self) -> bool {
        matches!(self.standing, Standing::Alive) && self.heard.is_some()
    }

    /// A port for a process that is not among `taken`; in turn, since one that was just left may be in use for a moment.
    pub fn free_port(&mut self, taken: &BTreeSet<u16>) -> Option<u16> {
        let (first, last) = self.machine.mesh_ports;
        let start = self.next_port.clamp(first, last);
        let port = (start..=last).chain(first..start).find(|port| !taken.contains(port))?;
        self.next_port = port.checked_add(1).filter(|next| *next <= last).unwrap_or(first);
        Some(port)
    }
}
