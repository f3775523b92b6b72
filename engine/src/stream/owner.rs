//! Who reads a partition: a pure function of the plan, so that all processes agree without talking.

use crate::cluster::ClusterPlan;
use crate::ids::{ProcessIndex, WorkerIndex};
use crate::log::Partition;

/// The shape of a cluster, as far as the sharing out of partitions depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owners {
    processes: usize,
    workers_here: usize,
}

impl Owners {
    /// The owners in a cluster of this plan.
    #[must_use]
    pub fn of(plan: &ClusterPlan) -> Self {
        Self { processes: plan.processes().get(), workers_here: plan.workers_here().get() }
    }

    /// The process that opens a partition.
    #[must_use]
    pub fn process(&self, partition: Partition) -> ProcessIndex {
        ProcessIndex::new(partition.0 as usize % self.processes)
    }

    /// The worker that reads it, and writes what is placed with it.
    #[must_use]
    pub fn worker(&self, partition: Partition) -> WorkerIndex {
        let here = (partition.0 as usize / self.processes) % self.workers_here;
        WorkerIndex::new(self.process(partition).get() * self.workers_here + here)
    }

    /// The partitions of a log of `count` that a process opens.
    #[must_use]
    pub fn of_process(&self, process: ProcessIndex, count: u32) -> Vec<Partition> {
        (0..count).map(Partition).filter(|partition| self.process(*partition) == process).collect()
    }

    /// The partitions of a log of `count` that a worker reads.
    #[must_use]
    pub fn of_worker(&self, worker: WorkerIndex, count: u32) -> Vec<Partition> {
        (0..count).map(Partition).filter(|partition| self.worker(*partition) == worker).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_one_owner_and_owners_are_even() {
        for (processes, workers_here, count) in [(1, 1, 4), (1, 2, 4), (2, 2, 8), (3, 2, 13)] {
            let owners = Owners { processes, workers_here };
            let shares: Vec<usize> = (0..processes * workers_here)
                .map(|worker| owners.of_worker(WorkerIndex::new(worker), count).len())
                .collect();
            assert_eq!(shares.iter().sum::<usize>(), count as usize);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1, "{shares:?}");
            for partition in (0..count).map(Partition) {
                assert_eq!(owners.worker(partition).get() / workers_here, owners.process(partition).get());
            }
        }
    }
}
