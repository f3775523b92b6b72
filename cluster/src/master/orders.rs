//! What a worker shall have: the processes of all jobs that were placed on it and have not ended, as far as we know.

use flightline_engine::ids::ProcessIndex;

use super::state::Cluster;
use crate::ids::{Incarnation, ProcessRef, WorkerName};
use crate::job::life::Place;
use crate::job::record::Job;
use crate::job::state::{JobState, StopHow};
use crate::protocol::{ProcessOrder, Wish};

/// All processes that this life of this worker's agent shall have, in order.
#[must_use]
pub fn orders(cluster: &Cluster, name: &WorkerName, incarnation: Incarnation) -> Vec<ProcessOrder> {
    let here = |place: &Place| place.worker == *name && place.incarnation == incarnation && place.end.is_none();
    let jobs = cluster.jobs().values().filter_map(|job| Some((job, wish(job.state())?)));
    let mut orders = Vec::new();
    for (job, wish) in jobs {
        let Some(life) = job.life() else { continue };
        let hosts: Vec<String> = life.places.iter().map(Place::address).collect();
        for (process, _) in life.places.iter().enumerate().filter(|(_, place)| here(place)) {
            let id = ProcessRef { job: job.id, generation: life.number, process: ProcessIndex::new(process) };
            orders.push(order(job, id, wish, hosts.clone()));
        }
    }
    orders
}

fn wish(state: &JobState) -> Option<Wish> {
    match state {
        JobState::Starting | JobState::Running => Some(Wish::Run),
        JobState::Ending { .. } | JobState::Stopping { how: StopHow::Kill } => Some(Wish::Kill),
        JobState::Stopping { how: StopHow::Stop } => Some(Wish::Drain),
        _ => None,
    }
}

fn order(job: &Job, id: ProcessRef, wish: Wish, hosts: Vec<String>) -> ProcessOrder {
    let spec = &job.spec;
    ProcessOrder {
        id,
        wish,
        program: spec.program,
        args: spec.args.clone(),
        files: spec.files.clone(),
        cores: spec.cores,
        memory: spec.memory,
        processes: spec.processes,
        hosts,
    }
}
