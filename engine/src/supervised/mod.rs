//! The cord between an agent and a process that it has started.

mod graph;
mod telemetry;

pub use graph::{Address, Channel, Endpoint, Graph, Operator, Port};
pub use telemetry::{StagePhase, StageReport, Telemetry};
