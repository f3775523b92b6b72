//! A streaming job of real processes, and all that survives them.
//!
//! [`World`] is a folder with models, a table and a configuration; [`World::start`] starts the job's processes on it, and
//! [`Job`] is what runs. Everything is asked of the job through its own ports, as others do.

mod holdings;
mod load;

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use flightline_engine::log::{OffsetRange, Offsets};
use flightline_engine::metrics::{BindingStatus, StreamStatus};
use flightline_engine::process::Exit;
use flightline_jobs::clients::{Partition, RemoteJob, TopicClient};
use rustix::process::Signal;

use crate::rows::{json_lines, sample};
use crate::{DEADLINE, Ended, Folder, Invocation, Running, bundled_distances, free_ports, wait_until};

pub use holdings::Holdings;
pub use load::{Load, request};

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

/// A folder with two models, a table and a configuration.
#[derive(Debug)]
pub struct World {
    folder: Folder,
    models: [String; 2],
    /// Port of process 0, and those above it.
    port: u16,
}

/// How a job is started.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Processes.
    pub processes: usize,
    /// Workers of each.
    pub workers: usize,
    /// The binary.
    pub binary: &'static str,
    /// Variables of the environment.
    pub env: Vec<(&'static str, String)>,
}

impl Shape {
    /// One process.
    #[must_use]
    pub const fn of(processes: usize, workers: usize) -> Self {
        Self { processes, workers, binary: "predict", env: Vec::new() }
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// With another binary in the place of `predict`.
    #[must_use]
    pub const fn binary(mut self, binary: &'static str) -> Self {
        self.binary = binary;
        self
    }
}

impl World {
    /// A new one. Its files roll every 300 ms, and its models and table are looked at every 20 ms.
    #[must_use]
    pub fn new() -> Self {
        let folder = Folder::new();
        folder.write("rows.jsonl", json_lines(&sample(2_000, 0)));
        let train = |seed: &str| {
            folder.run("train").words("--input rows.jsonl --models models -w 1 --seed").arg(seed).succeed();
            fs::read_to_string(folder.join("models/current")).expect("a model is current").trim().to_owned()
        };
        let models = [train("1"), train("2")];
        fs::copy(bundled_distances(), folder.join("distances.jsonl")).expect("the table can be copied");
        // Ports above it may be taken by others, but hardly within a test.
        let port = free_ports(2)[0];
        let configuration = format!(
            "[job]\nname = \"storm\"\nstate = \"file:state\"\n[embedded]\nfolder = \"embedded\"\npartitions = {PARTITIONS}\n\
             [table]\nurl = \"file:distances.jsonl\"\npoll = \"20ms\"\n[model]\npoll = \"20ms\"\n\
             [sinks.files]\nurl = \"file:predictions\"\nroll_every = \"300ms\"\nrequired = false\n\
             [http]\nlisten = \"127.0.0.1:{port}\"\n"
        );
        folder.write("job.toml", configuration);
        Self { folder, models, port }
    }

    /// Its folder.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// A command on this job, with its configuration: `replay`, or `dead-letters list`.
    #[must_use]
    pub fn command(&self, words: &str) -> Invocation {
        let words: Vec<&str> = words.split_whitespace().collect();
        // What to do comes before how, and what a test adds comes last.
        let flags = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
        let (command, flags) = words.split_at(flags);
        self.folder.run(command[0]).args(&command[1..]).words("--config job.toml").args(flags)
    }

    /// Where process 0 of its jobs answers.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes another model current.
    pub fn promote(&self, which: usize) {
        self.folder.run("model").words("promote").arg(&self.models[which]).words("--models models").succeed();
    }

    /// The ids of its models.
    #[must_use]
    pub const fn models(&self) -> &[String; 2] {
        &self.models
    }

    /// Changes the distances of all routes by some miles.
    pub fn change_table(&self, miles: u64) {
        let lines = fs::read_to_string(bundled_distances()).expect("the table can be read");
        let changed = lines
            .lines()
            .map(|line| {
                let mut row: serde_json::Value = serde_json::from_str(line).expect("a row is JSON");
                let distance = row["Distance"].as_f64().expect("a distance is a number");
                row["Distance"] = (distance + miles as f64).into();
                format!("{row}\n")
            })
            .collect::<String>();
        self.replace_table(&changed);
    }

    /// Adds a route to the table as it is.
    pub fn add_route(&self, origin: &str, dest: &str, miles: u64) {
        let row = serde_json::json!({ "Origin": origin, "Dest": dest, "Distance": miles as f64 });
        self.replace_table(&format!("{}{row}\n", self.folder.read("distances.jsonl")));
    }

    /// In one step, so that nobody reads half of it.
    fn replace_table(&self, lines: &str) {
        let beside = self.folder.write("distances.new", lines);
        fs::rename(beside, self.folder.join("distances.jsonl")).expect("a file can be renamed");
    }

