//! A supervised stream in the embedded stores, under load: it loses processes, agents and masters, and nothing may be lost
//! or doubled by that.

use std::thread;
use std::time::{Duration, Instant};

use flightline_cluster::ids::JobId;
use flightline_cluster::job::state::Phase;
use flightline_cluster::view::JobView;

use super::Cluster;
use crate::job::{Job, Load, World, wait_for_work};
use crate::{Chance, wait_until};

/// A stream on a cluster, and requests for it.
#[derive(Debug)]
pub struct EmbeddedStream<'a> {
    /// What it runs on.
    pub cluster: Cluster<'a>,
    /// Its number.
    pub id: JobId,
    world: &'a World,
    job: Job,
    load: Load,
}

impl<'a> EmbeddedStream<'a> {
    /// Starts a cluster of so many workers, submits the stream, and waits until it answers.
    #[must_use]
    #[track_caller]
    pub fn start(world: &'a World, workers: usize, processes: u16) -> Self {
        let cluster = Cluster::start(world.folder(), workers);
        let line = format!("predict --supervise --processes {processes} -- --config job.toml --config more.toml");
        let id = cluster.run(&line);
        cluster.wait_until_job_is(id, Phase::Running);
        let job = world.others_job(processes);
        let load = world.load(job.requests(), Chance::new());
        wait_for_work(&job, &load);
        Self { cluster, id, world, job, load }
    }

    /// Waits until it answers requests that are sent from now on, and gives how long that took.
    #[track_caller]
    pub fn wait_until_it_answers(&self, after: &str) -> Duration {
        let begun = Instant::now();
        let (sent, answered) = (self.load.sent(), self.job.answered("topic"));
        wait_until(&format!("it answers again after {after}"), || {
            thread::sleep(Duration::from_millis(5));
            self.load.sent() > sent && self.job.answered("topic") > answered.max(sent)
        });
        let took = begun.elapsed();
        println!("{after}: it answered again after {:.2} s", took.as_secs_f64());
        self.wait_for_work();
        took
    }

    /// Waits until it answers.
    #[track_caller]
    pub fn wait_for_work(&self) {
        wait_for_work(&self.job, &self.load);
    }

    /// Ends load, stream and cluster, and checks that all sinks hold everything once. Gives how the stream was seen last.
    #[track_caller]
    pub fn finish(self) -> JobView {
        self.load.stop();
        self.job.wait_until_done();
        self.cluster.submit(&format!("stop {} --wait", self.id)).succeed();
        let view = self.cluster.job(self.id);
        assert_eq!(view.line.state.phase(), Phase::Stopped, "{view:#?}");
        self.cluster.stop();
        let holdings = self.world.holdings();
        println!("{} requests", holdings.requests());
        assert_eq!(holdings.check(), Ok(()));
        view
    }
}
