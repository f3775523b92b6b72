//! What the binaries do, as functions of their flags; a binary itself only parses flags and ends the process.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use flightline_connectors::files::InputFormat;
use flightline_engine::failpoint;
pub use flightline_engine::process::Exit;
use flightline_engine::process::{install_panic_policy, install_signal_policy};
pub use flightline_engine::telemetry::{Level, LogFormat};
use flightline_engine::{supervised, telemetry};

use crate::failure::{Failure, FailureKind};

pub mod dead_letters;
pub mod distances;
pub mod extract;
pub mod generate;
pub mod import;
pub mod model;
pub mod predict;
pub mod replay;
mod terminal;
pub mod train;

/// How flight files are read; to be flattened into a command's flags.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Input")]
pub struct ReadFlags {
    /// Format of the input, where the files' endings don't say it: jsonl, csv, parquet, jsonl.bz2, ...
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<InputFormat>,

    /// Largest share of rows that may be bad, as 0.01 or 1%
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    pub max_bad_rows: BadRowLimit,
}

/// The largest share of rows that may be bad, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BadRowLimit(f64);

impl BadRowLimit {
    /// The share.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// A text that is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no share: write a number from 0 to 1, or 0% to 100%")]
pub struct NoShare(String);

impl FromStr for BadRowLimit {
    type Err = NoShare;

    fn from_str(text: &str) -> Result<Self, NoShare> {
        let share = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
            None => text.trim().parse::<f64>(),
        };
        share.ok().filter(|share| (0.0..=1.0).contains(share)).map(Self).ok_or_else(|| NoShare(text.to_owned()))
    }
}

impl fmt::Display for BadRowLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Runs a batch command to the process's end: a failure is one sentence on standard error, and its exit code. The process
/// doesn't outlive its agent, if it has one.
pub fn end_with(command: impl FnOnce() -> Result<(), Failure>) -> Exit {
    install_panic_policy();
    let tied = tie_to_agent();
    // Output is renamed into place as the last act, and what is left of a temporary is swept by the next writer.
    install_signal_policy(|| {});
    end(tied.and_then(|()| start_logging(LogFormat::Human, Level::INFO)).and_then(|()| command()))
}

/// Libraries that write a line for each call that fails, as the connectors do that use them.
const REPEATED: [&str; 1] = ["hdfs_native"];

/// Starts the logs of this process, from this level on unless `FLIGHTLINE_LOG` says another. To be called once.
///
/// # Errors
/// `FLIGHTLINE_LOG` holds no level.
pub fn start_logging(format: LogFormat, unless_told: Level) -> Result<(), Failure> {
    telemetry::init(format, unless_told, &REPEATED).map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))
}

/// Runs a long-running command to the process's end, as [`end_with`] does. The command says itself how it logs and what a
/// signal does.
pub fn end_service_with(command: impl FnOnce() -> Result<(), Failure>) -> Exit {
    install_panic_policy();
    let tied = tie_to_agent();
    let armed = failpoint::check_environment().map_err(|error| Failure::new(FailureKind::Usage, error.to_string()));
    end(tied.and(armed).and_then(|()| command()))
}

fn tie_to_agent() -> Result<(), Failure> {
    supervised::start().map_err(|error| {
        let kind = if error.exit() == Exit::Usage { FailureKind::Usage } else { FailureKind::ClusterStart };
        Failure::new(kind, error.to_string())
    })
}

fn end(outcome: Result<(), Failure>) -> Exit {
    let exit = match outcome {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit()
        }
    };
    supervised::finish();
    exit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_or_a_percentage() {
        for (text, share) in [("0.01", 0.01), ("1%", 0.01), (" 2.5 %", 0.025), ("0", 0.0), ("100%", 1.0)] {
            assert_eq!(text.parse(), Ok(BadRowLimit(share)), "{text}");
        }
        for text in ["", "1.01", "-1%", "NaN", "many", "101%"] {
            assert!(text.parse::<BadRowLimit>().is_err(), "{text}");
        }
    }
}
