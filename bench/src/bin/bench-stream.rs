//! How long a traveller waits: one request after the other at an even rate, from just before it is sent until its answer can
//! be read from the response topic, both over the job's port; and how long while models are promoted.
//!
//!     cargo run --release -p flightline-bench --bin bench-stream -- [SECONDS [REQUESTS_PER_SECOND]]
//!
//! Half a minute at 500 requests a second by default. In the first half nothing else happens; in the second a model is promoted
//! every two seconds, and what is told apart are the requests that were sent within a second of a promotion's effect. The
//! job is the real binary on two workers, with a ledger and files on the disk of the folder for temporary files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use flightline_bench::travellers::{Arrived, Sent, Watch, head, latencies, say, send, tell};
use flightline_jobs::clients::TopicClient;
use flightline_tests::job::{PARTITIONS, REQUESTS, RESPONSES, Shape, World};

const PROMOTED_EVERY: Duration = Duration::from_secs(2);
/// Answers that come within this time of the first one by another model are looked at apart.
const AROUND: Duration = Duration::from_secs(1);

fn main() -> anyhow::Result<()> {
    let mut numbers =
        std::env::args().skip(1).map(|text| text.parse::<u64>().with_context(|| format!("{text} is no number")));
    let seconds = numbers.next().transpose()?.unwrap_or(30).max(6);
    let rate = numbers.next().transpose()?.unwrap_or(500).max(1);
    say("training two models, starting the job")?;
    let world = World::new();
    let job = world.start(&Shape::of(1, 2));
    job.wait_until_running();
    let client = job.client();
    let responses: Arc<dyn TopicClient> = Arc::new(client.topic(RESPONSES));
    let watch = Watch::begin(&responses)?;

    let requests = client.topic(REQUESTS);
    let half = Duration::from_secs(seconds / 2);
    let quiet = send(&requests, 0, rate, half)?;
    let (promoting, stop) = (Arc::new(world), Arc::new(AtomicBool::new(false)));
    let promoter = thread::spawn({
        let (world, stop) = (Arc::clone(&promoting), Arc::clone(&stop));
        move || {
            for which in (0..2).cycle().take_while(|_| !stop.load(Ordering::SeqCst)) {
                world.promote(which);
                thread::sleep(PROMOTED_EVERY);
            }
        }
    });
    let swapping = send(&requests, quiet.len() as u64, rate, half)?;
    stop.store(true, Ordering::SeqCst);
    ensure!(promoter.join().is_ok(), "the promoting thread has failed");
    job.wait_until_done();
    let arrived = watch.end()?;
    let status = job.status(0).context("the job can be asked")?;
    job.stop();

    let swaps = swaps(&swapping, &arrived)?;
    let near = |sent: &Instant| swaps.iter().any(|swap| sent.max(swap).duration_since(*sent.min(swap)) <= AROUND);
    head()?;
    tell("nothing else happens", &latencies(&quiet, &arrived)?)?;
    tell("while models are promoted", &latencies(&swapping, &arrived)?)?;
    let close = swapping.iter().filter(|(_, sent)| near(sent));
    tell("within 1 s of a promotion's effect", &latencies(close, &arrived)?)?;
    say(&format!(
        "{} promotions took effect; sources stood still for {} ms at most",
        swaps.len(),
        status.longest_stop_ms
    ))
}

/// When the first request was sent that another model answered, for each change of the model.
fn swaps(sent: &[Sent], arrived: &Arrived) -> anyhow::Result<Vec<Instant>> {
    let (mut swaps, mut before) = (Vec::new(), None);
    // One partition: between partitions a change has no order.
    for (id, at) in sent.iter().step_by(PARTITIONS as usize) {
        let (_, model) = arrived.get(id).with_context(|| format!("{id} was not answered"))?;
        if before.replace(model).is_some_and(|before| before != model) {
            swaps.push(*at);
        }
    }
    Ok(swaps)
}
