//! How long a traveller waits while HDFS is away: requests in Kafka at an even rate, until the answer can be read from the
//! response topic.
//!
//!     tests/services up
//!     cargo build --release --workspace --bins
//!     cargo run --release -p flightline-bench --bin bench-outage -- [SECONDS [REQUESTS_PER_SECOND]]
//!
//! Two minutes (no less than 20 s) at 100 requests a second by default, three times: all servers are there; then HDFS (a set
//! of its own) is stopped; then it is still away, and the job is killed and started again in the middle. At last HDFS is
//! started, and every answer must be in it once. The job is the real binary on two workers, exactly once, with its ledger on
//! the disk of the folder for temporary files.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use flightline_bench::travellers::{Sent, Watch, head, latencies, say, send, tell};
use flightline_engine::contract::Guarantee;
use flightline_tests::job::{PARTITIONS, Shape, World};
use flightline_tests::servers::Servers;

/// Requests sent at most so long before a job was killed, or after that, are looked at apart.
const AROUND: Duration = Duration::from_secs(5);

fn main() -> anyhow::Result<()> {
    let mut numbers =
        std::env::args().skip(1).map(|text| text.parse::<u64>().with_context(|| format!("{text} is no number")));
    let seconds = numbers.next().transpose()?.unwrap_or(120).max(20);
    let rate = numbers.next().transpose()?.unwrap_or(100).max(1);
    say("starting HDFS, training two models, starting the job")?;
    let hdfs = Servers::own(&["hdfs"]);
    let servers = Servers::shared().but("HDFS_URL", &hdfs);
    let world = World::on(&servers, Guarantee::ExactlyOnce);
    let shape = Shape::of(1, 2).set("job.state=file:state");
    let job = world.start(&shape);
    job.wait_until_running();
    let (requests, watch) = (world.requests_on_server(), Watch::begin(&world.responses_on_server(PARTITIONS))?);
    let half = Duration::from_secs(seconds / 2);
    let mut number = 0;
    let mut ask = |time: Duration| -> anyhow::Result<Vec<Sent>> {
        let sent = send(&*requests, number, rate, time)?;
        number += sent.len() as u64;
        Ok(sent)
    };

    ask(Duration::from_secs(5)).context("warming up")?;
    let quiet = ask(2 * half)?;
    hdfs.stop("namenode");
    hdfs.stop("datanode");
    let away = ask(2 * half)?;
    // The travellers don't wait for the job.
    let (restarted, job, killed) = thread::scope(|scope| {
        let asking = scope.spawn(|| ask(2 * half));
        thread::sleep(half);
        let killed = Instant::now();
        job.kill(0);
        let job = world.start(&shape);
        asking.join().map(|restarted| (restarted, job, killed)).map_err(|_| anyhow!("the travellers have failed"))
    })?;
    let restarted = restarted?;

    hdfs.start("datanode");
    hdfs.start("namenode");
    let returned = Instant::now();
    job.wait_until_done();
    let caught_up = returned.elapsed();
    let arrived = watch.end()?;
    job.stop();
    let holdings = world.holdings();
    holdings.check().map_err(|wrong| anyhow!(wrong))?;

    let is_near = |(_, at): &&Sent| at.max(&killed).duration_since(*at.min(&killed)) <= AROUND;
    head()?;
    tell("all servers are there", &latencies(&quiet, &arrived)?)?;
    tell("HDFS is away", &latencies(&away, &arrived)?)?;
    tell("HDFS is away, 5 s around a kill of the job", &latencies(restarted.iter().filter(is_near), &arrived)?)?;
    let far = restarted.iter().filter(|sent| !is_near(sent));
    tell("HDFS is away, the rest of that run", &latencies(far, &arrived)?)?;
    say(&format!(
        "HDFS had all {} answers once, {:.1} s after it was back",
        holdings.requests(),
        caught_up.as_secs_f64()
    ))
}
