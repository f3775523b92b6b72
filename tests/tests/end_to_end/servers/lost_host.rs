//! A supervised stream on real servers, whose host is lost, or paused with all that runs on it: it goes on on another one.
//! What is left of the old life can change nothing when it is back: nothing is lost and nothing doubled in any sink.

use flightline_cluster::view::WorkerState;
use flightline_engine::contract::Guarantee;
use flightline_tests::cluster::{Cluster, JobProcess, StreamOnServers};
use flightline_tests::job::World;
use flightline_tests::servers::Servers;
use flightline_tests::{Lan, Signal, wait_until};

fn lose_its_host(guarantee: Guarantee) {
    let Some(lan) = Lan::new(3) else { return };
    let _servers = StreamOnServers::bring_servers(&lan, Servers::shared());
    let world = World::on(Servers::shared(), guarantee);
    let mut stream = StreamOnServers::start(&world, Cluster::start_on(&lan, world.folder(), 2));
    // The second time, the stream goes back to the worker whose host was lost the first time.
    for _ in 0..2 {
        let (lost, old) = (stream.place(), stream.cluster.processes(stream.id));
        lan.cut(stream.cluster.host_of(lost));
        stream.wait_until_it_answers("its host was lost");
        assert_ne!(stream.place(), lost, "it is somewhere else");
        assert!(old.iter().all(JobProcess::is_alive), "nobody could tell the old life");
        let generation = stream.generation();
        lan.heal(stream.cluster.host_of(lost));
        stream.cluster.wait_until_worker_is(lost, WorkerState::Alive);
        wait_until("the old life ends", || !old.iter().any(JobProcess::is_alive));
        stream.wait_until_it_answers("the host was back");
        assert_eq!(stream.generation(), generation, "the new life never noticed");
    }
    stream.finish();
}

#[test]
fn a_stream_whose_host_is_lost_goes_on_exactly_once() {
    lose_its_host(Guarantee::ExactlyOnce);
}

#[test]
fn a_stream_whose_host_is_lost_goes_on_at_least_once() {
    lose_its_host(Guarantee::AtLeastOnce);
}

/// Who is woken up first: the process, which must find out by itself, or the agent, which is told.
fn pause_its_host(process_first: bool) {
    let Some(lan) = Lan::new(3) else { return };
    let _servers = StreamOnServers::bring_servers(&lan, Servers::shared());
    let world = World::on(Servers::shared(), Guarantee::ExactlyOnce);
    let mut stream = StreamOnServers::start(&world, Cluster::start_on(&lan, world.folder(), 2));
    let (paused, old) = (stream.place(), stream.cluster.processes(stream.id)[0]);
    stream.cluster.signal_worker(paused, Signal::STOP);
    old.signal(Signal::STOP);
    wait_until("both stand still", || old.is_paused() && stream.cluster.agent(paused).is_paused());
    stream.wait_until_it_answers("its host was paused");
    stream.cluster.wait_until_worker_is(paused, WorkerState::Lost);
    assert_ne!(stream.place(), paused, "it is somewhere else");
    let generation = stream.generation();
    if process_first {
        old.signal(Signal::CONT);
        wait_until("the old life ends, though nobody tells it", || !old.is_alive());
        stream.cluster.signal_worker(paused, Signal::CONT);
    } else {
        stream.cluster.signal_worker(paused, Signal::CONT);
        stream.cluster.wait_until_worker_is(paused, WorkerState::Alive);
        wait_until("the agent ends the old life, which still stands", || !old.is_alive());
    }
    stream.cluster.wait_until_worker_is(paused, WorkerState::Alive);
    stream.wait_until_it_answers("the host woke up");
    assert_eq!(stream.generation(), generation, "the new life never noticed");
    stream.finish();
}

#[test]
fn an_old_process_that_wakes_up_before_its_agent_can_change_nothing() {
    pause_its_host(true);
}

#[test]
fn an_old_process_that_sleeps_on_is_ended_by_its_agent() {
    pause_its_host(false);
}
