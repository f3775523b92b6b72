//! A streaming job of real processes, and all that survives them.
//!
//! [`World`] is a folder with models, a table and a configuration; [`World::start`] starts the job's processes on it, and
//! [`Job`] is what runs. Everything is asked of the job through its own ports, as others do.

mod client;
mod gate;
mod holdings;
mod life;
mod load;
mod models;
mod places;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flightline_engine::http::HealthReport;
use flightline_engine::log::{OffsetRange, Offsets};
use flightline_engine::metrics::{BindingStatus, StreamStatus};
use flightline_engine::process::Exit;
use flightline_jobs::clients::{ClientError, Partition, RemoteJob, TopicClient};
use rustix::process::Signal;

use crate::wait::wait_until_or_tell;
use crate::{DEADLINE, Ended, Running, wait_until};

pub use client::{Answered, Client};
pub use gate::{Gate, Gated, Moment, Pass};
pub use holdings::Holdings;
pub use life::Life;
pub use load::{Load, request, some_request, wait_for_work};
pub use world::{Shape, World};

/// The names that clients know.
pub const REQUESTS: &str = "flight-delay-ml-request";
/// The same for answers.
pub const RESPONSES: &str = "flight-delay-ml-response";
/// The same for stored answers.
pub const COLLECTION: &str = "agile_data_science.flight_delay_ml_response";
/// The same for what could not be read.
pub const DEAD_LETTERS: &str = "flight-delay-ml-dead-letter";
/// Partitions of every topic of a [`World`].
pub const PARTITIONS: u32 = 4;

/// A job whose processes run.
#[derive(Debug)]
pub struct Job {
    processes: Vec<Running>,
    ports: Vec<u16>,
    requests: Arc<dyn TopicClient>,
}

impl Job {
    /// The client of all its processes.
    #[must_use]
    pub fn client(&self) -> RemoteJob {
        let addresses = self.ports.iter().map(|port| format!("http://127.0.0.1:{port}"));
        RemoteJob::new(addresses).expect("these are addresses")
    }

    /// The log of its requests.
    #[must_use]
    pub fn requests(&self) -> Arc<dyn TopicClient> {
        Arc::clone(&self.requests)
    }

    /// Waits until records flow in all processes.
    #[track_caller]
    pub fn wait_until_running(&self) {
        for port in &self.ports {
            self.wait_until("the job runs", || get(*port, "/health").is_some());
        }
    }

    /// How process 0 is, whether it runs or not; `None` while it can't be asked.
    #[must_use]
    pub fn health(&self) -> Option<HealthReport> {
        let asked = agent().get(format!("http://127.0.0.1:{}/health", self.ports[0])).config();
        let told = asked.http_status_as_error(false).build().call().ok()?.body_mut().read_to_string().ok()?;
        serde_json::from_str(&told).ok()
    }

