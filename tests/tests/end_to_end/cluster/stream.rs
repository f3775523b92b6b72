//! A supervised stream under load: its process is killed with -9, its agent is, or its worker is asked to go. It answers
//! again, nothing is lost and nothing doubled.

use std::thread;
use std::time::{Duration, Instant};

use flightline_cluster::ids::JobId;
use flightline_cluster::job::state::Phase;
use flightline_cluster::view::WorkerState;
use flightline_engine::process::Exit;
use flightline_tests::cluster::{Cluster, JobProcess};
use flightline_tests::job::{Job, Load, World};
use flightline_tests::{Chance, DEADLINE, Signal, wait_until};

use super::ends_of;
use crate::storm::wait_for_work;

/// A stream on a cluster, and requests for it.
struct Stream<'a> {
    cluster: Cluster<'a>,
    world: &'a World,
    id: JobId,
    job: Job,
    load: Load,
}

impl<'a> Stream<'a> {
    /// Submits it, and waits until it answers.
    #[track_caller]
    fn start(world: &'a World, workers: usize, processes: u16) -> Self {
        let cluster = Cluster::start(world.folder(), workers);
        let line = format!("predict --supervise --processes {processes} -- --config job.toml --config more.toml");
        let id = cluster.run(&line);
        cluster.wait_until_job_is(id, Phase::Running);
        let job = world.others_job(processes);
        let load = world.load(job.requests(), Chance::new());
        wait_for_work(&job, &load);
        Self { cluster, world, id, job, load }
    }

    /// Waits until it answers requests that were sent from now on, and prints how long that took.
    #[track_caller]
    fn wait_until_it_answers(&self, what: &str) {
        let begun = Instant::now();
        let (sent, answered) = (self.load.sent(), self.job.answered("topic"));
        wait_until(&format!("it answers again after {what}"), || {
            thread::sleep(Duration::from_millis(5));
            self.load.sent() > sent && self.job.answered("topic") > answered.max(sent)
        });
        println!("{what}: it answered again after {:.2} s", begun.elapsed().as_secs_f64());
        wait_for_work(&self.job, &self.load);
    }

    /// Ends load, job and cluster, and checks what all sinks hold.
    #[track_caller]
    fn finish(self) {
        self.load.stop();
        self.job.wait_until_done();
        self.cluster.submit(&format!("stop {} --wait", self.id)).succeed();
        let view = self.cluster.job(self.id);
        assert_eq!(view.line.state.phase(), Phase::Stopped, "{view:#?}");
        assert_eq!(ends_of(&view)[0], "it was asked to end", "it drains\n{view:#?}");
        self.cluster.stop();
        let holdings = self.world.holdings();
        println!("{} requests", holdings.requests());
        assert_eq!(holdings.check(), Ok(()));
    }
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
    stream.finish();
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
    stream.finish();
}

#[test]
fn a_stream_does_not_notice_that_the_master_is_killed() {
    let world = World::new();
    let mut stream = Stream::start(&world, 1, 1);
    let before = stream.cluster.processes(stream.id);
    stream.cluster.kill_master();
    wait_for_work(&stream.job, &stream.load);
    stream.cluster.start_master();
    stream.cluster.wait_until_worker_is(0, WorkerState::Alive);
    assert_eq!(stream.cluster.processes(stream.id), before);
    let view = stream.cluster.job(stream.id);
    assert_eq!(ends_of(&view), [""; 0], "{view:#?}");
    stream.finish();
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
    stream.finish();
}
