//! Travellers who ask at an even rate, and how long each waits. Most send a request to its topic, and wait from when that was
//! due until the answer can be read from the response topic; visitors of the page fill in the form, and wait until the page's
//! event stream has brought the answer.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use flightline_jobs::clients::{Partition, TopicClient};
use flightline_tests::job::{PARTITIONS, request};
use flightline_tests::page::Page;
use flightline_tests::rows::bundled;
use serde::Deserialize;

/// A request: its id, and when it was due.
pub type Sent = (String, Instant);
/// Answers as they became readable, by id: when, and by which model.
pub type Arrived = HashMap<String, (Instant, String)>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(rename = "UUID")]
    id: String,
    model: String,
}

/// Threads that read the response topic, from its end on, until they are told that it is over.
pub struct Watch {
    arrived: Arc<Mutex<Arrived>>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Watch {
    /// Begins to read each partition.
    ///
    /// # Errors
    /// The topic can't be asked.
    pub fn begin(responses: &Arc<dyn TopicClient>) -> anyhow::Result<Self> {
        let (arrived, over) = (Arc::<Mutex<Arrived>>::default(), Arc::new(AtomicBool::new(false)));
        let mut threads = Vec::new();
        for partition in (0..PARTITIONS).map(Partition) {
            let (topic, arrived, over) = (Arc::clone(responses), Arc::clone(&arrived), Arc::clone(&over));
            let from = topic.bounds(partition)?.to;
            threads.push(thread::spawn(move || {
                let mut from = from;
                while !over.load(Ordering::SeqCst) {
                    let records = topic.read(partition, from, 1 << 20, Duration::from_millis(100))?;
                    let now = Instant::now();
                    for record in records {
                        from = record.offset.next();
                        let answer: Answer = serde_json::from_slice(&record.payload)?;
                        let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
                        // At least once, the first one is what the traveller sees.
                        arrived.entry(answer.id).or_insert((now, answer.model));
                    }
                }
                Ok(())
            }));
        }
        Ok(Self { arrived, over, threads })
    }

    /// Stops reading, and gives what came.
    ///
    /// # Errors
    /// A partition could not be read.
    pub fn end(self) -> anyhow::Result<Arrived> {
        self.over.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow!("a thread that reads the answers has failed"))??;
        }
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *arrived))
    }
}

/// Sends requests at an even rate for some time, numbered from `first` on, and tells when each was sent.
///
/// # Errors
/// The request topic takes none.
pub fn send(topic: &dyn TopicClient, first: u64, per_second: u64, time: Duration) -> anyhow::Result<Vec<Sent>> {
    let flights = bundled();
    let (started, mut sent) = (Instant::now(), Vec::new());
    while started.elapsed() < time {
        let number = first + sent.len() as u64;
        let line = request(&flights[(number.wrapping_mul(7919) % flights.len() as u64) as usize], number);
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        // From when it was due: who comes while the one before is held up waits for that, too.
        let due = started + Duration::from_nanos(1_000_000_000 / per_second * sent.len() as u64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        topic.append_to(Partition((number % u64::from(PARTITIONS)) as u32), vec![line.into()])?;
        sent.push((id, due));
    }
    Ok(sent)
}

/// A visit of the page: when it began, and how long it took until the answer was there.
pub type Visit = (Instant, Duration);

/// Lets somebody come to the page every so often for some time, whether those before are still waiting or not. The visits
/// come in the order of how long they took.
///
/// # Errors
/// Somebody was turned away, or has got another's answer.
pub fn visit(page: &Page, every: Duration, time: Duration) -> anyhow::Result<Vec<Visit>> {
    let started = Instant::now();
    let mut visits = thread::scope(|scope| {
        let mut visitors = Vec::new();
        while started.elapsed() < time {
            visitors.push(scope.spawn(|| {
                let at = Instant::now();
                let id = page.ask_well();
                let answer = page.streamed(&id);
                (answer["UUID"] == id).then(|| (at, at.elapsed()))
            }));
            let due = started + every * u32::try_from(visitors.len()).unwrap_or(u32::MAX);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let visits = visitors.into_iter().map(|visitor| visitor.join().ok().flatten());
        visits.collect::<Option<Vec<_>>>().ok_or_else(|| anyhow!("a visitor was turned away, or got another's answer"))
    })?;
    visits.sort_unstable_by_key(|(_, took)| *took);
    Ok(visits)
}

/// How long each of these requests took, ascending.
///
/// # Errors
/// One was not answered.
pub fn latencies<'a>(sent: impl IntoIterator<Item = &'a Sent>, arrived: &Arrived) -> anyhow::Result<Vec<Duration>> {
    let took = |(id, at): &Sent| {
        let (then, _) = arrived.get(id).with_context(|| format!("{id} was not answered"))?;
        Ok(then.saturating_duration_since(*at))
    };
    let mut took = sent.into_iter().map(took).collect::<anyhow::Result<Vec<_>>>()?;
    took.sort_unstable();
    Ok(took)
}

/// Prints the heads of the columns of [`tell`].
///
/// # Errors
/// Standard output is closed.
pub fn head() -> anyhow::Result<()> {
    say(&row("", "requests", "p50", "p99", "longest"))
}

/// Prints a row: how many these are, and how long they took.
///
/// # Errors
/// Standard output is closed.
pub fn tell(what: &str, latencies: &[Duration]) -> anyhow::Result<()> {
    let at = |share: f64| {
        let place = ((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1));
        latencies.get(place).map_or_else(String::new, |took| format!("{:.1} ms", took.as_secs_f64() * 1e3))
    };
    say(&row(what, &latencies.len().to_string(), &at(0.5), &at(0.99), &at(1.0)))
}

fn row(what: &str, count: &str, median: &str, high: &str, longest: &str) -> String {
    format!("{what:<48}{count:>10}{median:>12}{high:>12}{longest:>12}")
}

/// Prints a line.
///
/// # Errors
/// Standard output is closed.
pub fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
