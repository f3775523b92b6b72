//! What the binaries do, as functions of their flags; a binary itself only parses flags and ends the process.

pub mod master;
pub mod pages;
pub mod submit;
pub mod worker;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use flightline_engine::process::{install_drain_policy_saying, install_panic_policy};
use flightline_engine::telemetry::{self, Level, LogFormat};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::ids::Moment;
use crate::master::desk::WallClock;

/// Runs a command to the process's end: a failure is a sentence on standard error, and its exit code.
pub fn end_with(command: impl FnOnce() -> Result<ExitCode, Failure>) -> ExitCode {
    install_panic_policy();
    command().unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        failure.exit.into()
    })
}

fn start_logging(unless_told: Level) -> Result<(), Failure> {
    telemetry::init(LogFormat::Human, unless_told, &[]).map_err(Failure::usage)
}

/// The system's wall clock.
fn wall_clock() -> WallClock {
    Arc::new(|| Moment::from(SystemTime::now()))
}

/// A word that says once, to all who wait, that the process shall end. `what` is said of what it does then.
fn stop_on_signal(what: &'static str) -> watch::Sender<bool> {
    let stop = watch::Sender::new(false);
    let on_signal = stop.clone();
    install_drain_policy_saying(what, move || {
        on_signal.send_replace(true);
    });
    stop
}