    /// For how long processors have worked for process 0.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        self.processes[0].processor_time()
    }

    /// What a process says of itself.
    #[must_use]
    pub fn status(&self, process: usize) -> Option<StreamStatus> {
        serde_json::from_str(&get(self.ports[process], "/status")?).ok()
    }

    /// Waits until new requests are bound to what is wanted, and gives it.
    #[track_caller]
    pub fn wait_until_bound(&self, what: &str, wanted: impl Fn(&BindingStatus) -> bool) -> BindingStatus {
        let mut bound = None;
        self.wait_until(what, || {
            bound = self.status(0).and_then(|status| status.binding).filter(&wanted);
            bound.is_some()
        });
        bound.expect("it was waited for")
    }

    /// Puts requests into a partition, whatever they are, and says where they stand.
    #[track_caller]
    pub fn ask(&self, partition: u32, requests: impl IntoIterator<Item = impl Into<Bytes>>) -> OffsetRange {
        let records = requests.into_iter().map(Into::into).collect();
        self.requests.append_to(Partition(partition), records).expect("the job takes requests")
    }

    /// Waits until process 0 logs a line, and gives it.
    #[track_caller]
    pub fn wait_for_line(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.processes[0].wait_for_line(what, wanted)
    }

    /// How many lines process 0 has logged.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.processes[0].lines()
    }

    /// Waits until process 0 logs a line after so many, and gives it.
    #[track_caller]
    pub fn wait_for_line_after(&mut self, lines: usize, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.processes[0].wait_for_line_after(lines, what, wanted)
    }

    /// Waits until process 0 has come to the failpoint where it stops, and has stopped: it says so first, and who would wake it
    /// up in between would do so in vain.
    #[track_caller]
    pub fn wait_until_paused(&mut self) {
        self.wait_for_line("that it stops", |line| line.contains("pausing this process"));
        wait_until("it stops", || self.processes[0].is_paused());
    }

    /// The numbers by which the operating system knows its processes.
    #[must_use]
    pub fn pids(&self) -> Vec<i32> {
        self.processes.iter().map(|process| process.pid().as_raw_nonzero().get()).collect()
    }

    /// Lets its processes go on that were stopped.
    pub fn wake_up(&self) {
        self.processes.iter().for_each(|process| process.signal(Signal::CONT));
    }

    /// The figures of process 0, as Prometheus reads them.
    #[must_use]
    pub fn metrics(&self) -> String {
        get(self.ports[0], "/metrics").expect("the job runs")
    }

    /// Waits until every sink has all that the request topic holds now.
    #[track_caller]
    pub fn wait_until_done(&self) {
        let ends = patiently("the request topic can be asked", || self.ends_of_requests());
        self.wait_until("every sink has everything", || {
            let reached = self.reached();
            reached.len() == 4
                && reached.values().all(|next| {
                    ends.iter().all(|(partition, end)| next.get(partition).copied().unwrap_or_default() >= *end)
                })
        });
    }

    fn ends_of_requests(&self) -> Result<Offsets, ClientError> {
        let partitions = (0..self.requests.partitions()?).map(Partition);
        partitions.map(|partition| Ok((partition, self.requests.bounds(partition)?.to))).collect()
    }

    /// How many requests a sink has all answers to, as far as the job says.
    #[must_use]
    pub fn answered(&self, sink: &str) -> u64 {
        self.reached().get(sink).map_or(0, |next| next.values().map(|offset| offset.0).sum())
    }

    /// How far each sink has come, as the processes that answer say.
    fn reached(&self) -> BTreeMap<String, Offsets> {
        let mut reached = BTreeMap::<String, Offsets>::new();
        for status in (0..self.ports.len()).filter_map(|process| self.status(process)) {
            for (sink, status) in status.sinks {
                reached.entry(sink.to_string()).or_default().extend(status.next);
            }
        }
        reached
    }

    /// Kills one of its processes as `kill -9` does, and waits until all are gone.
    pub fn kill(mut self, process: usize) {
        self.processes.remove(process).kill();
        for other in self.processes {
            // By itself, since one is lost; or it was not connected yet, and is told to.
            other.kill();
        }
    }

    /// Whether one of its processes has ended by itself.
    #[must_use]
    pub fn has_lost_one(&self) -> bool {
        self.processes.iter().any(Running::has_ended)
    }

    /// Waits for something that a job does while all its processes live.
    ///
    /// # Panics
    /// If it doesn't come, or a process has ended by itself.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let story = || {
            let stories: String = self.processes.iter().map(Running::story).collect();
            let last = self.ports.iter().filter_map(|port| get(*port, "/status")).collect::<Vec<_>>().join("\n");
            format!("{stories}{last}")
        };
        let condition = || {
            let dead = self.processes.iter().find(|process| process.has_ended());
            assert!(dead.is_none(), "it ended before {what}\n{}", dead.map(Running::story).unwrap_or_default());
            condition()
        };
        wait_until_or_tell(what, condition, story);
    }

    /// Waits until one of its processes has ended by itself, and kills the others.
    pub fn wait_for_death(self) -> Vec<Ended> {
        wait_until("a process of the job ends by itself", || self.has_lost_one());
        self.processes.into_iter().map(Running::kill).collect()
    }

    /// Asks all processes to drain.
    pub fn ask_to_drain(&self) {
        self.processes.iter().for_each(|process| process.signal(Signal::TERM));
    }

    /// Asks all processes to drain, and waits until they have.
    #[track_caller]
    pub fn stop(self) {
        drop(self.end());
    }

    /// The same, and gives what they have said.
    #[track_caller]
    #[must_use]
    pub fn end(self) -> Vec<Ended> {
        self.ask_to_drain();
        let end = |process: Running| {
            let ended = process.end_within(DEADLINE);
            ended.expect(Exit::Ok);
            ended
        };
        self.processes.into_iter().map(end).collect()
    }
}

/// The body of an answer 200 of a port on this host.
fn get(port: u16, path: &str) -> Option<String> {
    agent().get(&format!("http://127.0.0.1:{port}{path}")).call().ok()?.body_mut().read_to_string().ok()
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().into()
}

/// Asks until there is an answer: a wire that was cut a moment ago may still be told of, and so may a server that is back.
fn patiently<T>(what: &str, ask: impl Fn() -> Result<T, ClientError>) -> T {
    let mut answer = None;
    wait_until(what, || {
        answer = ask().inspect_err(|error| assert!(error.is_transient(), "{error}")).ok();
        answer.is_some()
    });
    answer.expect("it was waited for")
}
