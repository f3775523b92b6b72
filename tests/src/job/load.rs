//! Requests as clients send them, by a thread that goes on whatever happens to the job.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flightline_jobs::clients::{Partition, TopicClient};
use serde_json::json;

use super::{Job, PARTITIONS};
use crate::Chance;
use crate::rows::{FlightRow, bundled};

/// Requests that are sent together.
const TOGETHER: usize = 20;
/// Requests that show that a job works.
const SOME: u64 = 200;
/// Of so many requests, one has a UUID that another one has, one is no request and one has an unknown route.
const ODD: usize = 40;

/// A thread that sends requests until it is stopped.
#[derive(Debug)]
pub struct Load {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    /// Until it is stopped.
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Starts sending to a topic, whether it can be reached or not: what is not taken is sent again. With a pause after each
    /// few that were taken.
    pub(super) fn start(topic: Arc<dyn TopicClient>, mut chance: Chance, pause: Duration) -> Self {
        let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (is_over, counter) = (Arc::clone(&over), Arc::clone(&sent));
        let thread = thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                let lines: Vec<_> = (0..TOGETHER).map(|_| some_request(&mut chance).into()).collect();
                let partition = Partition(u32::try_from(chance.below(PARTITIONS as usize)).expect("a few"));
                while topic.append_to(partition, lines.clone()).is_err() {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    thread::sleep(Duration::from_millis(5));
                }
                counter.fetch_add(TOGETHER as u64, Ordering::SeqCst);
                thread::sleep(pause);
            }
        });
        Self { over, sent, thread: Some(thread) }
    }

    /// Requests that were taken.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Stops sending.
    ///
    /// # Panics
    /// If the thread has.
    pub fn stop(mut self) {
        self.over.store(true, Ordering::SeqCst);
        let joined = self.thread.take().map(JoinHandle::join);
        joined.transpose().expect("the load goes on until it is stopped");
    }
}

impl Drop for Load {
    /// A test that fails doesn't burden the others any longer.
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

/// Waits until a job that must live answers requests that were sent now.
#[track_caller]
pub fn wait_for_work(job: &Job, load: &Load) {
    let sent = load.sent();
    job.wait_until("requests are taken", || load.sent() > sent + SOME);
    // Not before: a life that has just begun counts from where the one before it was.
    let mut before = 0;
    job.wait_until("it answers", || {
        before = job.answered("topic");
        before > 0
    });
    job.wait_until("it goes on answering", || job.answered("topic") > before);
}

/// The request of a flight, with a UUID made of a number.
#[must_use]
pub fn request(flight: &FlightRow, number: u64) -> String {
    json!({
        "UUID": format!("00000000-0000-4000-8000-{:012x}", number & 0xffff_ffff_ffff),
        "Origin": flight.origin,
        "Dest": flight.dest,
        "Carrier": flight.carrier,
        "FlightDate": "2016-12-25",
        "DepDelay": flight.dep_delay,
        "FlightNum": flight.flight_num,
        "Timestamp": "2016-12-24T10:00:00Z",
    })
    .to_string()
}

/// Any request; one of many is odd.
#[must_use]
pub fn some_request(chance: &mut Chance) -> String {
    let flights = bundled();
    let flight = &flights[chance.below(flights.len())];
    match chance.below(ODD) {
        0 => "{\"UUID\": \"no UUID\", \"Origin\"".to_owned(),
        1 => request(flight, chance.below(50) as u64),
        2 => request(&FlightRow { dest: "NOWHERE".to_owned(), ..flight.clone() }, chance.next_number()),
        _ => request(flight, chance.next_number()),
    }
}