    /// Starts the processes of a job, without waiting for anything.
    #[must_use]
    pub fn start(&self, shape: &Shape) -> Job {
        let hosts = free_ports(shape.processes);
        let lines: String = hosts.iter().map(|port| format!("127.0.0.1:{port}\n")).collect();
        let hosts = self.folder.write("hosts.txt", lines);
        let process = |process: usize| {
            let mut invocation = self
                .folder
                .run(shape.binary)
                .words("--config job.toml -w")
                .arg(shape.workers.to_string())
                .env("FLIGHTLINE_LOG", "info");
            for (name, value) in &shape.env {
                invocation = invocation.env(name, value);
            }
            if shape.processes > 1 {
                let (processes, process) = (shape.processes.to_string(), process.to_string());
                invocation = invocation.args(["-n", &processes, "-p", &process, "-h"]).arg(&hosts);
            }
            invocation.start()
        };
        let processes: Vec<Running> = (0..shape.processes).map(process).collect();
        let ports = (0..shape.processes).map(|process| self.port + u16::try_from(process).expect("a few")).collect();
        Job { processes, ports }
    }

    /// What all sinks hold. Only while no job runs.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        Holdings::read(self)
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// A job whose processes run.
#[derive(Debug)]
pub struct Job {
    processes: Vec<Running>,
    ports: Vec<u16>,
}

impl Job {
    /// The client of all its processes.
    #[must_use]
    pub fn client(&self) -> RemoteJob {
        let addresses = self.ports.iter().map(|port| format!("http://127.0.0.1:{port}"));
        RemoteJob::new(addresses).expect("these are addresses")
    }

    /// Waits until records flow in all processes.
    #[track_caller]
    pub fn wait_until_running(&self) {
        for port in &self.ports {
            wait_until("the job runs", || get(*port, "/health").is_some());
        }
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
        wait_until(what, || {
            bound = self.status(0).and_then(|status| status.binding).filter(&wanted);
            bound.is_some()
        });
        bound.expect("it was waited for")
    }

    /// Puts requests into a partition, whatever they are, and says where they stand.
    #[track_caller]
    pub fn ask(&self, partition: u32, requests: impl IntoIterator<Item = impl Into<Bytes>>) -> OffsetRange {
        let records = requests.into_iter().map(Into::into).collect();
        self.client().topic(REQUESTS).append_to(Partition(partition), records).expect("the job takes requests")
    }

    /// Waits until process 0 logs a line, and gives it.
    #[track_caller]
    pub fn wait_for_line(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.processes[0].wait_for_line(what, wanted)
    }

    /// The figures of process 0, as Prometheus reads them.
    #[must_use]
    pub fn metrics(&self) -> String {
        get(self.ports[0], "/metrics").expect("the job runs")
    }

    /// Waits until every sink has all that the request topic holds now.
    #[track_caller]
    pub fn wait_until_done(&self) {
        let requests = self.client().topic(REQUESTS);
        let ends: Offsets = (0..PARTITIONS)
            .map(|partition| {
                let partition = Partition(partition);
                (partition, requests.bounds(partition).expect("the topic can be asked").to)
            })
            .collect();
        wait_until("every sink has everything", || {
            let mut reached = std::collections::BTreeMap::<String, Offsets>::new();
            for process in 0..self.ports.len() {
                let Some(status) = self.status(process) else { return false };
                for (sink, status) in status.sinks {
                    reached.entry(sink.to_string()).or_default().extend(status.next);
                }
            }
            reached.len() == 4
                && reached.values().all(|next| {
                    ends.iter().all(|(partition, end)| next.get(partition).copied().unwrap_or_default() >= *end)
                })
        });
    }

    /// Kills one of its processes as `kill -9` does, and waits until all are gone.
    pub fn kill(mut self, process: usize) {
        self.processes.remove(process).kill();
        for other in self.processes {
            // By itself, since one is lost; or it was not connected yet, and is told to.
            other.kill();
        }
    }

    /// Waits until a process has ended by itself; the others are killed.
    #[track_caller]
    pub fn wait_for_death(self) -> Vec<Ended> {
        let mut processes = self.processes.into_iter();
        let lead = processes.next().expect("a job has a process").end_within(DEADLINE);
        std::iter::once(lead).chain(processes.map(Running::kill)).collect()
    }

    /// Asks all processes to drain, and waits until they have.
    #[track_caller]
    pub fn stop(self) {
        self.processes.iter().for_each(|process| process.signal(Signal::TERM));
        for process in self.processes {
            process.end_within(DEADLINE).expect(Exit::Ok);
        }
    }
}

/// The body of an answer 200 of a port on this host.
fn get(port: u16, path: &str) -> Option<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().into();
    agent.get(&format!("http://127.0.0.1:{port}{path}")).call().ok()?.body_mut().read_to_string().ok()
}
