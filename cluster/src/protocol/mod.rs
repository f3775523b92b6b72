//! What agents and the master tell each other.
//!
//! An agent reports what *is* (its processes and how they are), the master orders what *shall be* (all processes that
//! this worker shall have). Both are whole each time, so that a message that is lost or comes twice does no harm, and
//! whoever starts again learns everything from the next one. What an order leaves out is ended and forgotten. What a process
//! runs never changes and may be large: orders only name it, and agents fetch it ([`life`]).

pub mod life;
pub mod messages;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use flightline_engine::metrics::StreamStatus;
use serde::{Deserialize, Serialize};

use self::life::LifeDigest;
use crate::ids::{Cores, Incarnation, Memory, ProcessRef, WorkerName};

/// The most processes that a worker has for jobs, each with a port: so what is said of all of them fits into a call.
pub const MOST_OF_A_WORKER: usize = 2_048;

/// What an agent says of its machine when it comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Whose agent it is.
    pub worker: WorkerName,
    /// Which life of the agent.
    pub incarnation: Incarnation,
    /// The host name or address at which other workers reach its processes.
    pub host: String,
    /// The port on that host at which the agent itself answers.
    pub port: u16,
    /// Where its own pages are: `http://host:port`, or `https://...`.
    pub page: String,
    /// Ports for the meshes of jobs: from, and up to and including.
    pub mesh_ports: (u16, u16),
    /// Cores for jobs.
    pub cores: Cores,
    /// Memory for jobs.
    pub memory: Memory,
    /// Folders below which jobs may have their files.
    pub roots: Vec<String>,
    /// Files and folders below them that no job may use: those of the cluster itself.
    #[serde(default)]
    pub own: Vec<String>,
    /// The version of its programs.
    pub version: String,
}

impl Machine {
    /// Where its agent answers: `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// A process that a worker shall have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessOrder {
    /// Which one.
    pub id: ProcessRef,
    /// What shall become of it.
    pub wish: Wish,
    /// What it runs, which the agent fetches if it doesn't have it; needed by none that only has to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<LifeDigest>,
}

/// What shall become of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// It shall run; started if it isn't there, but never a second time.
    Run,
    /// It shall finish what it has begun, and end.
    Drain,
    /// It shall end at once.
    Kill,
}

/// One of a process's two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogStream {
    /// Reports and JSON.
    Stdout,
    /// What a person watches.
    Stderr,
}

/// How a process is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessReport {
    /// Which one.
    pub id: ProcessRef,
    /// How it is.
    pub state: ProcessState,
    /// What it uses now.
    pub memory: Memory,
    /// What a streaming job's process counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamStatus>,
    /// The stages of a batch job's process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageLine>,
}

/// A stage of a batch job, as one process counts it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageLine {
    /// Its name.
    pub name: String,
    /// What it counts.
    pub unit: String,
    /// All of it, 0 if that isn't known.
    pub total: u64,
    /// What is done.
    pub done: u64,
    /// Whether it has ended.
    pub ended: bool,
}

/// How a process is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ProcessState {
    /// It was started, and is on its way to work.
    Starting {
        /// Its number in the operating system.
        pid: u32,
    },
    /// It works.
    Up {
        /// Its number in the operating system.
        pid: u32,
    },
    /// It is gone.
    Ended {
        /// How.
        how: HowEnded,
        /// The last lines of its log.
        last_lines: Vec<String>,
        /// The generation that the job's ledger holds, if the process was refused for being no later than that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ledger: Option<u64>,
        /// The id of the model that it has made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<Box<str>>,
    },
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HowEnded {
    /// With this exit code (`flightline_engine::process::exit` says what each means).
    Code(u8),
    /// By this signal, which the agent had not sent.
    Signal(i32),
    /// By the agent: it was ordered to, or it was no more in the orders.
    Ordered,
    /// By the agent: it used more memory than it may.
    TooMuchMemory {
        /// What it used.
        used: Memory,
        /// What it may use.
        limit: Memory,
    },
    /// It could not be started at all.
    NotStarted {
        /// Why, in a sentence.
        why: String,
        /// Whether no other try can help.
        permanent: bool,
    },
}

impl fmt::Display for HowEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
            Self::Ordered => f.write_str("was ended by its agent, as ordered"),
            Self::TooMuchMemory { used, limit } => {
                write!(f, "used {used} of memory, and was ended because it may use {limit}")
            }
            Self::NotStarted { why, .. } => write!(f, "could not be started: {why}"),
        }
    }
}
