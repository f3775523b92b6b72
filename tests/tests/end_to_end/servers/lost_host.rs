//! A supervised stream on real servers, whose host is lost, or paused with all that runs on it: it goes on on another one.
//! What is left of the old life can change nothing when it is back: nothing is lost and nothing doubled in any sink.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use flightline_cluster::ids::{Generation, JobId};
use flightline_cluster::job::state::Phase;
use flightline_cluster::view::WorkerState;
use flightline_engine::contract::Guarantee;
use flightline_engine::log::{Offset, Partition};
use flightline_jobs::clients::{CollectionClient, TopicClient};
use flightline_tests::cluster::{Cluster, JobProcess};
use flightline_tests::job::{Load, World, request};
use flightline_tests::rows::bundled;
use flightline_tests::servers::Servers;
use flightline_tests::{Brought, Chance, Lan, Signal, wait_until};

/// A UUID that no load asks with: those are random.
const FIRST_SIGN: u64 = 0xfeed_0000_0000;

/// A stream that somebody else starts again, and requests for it.
struct Stream<'a> {
    world: &'a World,
    cluster: Cluster<'a>,
    job: JobId,
    load: Load,
    requests: Arc<dyn TopicClient>,
    answers: Arc<dyn CollectionClient>,
    signs: u64,
}

impl<'a> Stream<'a> {
    fn start(world: &'a World, cluster: Cluster<'a>) -> Self {
        let job = cluster.run("predict --supervise -- --config job.toml --config more.toml");
        let (requests, answers) = (world.requests_on_server(), world.answers());
        let load = world.load(Arc::clone(&requests), Chance::new());
        let mut stream = Self { world, cluster, job, load, requests, answers, signs: FIRST_SIGN };
        stream.answers("its start");
        stream
    }

    /// Asks something, and waits until the answer is stored.
    fn answers(&mut self, what: &str) {
        let begun = Instant::now();
        self.signs += 1;
        let sign = request(&bundled()[0], self.signs);
        let uuid = serde_json::from_str::<serde_json::Value>(&sign).unwrap()["UUID"].as_str().unwrap().to_owned();
        self.requests.append_to(Partition(0), vec![sign.into()]).expect("the brokers take it");
        wait_until(&format!("it answers after {what}"), || {
            thread::sleep(Duration::from_millis(20));
            self.answers.get(&uuid).expect("the server answers").is_some()
        });
        println!("it answered {:.1} s after {what}", begun.elapsed().as_secs_f64());
    }

    /// The worker that has the stream.
    fn place(&self) -> usize {
        let view = self.cluster.wait_until_job_is(self.job, Phase::Running);
        self.cluster.number(&view.generations[0].processes[0].worker)
    }

    fn generation(&self) -> Option<Generation> {
        self.cluster.job(self.job).line.generation
    }

    /// Ends the load, and the stream when it has answered everything; nothing may be lost or doubled.
    fn finish(self) {
        self.load.stop();
        let requests = &self.requests;
        let partitions: Vec<Partition> = (0..requests.partitions().unwrap()).map(Partition).collect();
        let ends = partitions.iter().map(|partition| (partition.0, requests.bounds(*partition).unwrap().to));
        let ends: Vec<(u32, Offset)> = ends.collect();
        self.cluster.wait_for_job(self.job, "every sink has everything", |view| {
            let sinks = view.stream.as_ref().map(|stream| &stream.sinks).filter(|sinks| sinks.len() == 4);
            sinks.is_some_and(|sinks| {
                let has_all = |next: &std::collections::BTreeMap<u32, u64>| {
                    ends.iter().all(|(partition, end)| next.get(partition).is_some_and(|next| *next >= end.0))
                };
                sinks.values().all(|sink| has_all(&sink.next))
            })
        });
        self.cluster.submit(&format!("stop {} --wait", self.job)).succeed();
        assert_eq!(self.cluster.job(self.job).line.state.phase(), Phase::Stopped);
        self.cluster.stop();
        let holdings = self.world.holdings();
        println!("{} requests", holdings.requests());
        assert_eq!(holdings.check_as(self.world.promised()), Ok(()));
    }
}

fn bring_servers(lan: &Lan) -> Brought {
    lan.bring(
        &["KAFKA_BROKERS", "MONGODB_URL", "HDFS_URL", "HDFS_DATANODE"].map(|key| Servers::shared().authority(key)),
    )
}

fn lose_its_host(guarantee: Guarantee) {
    let Some(lan) = Lan::new(3) else { return };
    let _servers = bring_servers(&lan);
    let world = World::on(Servers::shared(), guarantee);
    let mut stream = Stream::start(&world, Cluster::start_on(&lan, world.folder(), 2));
    // The second time, the stream goes back to the worker whose host was lost the first time.
    for _ in 0..2 {
        let (lost, old) = (stream.place(), stream.cluster.processes(stream.job));
        lan.cut(stream.cluster.host_of(lost));
        stream.answers("its host was lost");
        assert_ne!(stream.place(), lost, "it is somewhere else");
        assert!(old.iter().all(JobProcess::is_alive), "nobody could tell the old life");
        let generation = stream.generation();
        lan.heal(stream.cluster.host_of(lost));
        stream.cluster.wait_until_worker_is(lost, WorkerState::Alive);
        wait_until("the old life ends", || !old.iter().any(JobProcess::is_alive));
        stream.answers("the host was back");
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
    let _servers = bring_servers(&lan);
    let world = World::on(Servers::shared(), Guarantee::ExactlyOnce);
    let mut stream = Stream::start(&world, Cluster::start_on(&lan, world.folder(), 2));
    let (paused, old) = (stream.place(), stream.cluster.processes(stream.job)[0]);
    stream.cluster.signal_worker(paused, Signal::STOP);
    old.signal(Signal::STOP);
    wait_until("both stand still", || old.is_paused() && stream.cluster.agent(paused).is_paused());
    stream.answers("its host was paused");
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
    stream.answers("the host woke up");
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
