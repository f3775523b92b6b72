//! What the flags say, checked: who takes part, where, and as whom we do.

use std::time::Duration;

use super::hostfile::Address;
use super::secret::MeshSecret;
use crate::ids::{ProcessCount, ProcessIndex, WorkerCount};
use crate::ledger::Generation;

/// More worker threads in one process than this is a slip of the finger.
pub(super) const MAX_WORKERS: usize = 1024;

/// More processes than this is a slip of the finger: each has a socket to each.
pub(super) const MAX_PROCESSES: usize = 1024;

/// A checked plan of the cluster, from this process's point of view. Every process has as many workers.
#[derive(Clone, Debug)]
pub struct ClusterPlan {
    pub(super) workers_here: WorkerCount,
    pub(super) process: ProcessIndex,
    /// One for each process, in order; empty for a single process, which needs none.
    pub(super) addresses: Vec<Address>,
    pub(super) connect_timeout: Duration,
    pub(super) fingerprint: u64,
    pub(super) generation: Option<Generation>,
    /// `None`: whoever can reach the ports may join.
    pub(super) secret: Option<MeshSecret>,
}

impl ClusterPlan {
    /// A single process with so many workers (0 is taken as 1), as for tests and tools.
    pub fn local(workers: WorkerCount) -> Self {
        Self {
            workers_here: WorkerCount::new(workers.get().max(1)),
            process: ProcessIndex::new(0),
            addresses: Vec::new(),
            connect_timeout: Duration::ZERO,
            fingerprint: 0,
            generation: None,
            secret: None,
        }
    }

    /// Sets the hash of all arguments that must agree between the processes. A process with another one is refused at
    /// the start, where otherwise both would compute nonsense together.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: u64) -> Self {
        Self { fingerprint, ..self }
    }

    /// The plan for the next life of the job in the same processes: its generation, if there is one, is the next.
    #[must_use]
    pub fn next_life(self) -> Self {
        let generation = self.generation.map(|Generation(number)| Generation(number.saturating_add(1)));
        Self { generation, ..self }
    }

    /// The generation that a master proposes for this life of the job, if there is a master.
    pub fn generation(&self) -> Option<Generation> {
        self.generation
    }

    #[cfg(test)]
    pub(crate) fn with_generation(self, generation: Generation) -> Self {
        Self { generation: Some(generation), ..self }
    }

    /// Worker threads of the whole cluster.
    pub fn workers(&self) -> WorkerCount {
        WorkerCount::new(self.workers_here.get() * self.processes().get())
    }

    /// Worker threads of this process, and of every other one.
    pub fn workers_here(&self) -> WorkerCount {
        self.workers_here
    }

    /// Which process we are.
    pub fn process(&self) -> ProcessIndex {
        self.process
    }

    /// How many processes there are.
    pub fn processes(&self) -> ProcessCount {
        ProcessCount::new(self.addresses.len().max(1))
    }

    /// True in process 0, which writes what only one may write.
    pub fn is_lead(&self) -> bool {
        self.process.get() == 0
    }
}
