//! What a worker shall have: the processes of all jobs that were placed on it and have not ended, as far as we know.
//!
//! Orders are small whatever the jobs are: what a process runs is only named, and told to whoever has a process of it.

use flightline_engine::ids::ProcessIndex;

use super::state::Cluster;
use crate::ids::{Incarnation, ProcessRef, WorkerName};
use crate::job::life::{Life, Place};
use crate::job::record::Job;
use crate::job::state::{JobState, StopHow};
use crate::protocol::life::{LifeRef, LifeSpec};
use crate::protocol::{ProcessOrder, Wish};

/// All processes that this life of this worker's agent shall have, in order.
#[must_use]
pub fn orders(cluster: &Cluster, name: &WorkerName, incarnation: Incarnation) -> Vec<ProcessOrder> {
    let jobs = cluster.jobs().values().filter_map(|job| Some((job, wish(job.state())?)));
    let mut orders = Vec::new();
    for (job, wish) in jobs {
        let Some(life) = job.life() else { continue };
        let here: Vec<usize> = here(life, name, incarnation).collect();
        // Who only has to end needs nothing.
        let digest = (wish == Wish::Run && !here.is_empty()).then(|| life_spec(job, life).digest());
        orders.extend(here.into_iter().map(|process| ProcessOrder {
            id: ProcessRef { job: job.id, generation: life.number, process: ProcessIndex::new(process) },
            wish,
            life: digest.clone(),
        }));
    }
    orders
}

/// What the processes of a life run, for this life of this worker's agent, if it shall have some of them.
#[must_use]
pub fn life_for(
    cluster: &Cluster,
    (name, incarnation): (&WorkerName, Incarnation),
    wanted: LifeRef,
) -> Option<LifeSpec> {
    let job = cluster.jobs().get(&wanted.job)?;
    let life = job.life().filter(|life| life.number == wanted.generation)?;
    here(life, name, incarnation).next()?;
    (wish(job.state()) == Some(Wish::Run)).then(|| life_spec(job, life))
}

/// The processes of a life that this life of this worker's agent has, and that have not ended.
fn here<'a>(life: &'a Life, name: &'a WorkerName, incarnation: Incarnation) -> impl Iterator<Item = usize> + 'a {
    let here = move |place: &Place| place.worker == *name && place.incarnation == incarnation && place.end.is_none();
    life.places.iter().enumerate().filter(move |(_, place)| here(place)).map(|(process, _)| process)
}

fn life_spec(job: &Job, life: &Life) -> LifeSpec {
    LifeSpec { spec: job.spec.clone(), hosts: life.places.iter().map(Place::address).collect() }
}

fn wish(state: &JobState) -> Option<Wish> {
    match state {
        JobState::Starting | JobState::Running => Some(Wish::Run),
        JobState::Ending { .. }
        | JobState::Upgrading { how: StopHow::Kill, .. }
        | JobState::Stopping { how: StopHow::Kill } => Some(Wish::Kill),
        JobState::Upgrading { how: StopHow::Stop, .. } | JobState::Stopping { how: StopHow::Stop } => Some(Wish::Drain),
        _ => None,
    }
}
