//! What pages and their JSON twins show. Plain data: pages are pure functions of it, and the same data as JSON is the twin.

use std::collections::BTreeMap;

use flightline_engine::ids::ProcessIndex;
use flightline_engine::metrics::{EntrySays, OpenBinding};
use serde::{Deserialize, Serialize};

use crate::ids::{Cores, Generation, JobId, Memory, Moment, SpecNumber, WorkerName};
use crate::job::spec::JobSpec;
use crate::job::state::JobState;
use crate::protocol::StageLine;

/// The cluster as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterView {
    /// The version of the master.
    pub version: String,
    /// Since when it runs.
    pub since: Moment,
    /// Now, by the master's clock: what "ago" is counted from.
    pub now: Moment,
    /// All workers that were ever there and not forgotten, by name.
    pub workers: Vec<WorkerView>,
    /// All jobs, the newest first.
    pub jobs: Vec<JobLine>,
}

/// A worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its name.
    pub name: WorkerName,
    /// How it is.
    pub state: WorkerState,
    /// Where its agent's own pages are: `http://host:port` or `https://...`.
    pub page: String,
    /// Cores that it has for jobs.
    pub cores: Cores,
    /// Cores that jobs have taken.
    pub cores_taken: Cores,
    /// Memory that it has for jobs.
    pub memory: Memory,
    /// Memory that jobs have taken.
    pub memory_taken: Memory,
    /// Memory that the processes of jobs really use.
    pub memory_used: Memory,
    /// When it was last heard.
    pub heard: Moment,
    /// Its programs' version.
    pub version: String,
    /// Its processes.
    pub processes: Vec<ProcessView>,
}

/// How a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerState {
    /// It is heard, and takes jobs.
    Alive,
    /// It is heard, and gets no jobs, since its programs have another version than the master.
    OtherVersion,
    /// The master has started again and has not heard it yet.
    Unheard,
    /// It takes no jobs any more, and goes when those that it has are done.
    Draining,
    /// It is not heard.
    Lost,
    /// It said goodbye.
    Gone,
}

/// How a worker's agent stands with its master: what `/health` and `/ready` of an agent say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineView {
    /// Where that master takes calls.
    pub master: String,
    /// How.
    pub standing: LineState,
}

/// How an agent stands with its master, as the agent sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineState {
    /// It has not registered yet, or the master has forgotten it.
    Unregistered,
    /// It is registered, and the master listens.
    Registered,
    /// It is registered, but its last report reached nobody.
    Unheard,
    /// It ends, and takes no more jobs.
    Draining,
}

/// A process of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessView {
    /// Which job's.
    pub job: JobId,
    /// Which life's.
    pub generation: Generation,
    /// Which one.
    pub process: ProcessIndex,
    /// Where.
    pub worker: WorkerName,
    /// Its address in the mesh of the job.
    pub address: String,
    /// In a word or a sentence.
    pub state: String,
    /// What it uses.
    pub memory: Memory,
    /// The last lines of its log, if it has ended.
    pub last_lines: Vec<String>,
}

/// A job in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobLine {
    /// Which one.
    pub id: JobId,
    /// What people call it.
    pub name: String,
    /// What runs: `predict`.
    pub program: String,
    /// Where it stands.
    pub state: JobState,
    /// When it was submitted.
    pub submitted: Moment,
    /// When it was over, if it is.
    pub ended: Option<Moment>,
    /// The exit code that it ended with.
    pub exit: Option<u8>,
    /// Its present or last life.
    pub generation: Option<Generation>,
    /// How often it was started again after its first life.
    #[serde(default)]
    pub restarts: u64,
    /// Cores of all of its processes together.
    pub cores: Cores,
    /// Memory of all of its processes together.
    pub memory: Memory,
    /// When it runs again, if it runs on a schedule.
    pub next_run: Option<Moment>,
    /// The first job of the schedule that it is a run of. Whoever stops that one ends the schedule.
    #[serde(default)]
    pub schedule: Option<JobId>,
    /// Its stages, added up over its processes.
    pub stages: Vec<StageLine>,
}

/// A job's page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobView {
    /// What the list says.
    pub line: JobLine,
    /// Now, by the master's clock.
    pub now: Moment,
    /// What was asked for. Carried files have no text here.
    pub spec: JobSpec,
    /// Of a job that was upgraded: its newest specifications, the newest first.
    #[serde(default)]
    pub specs: Vec<SpecView>,
    /// Its lives, the newest first.
    pub generations: Vec<GenerationView>,
    /// What a streaming job says of itself.
    pub stream: Option<StreamView>,
    /// The id of the model that a training has made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// What a job asked for, or asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecView {
    /// Which one: 1 is what was submitted, and each upgrade makes another one.
    pub number: SpecNumber,
    /// When it was asked for.
    pub asked: Moment,
    /// What it asks for. Carried files have no text here.
    pub spec: JobSpec,
    /// Why the job went back from it to the one before, in a sentence.
    pub given_up: Option<String>,
}

