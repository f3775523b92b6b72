//! The cord between an agent and a process that it has started: a Unix socket pair, one end of which is the process's standard
//! input, with `FLIGHTLINE_CORD=stdin` in its environment.
//!
//! ```text
//! agent ──── its end is open ────► lifeline   end of file: this process ends at once, as if it were killed
//!       ◄─── a line of JSON ────── telemetry  a snapshot each second, and at once when something important has changed
//!                                     ▲
//!                                   board ◄── stages, workers' logs, a streaming job's health and figures
//! ```
//!
//! | module | is |
//! |---|---|
//! | `telemetry`, `graph` | the message: plain data, and how graphs of several processes add up |
//! | `line`, `reader` | a message as a bounded line, and an agent's reading end |
//! | `recorder` | from the events of timely's own log to counts: a core without a clock |
//! | `board` | what there is to tell, put together when it is asked for |
//! | `watch` | a recorder in each worker |
//! | `cord` | the two threads |
//!
//! Invariants: a process never outlives its agent, also if both were paused. Telemetry never holds up the job: a worker takes a
//! lock that nobody holds for longer than it takes to copy counts, and an agent that doesn't read makes one thread wait, which
//! then goes on with the newest snapshot. A process that isn't supervised pays one atomic load where it would have something
//! to tell. This module takes no orders: what an agent writes is not read as anything.
//!
//! For an agent: make the pair close-on-exec, as `UnixStream::pair` does, and close the process's end once it is started; who
//! else holds the agent's end keeps the process alive.

mod board;
mod cord;
mod graph;
mod line;
mod reader;
mod recorder;
mod telemetry;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::OnceLock;

use board::Board;
pub use cord::{CordError, VARIABLE, start};
pub use graph::{Address, Channel, Endpoint, Graph, Operator, Port};
pub use line::{LineError, MOST_LINE_BYTES};
pub use reader::CordReader;
pub use telemetry::{StagePhase, StageReport, Telemetry};
pub(crate) use watch::Watch;

use crate::http::Health;
use crate::ledger::Generation;
use crate::metrics::StreamMetrics;
use crate::progress::ShownStages;

/// Is there if, and only if, this process is supervised.
static BOARD: OnceLock<Board> = OnceLock::new();

/// Tells the agent the generation that the job's ledger holds, because the one that this process was started with was refused
/// for being too low.
pub fn ledger_holds(generation: Generation) {
    if let Some(board) = BOARD.get() {
        board.ledger_holds(generation);
    }
}

/// Tells the agent the id of what this process has made and saved.
pub fn has_made(id: &str) {
    if let Some(board) = BOARD.get() {
        board.has_made(id);
    }
}

/// Sends a last snapshot before the process ends, and waits for that; not for long if the agent doesn't read.
pub fn finish() {
    if let Some(board) = BOARD.get() {
        board.finish();
    }
}

/// Tells of these stages from now on.
pub(crate) fn show_stages(stages: ShownStages) {
    if let Some(board) = BOARD.get() {
        board.show_stages(stages);
    }
}

/// Tells of this streaming job from now on.
pub(crate) fn show_stream(health: &Health, metrics: &StreamMetrics) {
    if let Some(board) = BOARD.get() {
        board.show_stream(health.clone(), metrics.clone());
    }
}

/// Something has changed that the agent should know at once.
pub(crate) fn changed() {
    if let Some(board) = BOARD.get() {
        board.changed();
    }
}
