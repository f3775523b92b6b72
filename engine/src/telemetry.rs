//! Logs of the process, to standard error, so that standard output stays free for reports and JSON.
//!
//! The level comes from `FLIGHTLINE_LOG`, in the syntax of `tracing`: `debug`, or
//! `warn,flightline_engine::cluster=debug`. Without it each binary has a level of its own, mostly `info`. Libraries whose
//! warnings we repeat in words of our own are heard only when they are named there.
//! Metrics are not here.

use std::io::{self, Write};

use thiserror::Error;
pub use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::console;

/// Name of the environment variable that sets the level.
pub const LEVEL_VARIABLE: &str = "FLIGHTLINE_LOG";

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people: time, level, where, what.
    #[default]
    Human,
    /// For machines: one JSON object a line.
    Json,
}

/// Why logging couldn't be set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The variable holds something else than levels.
    #[error(
        "FLIGHTLINE_LOG is {value:?}, which is no log level ({reason}); \
         use error, warn, info, debug or trace, or MODULE=LEVEL pairs with commas between"
    )]
    Level {
        /// What the variable holds.
        value: String,
        /// What `tracing` found wrong with it.
        reason: String,
    },
    /// Logging was set up before in this process.
    #[error("logging was already set up in this process")]
    Twice,
}

/// Starts logging for the whole process, from `unless_told` on if the variable says nothing. Once, early in `main`. The
/// modules in `repeated` say nothing below an error unless the variable names them.
///
/// # Errors
/// A level that can't be read, or a second call.
pub fn init(format: LogFormat, unless_told: Level, repeated: &[&str]) -> Result<(), TelemetryError> {
    let filter = filter(std::env::var(LEVEL_VARIABLE).ok().as_deref(), unless_told, repeated)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(ToConsole).with_ansi(false);
    match format {
        LogFormat::Human => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    }
    .map_err(|_| TelemetryError::Twice)
}

fn filter(level: Option<&str>, unless_told: Level, repeated: &[&str]) -> Result<EnvFilter, TelemetryError> {
    let told = level.filter(|text| !text.trim().is_empty());
    let level = told.unwrap_or(unless_told.as_str());
    // What comes later counts.
    let quiet: String = repeated.iter().map(|module| format!("{module}=error,")).collect();
    EnvFilter::try_new(format!("{quiet}{level}"))
        .map_err(|error| TelemetryError::Level { value: level.to_owned(), reason: error.to_string() })
}

/// Hands each event to the console in one piece.
#[derive(Clone, Copy, Debug)]
struct ToConsole;

impl<'a> MakeWriter<'a> for ToConsole {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        Self
    }
}

impl Write for ToConsole {
    /// `tracing-subscriber` formats an event into a buffer and writes it with one call.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        console::write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_read_or_refused_with_its_text() {
        for nothing in [None, Some("  ")] {
            assert_eq!(filter(nothing, Level::WARN, &[]).unwrap().to_string(), "warn");
        }
        assert_eq!(filter(Some("debug"), Level::INFO, &[]).unwrap().to_string(), "debug");
        let refused = filter(Some("flightline=loud"), Level::INFO, &["hdfs"]).unwrap_err().to_string();
        assert!(refused.contains("is \"flightline=loud\""), "{refused}");
    }

    #[test]
    fn who_is_repeated_is_quiet_unless_he_is_named() {
        let of = |level| filter(Some(level), Level::INFO, &["hdfs"]).unwrap().to_string();
        assert_eq!(of("debug"), "hdfs=error,debug");
        assert_eq!(of("info,hdfs=debug"), "hdfs=debug,info");
    }
}