/// A life of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerationView {
    /// Which one.
    pub number: Generation,
    /// With which of the job's specifications.
    #[serde(default)]
    pub spec: SpecNumber,
    /// When it was started.
    pub started: Moment,
    /// When it was over, and why.
    pub ended: Option<(Moment, String)>,
    /// Its processes.
    pub processes: Vec<ProcessView>,
}

/// What a streaming job says of itself, put together from its processes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamView {
    /// `exactly-once` or `at-least-once`.
    pub guarantee: Option<String>,
    /// The model in force: its id.
    pub model: Option<String>,
    /// The version of the table in force.
    pub table: Option<u64>,
    /// The epochs that are in flight: the oldest with requests that aren't durable in every required sink, and the newest
    /// with requests. `None` when nothing is in flight.
    pub epochs: Option<(u64, u64)>,
    /// How many entries the ledger has had.
    pub ledger_entries: Option<u64>,
    /// What it holds; `None` before it is claimed.
    #[serde(default)]
    pub ledger: Option<LedgerView>,
    /// Requests that became dead letters in this life.
    #[serde(default)]
    pub dead_letters: u64,
    /// Partitions: where the log ends, and what is in flight.
    pub partitions: BTreeMap<u32, PartitionView>,
    /// Sinks by name.
    pub sinks: BTreeMap<String, SinkView>,
    /// What is away and tried again, and what the job goes on without; name and why.
    pub troubles: BTreeMap<String, String>,
    /// The last minutes.
    pub history: History,
}

/// What the ledger of a streaming job holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerView {
    /// The generation that has claimed it.
    pub generation: u64,
    /// Since when.
    pub claimed: Moment,
    /// The newest bindings of requests that are not durable in every required sink, or may still come; the newest first.
    pub open: Vec<OpenBinding>,
    /// How many such bindings there are in all.
    pub open_in_all: u64,
    /// The newest entries, the newest first.
    pub newest: Vec<EntryView>,
}

/// An entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    /// Its number.
    pub number: u64,
    /// The generation that wrote it.
    pub generation: u64,
    /// When; `None` if that was before the present generation.
    pub written: Option<Moment>,
    /// What it says.
    pub says: EntrySays,
}

/// A partition of the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionView {
    /// Where the log ends.
    pub end: u64,
    /// Requests that were read.
    pub read: u64,
    /// Requests that were read and are not yet durable in all required sinks.
    pub in_flight: u64,
}

/// A sink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkView {
    /// How it is: `live`, `catching-up`, `retrying`, `failed`.
    pub state: String,
    /// Next offset of each partition.
    pub next: BTreeMap<u32, u64>,
    /// How far it is behind the end of the log, in requests.
    pub lag: u64,
}

/// Series for the charts: one value each for every moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// When each sample was taken, ascending.
    pub moments: Vec<Moment>,
    /// Answers per second.
    pub answers: Vec<f64>,
    /// Requests per second that were read of each partition.
    #[serde(default)]
    pub partition_rate: BTreeMap<u32, Vec<f64>>,
    /// Requests per second whose answers became durable in each sink.
    #[serde(default)]
    pub sink_rate: BTreeMap<String, Vec<f64>>,
    /// Lag in requests of each partition, to the slowest required sink.
    pub partition_lag: BTreeMap<u32, Vec<u64>>,
    /// Lag in requests of each sink, over all partitions.
    pub sink_lag: BTreeMap<String, Vec<u64>>,
    /// Median and 99th percentile of the time from read to durable everywhere, in milliseconds.
    pub latency: Vec<(f64, f64)>,
}

/// A piece of a process's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPiece {
    /// Where it begins, in bytes from the log's start.
    pub from: u64,
    /// Where the next piece begins.
    pub next: u64,
    /// The text; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Whether more may come: the process runs, or what is there already did not fit.
    pub more: bool,
}

/// A piece of the log of one of a job's lives, and what is known of those that follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeLog {
    /// Which life's.
    pub generation: Generation,
    /// Whether all of this life has ended.
    pub has_ended: bool,
    /// The life after it, if there is one.
    pub next: Option<Generation>,
    /// Whether the job is over, so that none follows any more.
    pub is_over: bool,
    /// What its worker says.
    pub told: LogTold,
}

/// What a worker says when it is asked for a piece of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogTold {
    /// Here it is.
    Piece(LogPiece),
    /// There is none, yet or any more; why, in a sentence.
    Missing(String),
    /// Nothing, since the worker can't be reached; why, in a sentence.
    Away(String),
}

/// A model in the registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelView {
    /// Its id.
    pub id: String,
    /// Whether it is the current one.
    pub current: bool,
    /// When it was saved.
    pub saved: Moment,
    /// What its report says, as it is in `report.json`.
    pub report: Option<serde_json::Value>,
    /// Whether it has a page of its own.
    pub has_page: bool,
}
