//! What a supervised process says of itself: the message that goes over the cord, one JSON object a line.
//!
//! A [`Telemetry`] is a whole snapshot, never a difference: who misses one has missed nothing as soon as the next comes. All
//! of it is of one process; how those of a cluster add up is said at each part.

use serde::{Deserialize, Serialize};

use super::graph::Graph;
use crate::http::HealthReport;
use crate::ledger::Generation;
use crate::metrics::StreamStatus;
use crate::progress::Unit;

/// How a process stands at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// The stages of its work, in the order in which they were made. Empty for a streaming job.
    #[serde(default)]
    pub stages: Vec<StageReport>,
    /// What its workers run; `None` before they do. Those of several processes are added up by [`Graph::merge`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<Graph>,
    /// The numbers of a streaming job; `None` for all others, and until its port is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamStatus>,
    /// How a streaming job is; `None` for all others, and until its port is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthReport>,
    /// Resident memory now, in bytes; `None` where the system doesn't tell.
    pub memory_bytes: Option<u64>,
    /// The most resident memory that it ever held, in bytes; `None` where the system doesn't tell.
    pub peak_memory_bytes: Option<u64>,
    /// The generation that the job's ledger holds, if the one that this process was started with was refused for being too
    /// low: the next start must have a higher one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_generation: Option<Generation>,
    /// The id of what it has made and saved, when it has: of a trained model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Box<str>>,
}

/// How a stage of the work stands. Each process of a cluster counts its own share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// What it is called: `read`, `grow`.
    pub name: String,
    /// What it counts.
    pub unit: Unit,
    /// Units in all, never less than `done`; `None` if that isn't known, or not yet.
    pub total: Option<u64>,
    /// Units done.
    pub done: u64,
    /// Whether it has begun, and has ended.
    pub state: StagePhase,
    /// Wall seconds from its first start to its end, or until now.
    pub seconds: f64,
}

/// Where a stage is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StagePhase {
    /// No worker has begun it.
    Waiting,
    /// A worker has begun it, and not all have ended it.
    Running,
    /// All workers have ended it.
    Ended,
}
