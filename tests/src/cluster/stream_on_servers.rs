//! A supervised stream on real servers, under load: it loses whole hosts, and nothing may be lost or doubled by that.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use flightline_cluster::ids::{Generation, JobId};
use flightline_cluster::job::state::Phase;
use flightline_jobs::clients::{CollectionClient, Offset, Partition, TopicClient};

use super::Cluster;
use crate::job::{Load, World, request};
use crate::rows::bundled;
use crate::servers::Servers;
use crate::{Brought, Chance, Lan, wait_until};

/// A UUID that no load asks with: those are random.
const FIRST_SIGN: u64 = 0xfeed_0000_0000;

/// A stream that somebody else starts again, and requests for it.
#[derive(Debug)]
pub struct StreamOnServers<'a> {
    world: &'a World,
    /// What it runs on.
    pub cluster: Cluster<'a>,
    /// Its number.
    pub id: JobId,
    load: Load,
    requests: Arc<dyn TopicClient>,
    answers: Arc<dyn CollectionClient>,
    signs: u64,
}

impl<'a> StreamOnServers<'a> {
    /// What a host of a network needs so that it finds the servers where they are here.
    #[must_use]
    pub fn bring_servers(lan: &Lan, servers: &Servers) -> Brought {
        lan.bring(&["KAFKA_BROKERS", "MONGODB_URL", "HDFS_URL", "HDFS_DATANODE"].map(|key| servers.authority(key)))
    }

    /// Submits the stream of a world on servers, and waits until it answers.
    #[must_use]
    #[track_caller]
    pub fn start(world: &'a World, cluster: Cluster<'a>) -> Self {
        let id = cluster.run("predict --supervise -- --config job.toml --config more.toml");
        let (requests, answers) = (world.requests_on_server(), world.answers());
        let load = world.load(Arc::clone(&requests), Chance::new());
        let mut stream = Self { world, cluster, id, load, requests, answers, signs: FIRST_SIGN };
        stream.wait_until_it_answers("its start");
        stream
    }

    /// Asks something, waits until the answer is stored, and gives how long that took.
    ///
    /// # Panics
    /// If the brokers don't take it, or the answer doesn't come before the [`crate::DEADLINE`].
    #[track_caller]
    pub fn wait_until_it_answers(&mut self, after: &str) -> Duration {
        let begun = Instant::now();
        self.signs += 1;
        let sign = request(&bundled()[0], self.signs);
        let uuid = serde_json::from_str::<serde_json::Value>(&sign).unwrap()["UUID"].as_str().unwrap().to_owned();
        self.requests.append_to(Partition(0), vec![sign.into()]).expect("the brokers take it");
        wait_until(&format!("it answers after {after}"), || {
            thread::sleep(Duration::from_millis(20));
            self.answers.get(&uuid).expect("the server answers").is_some()
        });
        let took = begun.elapsed();
        println!("it answered {:.1} s after {after}", took.as_secs_f64());
        took
    }

    /// The worker that has the stream.
    #[must_use]
    #[track_caller]
    pub fn place(&self) -> usize {
        let view = self.cluster.wait_until_job_is(self.id, Phase::Running);
        self.cluster.number(&view.generations[0].processes[0].worker)
    }

    /// The generation of its present life.
    #[must_use]
    #[track_caller]
    pub fn generation(&self) -> Option<Generation> {
        self.cluster.job(self.id).line.generation
    }

    /// Ends the load, and the stream when it has answered everything.
    ///
    /// # Panics
    /// If anything is lost or doubled.
    #[track_caller]
    pub fn finish(self) {
        self.load.stop();
        let requests = &self.requests;
        let partitions: Vec<Partition> = (0..requests.partitions().unwrap()).map(Partition).collect();
        let ends = partitions.iter().map(|partition| (partition.0, requests.bounds(*partition).unwrap().to));
        let ends: Vec<(u32, Offset)> = ends.collect();
        self.cluster.wait_for_job(self.id, "every sink has everything", |view| {
            let sinks = view.stream.as_ref().map(|stream| &stream.sinks).filter(|sinks| sinks.len() == 4);
            sinks.is_some_and(|sinks| {
                let has_all = |next: &std::collections::BTreeMap<u32, u64>| {
                    ends.iter().all(|(partition, end)| next.get(partition).is_some_and(|next| *next >= end.0))
                };
                sinks.values().all(|sink| has_all(&sink.next))
            })
        });
        self.cluster.submit(&format!("stop {} --wait", self.id)).succeed();
        assert_eq!(self.cluster.job(self.id).line.state.phase(), Phase::Stopped);
        self.cluster.stop();
        let holdings = self.world.holdings();
        println!("{} requests", holdings.requests());
        assert_eq!(holdings.check_as(self.world.promised()), Ok(()));
    }
}
