//! Which workers a job's processes go to. Pure.
//!
//! All processes of a job ask for the same. Each goes to the worker with the most free cores, so that a job is spread and a
//! lost host costs little; no worker is ever promised more than it has. What can be placed is placed.

use crate::ids::{Cores, Memory, WorkerName};
use crate::job::spec::JobSpec;

/// What is free on a worker, and what it has in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Whose.
    pub worker: WorkerName,
    /// Cores that no job has.
    pub cores: Cores,
    /// Memory that no job has.
    pub memory: Memory,
    /// Cores in all.
    pub all_cores: Cores,
    /// Memory in all.
    pub all_memory: Memory,
}

impl Room {
    fn holds(&self, spec: &JobSpec) -> usize {
        fits(self.cores, self.memory, spec)
    }

    fn would_hold(&self, spec: &JobSpec) -> usize {
        fits(self.all_cores, self.all_memory, spec)
    }
}

/// A worker for each process, by its place in `rooms`; or what there is too little of, in a sentence.
///
/// # Errors
/// There is no room for all of them now.
pub fn place(spec: &JobSpec, rooms: &[Room]) -> Result<Vec<usize>, String> {
    let mut free: Vec<Room> = rooms.to_vec();
    let mut places = Vec::new();
    for _ in spec.processes.indices() {
        let fitting = free.iter_mut().enumerate().filter(|(_, room)| room.holds(spec) > 0);
        // The most free cores, then the most memory, then the first name: so the same cluster gives the same places.
        let best = fitting.max_by(|(_, one), (_, other)| {
            let order = (one.cores, one.memory).cmp(&(other.cores, other.memory));
            order.then_with(|| other.worker.cmp(&one.worker))
        });
        let Some((at, room)) = best else { return Err(too_little(spec, rooms)) };
        room.cores.0 -= spec.cores.0;
        room.memory.0 -= spec.memory.0;
        places.push(at);
    }
    Ok(places)
}

fn fits(cores: Cores, memory: Memory, spec: &JobSpec) -> usize {
    let by_cores = cores.0.checked_div(spec.cores.0).map_or(usize::MAX, |number| number as usize);
    let by_memory = memory.0.checked_div(spec.memory.0).map_or(usize::MAX, |number| number as usize);
    by_cores.min(by_memory)
}

fn too_little(spec: &JobSpec, rooms: &[Room]) -> String {
    let needs =
        format!("{} with {} and {} each", counted(spec.processes.get(), "process"), cores(spec.cores), spec.memory);
    if rooms.is_empty() {
        return format!("it needs {needs}, and there is no worker; start one with `worker --master HOST:7077`");
    }
    let now = rooms.iter().map(|room| room.holds(spec)).fold(0, usize::saturating_add);
    let ever = rooms.iter().map(|room| room.would_hold(spec)).fold(0, usize::saturating_add);
    if ever < spec.processes.get() {
        let (all_cores, all_memory) = rooms.iter().fold((0_u32, 0_u64), |(cores, memory), room| {
            (cores.saturating_add(room.all_cores.0), memory.saturating_add(room.all_memory.0))
        });
        return format!(
            "it needs {needs}, and all {} together ({}, {}) have room for {ever}; add workers, or ask for less",
            counted(rooms.len(), "worker"),
            cores(Cores(all_cores)),
            Memory(all_memory),
        );
    }
    format!("it needs {needs}, and there is room for {now} until other jobs end")
}

fn cores(number: Cores) -> String {
    counted(number.0 as usize, "core")
}

fn counted(number: usize, noun: &str) -> String {
    match (number, noun) {
        (1, noun) => format!("1 {noun}"),
        (number, "process") => format!("{number} processes"),
        (number, noun) => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use flightline_engine::ids::ProcessCount;
    use proptest::prelude::*;

    use super::*;
    use crate::job::spec::Program;
    use crate::samples;

    fn spec(processes: usize, cores: u32, memory: u64) -> JobSpec {
        let (processes, cores, memory) = (ProcessCount::new(processes), Cores(cores), Memory(memory << 30));
        JobSpec { processes, cores, memory, ..samples::spec(Program::Train, &[]) }
    }

    fn rooms(free: &[(u32, u64)]) -> Vec<Room> {
        let room = |(at, (cores, memory)): (usize, &(u32, u64))| Room {
            worker: WorkerName(format!("worker-{at}").into()),
            cores: Cores(*cores),
            memory: Memory(memory << 30),
            all_cores: Cores(8),
            all_memory: Memory(8 << 30),
        };
        free.iter().enumerate().map(room).collect()
    }

    #[test]
    fn a_job_is_spread_over_workers() {
        assert_eq!(place(&spec(3, 1, 1), &rooms(&[(4, 8), (4, 8), (4, 8)])), Ok(vec![0, 1, 2]));
        assert_eq!(place(&spec(2, 2, 1), &rooms(&[(1, 8), (5, 8)])), Ok(vec![1, 1]));
    }

    #[test]
    fn who_waits_is_told_for_what() {
        let why = place(&spec(3, 2, 1), &rooms(&[(3, 8), (2, 8)])).unwrap_err();
        assert_eq!(
            why,
            "it needs 3 processes with 2 cores and 1.0 GiB each, and there is room for 2 until other jobs end"
        );
        let why = place(&spec(1, 9, 1), &rooms(&[(8, 8), (8, 8)])).unwrap_err();
        assert!(why.contains("all 2 workers together (16 cores, 16.0 GiB) have room for 0; add workers"), "{why}");
        assert!(place(&spec(1, 1, 1), &[]).unwrap_err().contains("there is no worker"));
    }

    /// Two workers that said they had so much ended the master, in the sum.
    #[test]
    fn no_number_of_cores_is_too_large_to_be_told() {
        let mut rooms = rooms(&[(0, 0), (0, 0)]);
        rooms.iter_mut().for_each(|room| (room.all_cores, room.all_memory) = (Cores(u32::MAX), Memory(1 << 63)));
        let why = place(&JobSpec { memory: Memory(u64::MAX), ..spec(1, 1, 1) }, &rooms).unwrap_err();
        assert!(why.contains("all 2 workers together (4294967295 cores"), "{why}");
    }

    proptest! {
        /// The oracle counts: equal processes fit if and only if the workers, each for itself, hold as many together.
        #[test]
        fn what_can_be_placed_is_and_nothing_is_promised_twice(
            free in prop::collection::vec((0_u32..9, 0_u64..9), 0..5),
            (processes, cores, memory) in (1_usize..8, 1_u32..4, 1_u64..4),
        ) {
            let (spec, rooms) = (spec(processes, cores, memory), rooms(&free));
            let room: usize = free.iter().map(|(free_cores, free_memory)| (free_cores / cores).min((free_memory / memory) as u32) as usize).sum();
            match place(&spec, &rooms) {
                Err(_) => prop_assert!(room < processes),
                Ok(places) => {
                    prop_assert_eq!(places.len(), processes);
                    for (at, (free_cores, free_memory)) in free.iter().enumerate() {
                        let here = places.iter().filter(|place| **place == at).count();
                        prop_assert!(here as u32 * cores <= *free_cores && here as u64 * memory <= *free_memory);
                    }
                }
            }
        }
    }
}
