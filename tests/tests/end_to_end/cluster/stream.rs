//! A supervised stream under load: its process is killed with -9, its agent is, or its worker is asked to go. It answers
//! again, nothing is lost and nothing doubled.

use std::thread;
use std::time::Duration;

use flightline_cluster::job::state::Phase;
use flightline_cluster::view::WorkerState;
use flightline_engine::process::Exit;
use flightline_tests::cluster::{EmbeddedStream as Stream, JobProcess};
use flightline_tests::job::World;
use flightline_tests::{DEADLINE, Signal};

use super::ends_of;

/// Longer than a worker may be silent.
const SILENCE: Duration = Duration::from_secs(7);

/// Ends it, and checks that it drained.
#[track_caller]
fn finish(stream: Stream<'_>) {
    let view = stream.finish();
    assert_eq!(ends_of(&view)[0], "it was asked to end", "it drains\n{view:#?}");
}

fn kill_a_process(processes: u16, victim: usize) {
    let world = World::new();
    let stream = Stream::start(&world, 3, processes);
    for generation in 2..=3 {
        let before = stream.cluster.processes(stream.id);
        before[victim].signal(Signal::KILL);
        stream.wait_until_it_answers("a killed process");
        assert!(!before.iter().any(JobProcess::is_alive), "nobody of the old life is there");
        let view = stream.cluster.wait_until_job_is(stream.id, Phase::Running);
        assert_eq!(view.line.generation.map(|generation| generation.0), Some(generation), "{view:#?}");
        assert!(ends_of(&view)[0].contains("was ended by signal 9"), "{view:#?}");
        let told = view.stream.as_ref().and_then(|stream| stream.guarantee.as_deref());
        assert_eq!(told, Some("exactly-once"), "{view:#?}");
    }
    finish(stream);
}

#[test]
fn a_stream_whose_process_is_killed_answers_again_and_loses_and_doubles_nothing() {
    kill_a_process(1, 0);
}

#[test]
fn a_stream_of_two_processes_of_which_any_is_killed_loses_and_doubles_nothing() {
    kill_a_process(2, 1);
    kill_a_process(2, 0);
}

#[test]
fn a_stream_whose_agent_is_killed_goes_on_on_another_worker() {
    let world = World::new();
    let mut stream = Stream::start(&world, 2, 1);
    let place = |stream: &Stream<'_>| {
        let view = stream.cluster.job(stream.id);
        stream.cluster.number(&view.generations[0].processes[0].worker)
    };
    let first = place(&stream);
    stream.cluster.kill_worker(first);
    stream.wait_until_it_answers("a killed agent");
    assert_ne!(place(&stream), first, "{:#?}", stream.cluster.job(stream.id));
    stream.cluster.start_worker(first);
    stream.cluster.wait_until_worker_is(first, WorkerState::Alive);
    finish(stream);
}

#[test]
fn a_stream_does_not_notice_that_the_master_is_killed() {
    let world = World::new();
    let mut stream = Stream::start(&world, 1, 1);
    let before = stream.cluster.processes(stream.id);
    stream.cluster.kill_master();
    stream.wait_for_work();
    stream.cluster.start_master();
    stream.cluster.wait_until_worker_is(0, WorkerState::Alive);
    assert_eq!(stream.cluster.processes(stream.id), before);
    let view = stream.cluster.job(stream.id);
    assert_eq!(ends_of(&view), [""; 0], "{view:#?}");
    finish(stream);
}

/// A master whose machine stands still for a while hears nobody meanwhile: it took every worker for lost when it went on, and
/// started each job again.
#[test]
fn a_stream_does_not_notice_that_the_master_stands_still_for_longer_than_a_worker_may_be_silent() {
    let world = World::new();
    let mut stream = Stream::start(&world, 1, 1);
    let before = stream.cluster.processes(stream.id);
    stream.cluster.master().signal(Signal::STOP);
    thread::sleep(SILENCE);
    stream.wait_for_work();
    stream.cluster.master().signal(Signal::CONT);
    let woken = stream.cluster.status().now;
    stream.cluster.wait_for_cluster("the worker is heard again", |view| view.workers[0].heard > woken);
    assert_eq!(stream.cluster.processes(stream.id), before);
    let view = stream.cluster.job(stream.id);
    assert_eq!(ends_of(&view), [""; 0], "{view:#?}");
    finish(stream);
}

/// Who takes a machine out of the cluster asks its worker to end. How its processes had ended was not always told in time, and
/// they were taken for lost.
#[test]
fn a_worker_that_is_asked_to_end_lets_its_stream_finish_and_go_on_elsewhere() {
    let world = World::new();
    let mut stream = Stream::start(&world, 2, 1);
    let view = stream.cluster.job(stream.id);
    let first = stream.cluster.number(&view.generations[0].processes[0].worker);
    let before = stream.cluster.processes(stream.id);
    let agent = stream.cluster.take_agent(first);
    agent.signal(Signal::TERM);
    stream.wait_until_it_answers("a worker that was asked to end");
    agent.end_within(DEADLINE).expect(Exit::Ok);
    assert!(!before[0].is_alive());
    let view = stream.cluster.wait_until_job_is(stream.id, Phase::Running);
    assert_ne!(stream.cluster.number(&view.generations[0].processes[0].worker), first, "{view:#?}");
    assert_eq!(view.generations[1].processes[0].state, "ended with code 0", "{view:#?}");
    stream.cluster.wait_until_worker_is(first, WorkerState::Gone);
    finish(stream);
}
