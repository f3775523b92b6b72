//! How long a traveller waits: one request after the other at an even rate, from just before it is sent until its answer can
//! be read from the response topic, both over the job's port; and how long while models are promoted.
//!
//!     cargo run --release -p flightline-bench --bin bench-stream -- [SECONDS [REQUESTS_PER_SECOND]]
//!
//! Half a minute at 500 requests a second by default. In the first half nothing else happens; in the second a model is promoted
//! every two seconds, and what is told apart are the requests that were sent within a second of a promotion's effect. The
//! job is the real binary on two workers, with a ledger and files on the disk of the folder for temporary files.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use flightline_jobs::clients::{Partition, RemoteTopic, TopicClient};
use flightline_tests::job::{PARTITIONS, REQUESTS, RESPONSES, Shape, World, request};
use flightline_tests::rows::bundled;
use serde::Deserialize;

const PROMOTED_EVERY: Duration = Duration::from_secs(2);
/// Answers that come within this time of the first one by another model are looked at apart.
const AROUND: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(rename = "UUID")]
    id: String,
    model: String,
}

/// Answers as they became readable: when, and by which model.
type Arrived = Arc<Mutex<HashMap<String, (Instant, String)>>>;

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
    let (arrived, over) = (Arrived::default(), Arc::new(AtomicBool::new(false)));
    let followers: Vec<_> = (0..PARTITIONS)
        .map(|partition| {
            let (topic, arrived, over) = (client.topic(RESPONSES), Arc::clone(&arrived), Arc::clone(&over));
            thread::spawn(move || follow(&topic, Partition(partition), &arrived, &over))
        })
        .collect();

    let half = Duration::from_secs(seconds / 2);
    let quiet = send(&client.topic(REQUESTS), 0, rate, half)?;
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
    let swapping = send(&client.topic(REQUESTS), quiet.len() as u64, rate, half)?;
    stop.store(true, Ordering::SeqCst);
    ensure!(promoter.join().is_ok(), "the promoting thread has failed");
    job.wait_until_done();
    over.store(true, Ordering::SeqCst);
    followers
        .into_iter()
        .try_for_each(|follower| follower.join().map_err(|_| anyhow::anyhow!("a follower has failed"))?)?;
    let status = job.status(0).context("the job can be asked")?;
    job.stop();

    let arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
    let swaps = swaps(&swapping, &arrived)?;
    let near = |sent: &Instant| swaps.iter().any(|swap| sent.max(swap).duration_since(*sent.min(swap)) <= AROUND);
    say(&row("", "requests", "p50", "p99", "longest"))?;
    tell("nothing else happens", &latencies(&quiet, &arrived, |_| true)?)?;
    tell("while models are promoted", &latencies(&swapping, &arrived, |_| true)?)?;
    tell("within 1 s of a promotion's effect", &latencies(&swapping, &arrived, near)?)?;
    say(&format!(
        "{} promotions took effect; sources stood still for {} ms at most",
        swaps.len(),
        status.longest_stop_ms
    ))
}

/// Sends requests at an even rate, and gives when each was sent.
fn send(topic: &RemoteTopic, first: u64, rate: u64, during: Duration) -> anyhow::Result<Vec<(String, Instant)>> {
    let flights = bundled();
    let (started, mut sent) = (Instant::now(), Vec::new());
    while started.elapsed() < during {
        let number = first + sent.len() as u64;
        let line = request(&flights[(number.wrapping_mul(7919) % flights.len() as u64) as usize], number);
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        let at = Instant::now();
        topic.append_to(Partition((number % u64::from(PARTITIONS)) as u32), vec![line.into()])?;
        sent.push((id, at));
        let due = started + Duration::from_nanos(1_000_000_000 / rate * sent.len() as u64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(sent)
}

fn follow(topic: &RemoteTopic, partition: Partition, arrived: &Arrived, over: &AtomicBool) -> anyhow::Result<()> {
    let mut from = topic.bounds(partition)?.from;
    while !over.load(Ordering::SeqCst) {
        let records = topic.read(partition, from, 1 << 20, Duration::from_millis(100))?;
        let now = Instant::now();
        for record in records {
            from = record.offset.next();
            let answer: Answer = serde_json::from_slice(&record.payload)?;
            arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(answer.id, (now, answer.model));
        }
    }
    Ok(())
}

/// When the first request was sent that another model answered, for each change of the model.
fn swaps(sent: &[(String, Instant)], arrived: &HashMap<String, (Instant, String)>) -> anyhow::Result<Vec<Instant>> {
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

/// How long each of these requests took, ascending.
fn latencies(
    sent: &[(String, Instant)],
    arrived: &HashMap<String, (Instant, String)>,
    among: impl Fn(&Instant) -> bool,
) -> anyhow::Result<Vec<Duration>> {
    let took = |(id, at): &(String, Instant)| {
        let (then, _) = arrived.get(id).with_context(|| format!("{id} was not answered"))?;
        Ok(then.saturating_duration_since(*at))
    };
    let mut took = sent.iter().filter(|(_, at)| among(at)).map(took).collect::<anyhow::Result<Vec<_>>>()?;
    took.sort_unstable();
    Ok(took)
}

fn tell(what: &str, latencies: &[Duration]) -> anyhow::Result<()> {
    let at = |share: f64| {
        let place = ((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1));
        latencies.get(place).map_or_else(String::new, |took| format!("{:.1} ms", took.as_secs_f64() * 1e3))
    };
    say(&row(what, &latencies.len().to_string(), &at(0.5), &at(0.99), &at(1.0)))
}

fn row(what: &str, count: &str, median: &str, high: &str, longest: &str) -> String {
    format!("{what:<36}{count:>10}{median:>12}{high:>12}{longest:>12}")
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
