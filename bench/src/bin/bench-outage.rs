//! How long a traveller waits while HDFS is away: requests in Kafka at an even rate, until the answer can be read from the
//! response topic; and five visitors of the page a second beside them, from the form until its event stream has brought the
//! answer.
//!
//!     tests/services up
//!     cargo build --release --workspace --bins
//!     cargo run --release -p flightline-bench --bin bench-outage -- [SECONDS [REQUESTS_PER_SECOND]]
//!
//! Two minutes (no less than 20 s) at 100 requests a second by default, four times: all servers are there; the job is killed
//! and started again in the middle; then HDFS (a set of its own) is stopped; then it is still away, and the job is killed
//! again. At last HDFS is started, and every answer must be in it once. Job and page are the real binaries, the job on two
//! workers, exactly once, with its ledger on the disk of the folder for temporary files.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use flightline_bench::travellers::{Arrived, Sent, Visit, Watch, head, latencies, say, send, tell, visit};
use flightline_engine::contract::Guarantee;
use flightline_tests::job::{Job, PARTITIONS, Shape, World};
use flightline_tests::page::Page;
use flightline_tests::servers::Servers;

/// Requests sent at most so long before a job was killed, or after that, are looked at apart.
const AROUND: Duration = Duration::from_secs(5);
/// How often somebody comes to the page.
const VISITED: Duration = Duration::from_millis(200);

/// Who asked in some time, and how.
struct Asked {
    sent: Vec<Sent>,
    visits: Vec<Visit>,
}

/// The same while the job was killed and started again.
struct Interrupted {
    asked: Asked,
    killed: Instant,
}

impl Interrupted {
    fn is_near(&self, at: &Instant) -> bool {
        at.max(&self.killed).duration_since(*at.min(&self.killed)) <= AROUND
    }
}

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
    let page = Page::start(&world);
    page.wait_until_healthy();
    let mut number = 0;
    let mut ask = |time: Duration| {
        thread::scope(|scope| {
            let visitors = scope.spawn(|| visit(&page, VISITED, time));
            let sent = send(&*requests, number, rate, time)?;
            number += sent.len() as u64;
            let visits = visitors.join().map_err(|_| anyhow!("the visitors have failed"))??;
            anyhow::Ok(Asked { sent, visits })
        })
    };

    ask(Duration::from_secs(5)).context("warming up")?;
    let quiet = ask(2 * half)?;
    let (with_hdfs, job) = kill_amid(&mut ask, half, job, || world.start(&shape))?;
    hdfs.stop("namenode");
    hdfs.stop("datanode");
    let away = ask(2 * half)?;
    let (without, job) = kill_amid(&mut ask, half, job, || world.start(&shape))?;

    hdfs.start("datanode");
    hdfs.start("namenode");
    let returned = Instant::now();
    job.wait_until_done();
    let caught_up = returned.elapsed();
    let arrived = watch.end()?;
    page.stop();
    job.stop();
    let holdings = world.holdings();
    holdings.check().map_err(|wrong| anyhow!(wrong))?;

    head()?;
    tell_all("all servers are there", &quiet, &arrived, |_| true)?;
    tell_all("the same, 5 s around a kill of the job", &with_hdfs.asked, &arrived, |at| with_hdfs.is_near(at))?;
    tell_all("HDFS is away", &away, &arrived, |_| true)?;
    tell_all("the same, 5 s around a kill of the job", &without.asked, &arrived, |at| without.is_near(at))?;
    tell_all("the rest of that run", &without.asked, &arrived, |at| !without.is_near(at))?;
    say(&format!(
        "HDFS had all {} answers once, {:.1} s after it was back",
        holdings.requests(),
        caught_up.as_secs_f64()
    ))
}

/// Kills the job after half the time, and starts it again. The travellers don't wait for that.
fn kill_amid(
    ask: &mut (impl FnMut(Duration) -> anyhow::Result<Asked> + Send),
    half: Duration,
    job: Job,
    start: impl FnOnce() -> Job,
) -> anyhow::Result<(Interrupted, Job)> {
    thread::scope(|scope| {
        let asking = scope.spawn(|| ask(2 * half));
        thread::sleep(half);
        let killed = Instant::now();
        job.kill(0);
        let job = start();
        let asked = asking.join().map_err(|_| anyhow!("the travellers have failed"))??;
        Ok((Interrupted { asked, killed }, job))
    })
}

/// Prints two rows of those who asked at these times.
fn tell_all(what: &str, asked: &Asked, arrived: &Arrived, wanted: impl Fn(&Instant) -> bool) -> anyhow::Result<()> {
    tell(what, &latencies(asked.sent.iter().filter(|(_, at)| wanted(at)), arrived)?)?;
    let visits = asked.visits.iter().filter(|(at, _)| wanted(at));
    tell("  at the page", &visits.map(|(_, took)| *took).collect::<Vec<_>>())
}
