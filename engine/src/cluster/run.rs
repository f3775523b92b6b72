//! Runs the workers of this process, connected with those of the others.

use std::any::Any;

use differential_dataflow::configure;
use timely::WorkerConfig;
use timely::communication::allocator::ProcessBuilder;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::{AllocatorBuilder, Config, Hooks};
use timely::worker::Worker;

use super::connect;
use super::error::ClusterError;
use super::plan::ClusterPlan;
use crate::process::panics;
use crate::supervised::Watch;

/// Updates that an idle arrangement merges at once: what is superseded leaves memory also when nothing changes any more.
const IDLE_EFFORT: isize = 10_000;

/// What timely needs to build its workers, and what must live as long as they do.
type Allocators = (Vec<AllocatorBuilder>, Box<dyn Any + Send>);

/// Connects the processes, runs `logic` in each worker of this one until all its dataflows are done, and gives the
/// results of the local workers in the order of their indices.
///
/// It returns only when *all* processes are done, so that whoever ends afterwards is no lost peer to another. A panic in
/// a worker ends the process ([`panics`]), and so does a lost peer.
///
/// # Errors
/// If the mesh or the threads can't be had. Nothing has run then.
pub fn run<R, F>(plan: ClusterPlan, logic: F) -> Result<Vec<R>, ClusterError>
where
    R: Send + 'static,
    F: Fn(&mut Worker) -> R + Send + Sync + 'static,
{
    panics::watch_own_threads();
    let (allocators, guard) = allocators(&plan)?;
    let mut config = WorkerConfig::default();
    configure(&mut config, &differential_dataflow::Config::default().idle_merge_effort(Some(IDLE_EFFORT)));
    let watch = Watch::of_new_run();
    let logic = move |worker: &mut Worker| {
        watch.worker(worker);
        logic(worker)
    };
    let workers = timely::execute::execute_from(allocators, guard, config, logic).map_err(ClusterError::Workers)?;
    // A worker that panicked has ended the process before it could be joined.
    workers.join().into_iter().collect::<Result<_, _>>().map_err(ClusterError::Workers)
}

fn allocators(plan: &ClusterPlan) -> Result<Allocators, ClusterError> {
    match (plan.processes().get(), plan.workers_here.get()) {
        (1, 1) => Config::Thread.try_build().map_err(ClusterError::Workers),
        (1, workers) => Config::Process(workers).try_build().map_err(ClusterError::Workers),
        (_, workers) => {
            let sockets = connect::join(plan, connect::listen(plan)?)?;
            panics::remember_peers(plan.addresses.iter().map(ToString::to_string).collect());
            over_sockets(plan, workers, sockets)
        }
    }
}

fn over_sockets(plan: &ClusterPlan, workers: usize, sockets: connect::Sockets) -> Result<Allocators, ClusterError> {
    let hooks = Hooks::default();
    let local = ProcessBuilder::new_typed_vector(workers, hooks.refill.clone(), hooks.spill.clone());
    let (builders, guard) = initialize_networking_from_sockets(local, sockets, plan.process.get(), workers, hooks)
        .map_err(|reason| ClusterError::System { what: "starting the network threads", reason })?;
    Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard)))
}

#[cfg(test)]
mod tests {
    use timely::dataflow::operators::{Exchange, Inspect, Probe, ToStream};

    use super::*;
    use crate::ids::WorkerCount;

    #[test]
    fn every_local_worker_runs_and_results_come_in_order() {
        for workers in [1, 2, 4] {
            let plan = ClusterPlan::local(WorkerCount::new(workers));
            let results = run(plan, |worker| {
                worker.dataflow::<u64, _, _>(|scope| {
                    (0..100_u64).to_stream(scope).container::<Vec<_>>().exchange(|number| *number).probe();
                });
                (worker.index(), worker.peers())
            });
            let expected: Vec<_> = (0..workers).map(|index| (index, workers)).collect();
            assert_eq!(results.unwrap(), expected);
        }
    }

    #[test]
    fn dataflows_are_done_when_run_returns() {
        let (saw, seen) = std::sync::mpsc::channel();
        run(ClusterPlan::local(WorkerCount::new(2)), move |worker| {
            let saw = saw.clone();
            worker.dataflow::<u64, _, _>(|scope| {
                let numbers = (0..1000_u64).to_stream(scope).container::<Vec<_>>().exchange(|number| *number);
                numbers.inspect(move |number| saw.send(*number).unwrap());
            });
        })
        .unwrap();
        assert_eq!(seen.iter().sum::<u64>(), 2 * 499_500);
    }
}
