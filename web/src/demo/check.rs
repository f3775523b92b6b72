//! `demo --check N`: real flights as requests, and every answer looked at in every sink.
//!
//! The answers must be those of batch `predict`, but for what only a stream has: partition, offset, version of the table.
//! A part of the requests is sent at a steady pace, to see how long one takes; the rest all at once, to see how many
//! are answered in a second.

mod compare;
mod expected;
mod follow;
mod send;

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use flightline_jobs::config::Loaded;
use flightline_jobs::failure::{Failure, FailureKind};

use super::flags::DemoFlags;
use super::life::Life;
use compare::Findings;
use expected::Expected;
use follow::Followers;

/// Requests that are sent at a steady pace, at most, and how many in a second.
const PACED: usize = 2000;
const PER_SECOND: u32 = 500;
/// How long the last answer may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Sends, waits, compares and tells.
///
/// # Errors
/// An answer is missing, there twice, or another one; or something could not be had.
pub(super) fn run(flags: &DemoFlags, loaded: &Loaded, life: &Life, count: usize) -> Result<(), Failure> {
    eprintln!("predicting the flights in a batch, to know what the stream must answer");
    let expected = Expected::of_flights(flags, count)?;
    let followers = Followers::start(life)?;
    let before = compare::Before::look(life)?;

    let paced = (count / 10).clamp(1, PACED);
    eprintln!("sending {paced} requests at {PER_SECOND} a second");
    let sent = send::paced(life, &expected.requests()[..paced], PER_SECOND)?;
    follow::wait(&followers, paced, PATIENCE, life)?;
    let latencies = followers.latencies(&sent);

    let rest = count - paced;
    eprintln!("sending {rest} requests at once");
    let started = Instant::now();
    send::at_once(life, &expected.requests()[paced..])?;
    follow::wait(&followers, count, PATIENCE, life)?;
    let answered = started.elapsed();
    let ends = compare::request_ends(life)?;
    compare::wait_for_sinks(life, loaded, &ends, PATIENCE)?;
    let everywhere = started.elapsed();
    let findings = compare::all(life, loaded, &before, &ends, &expected)?;
    let check = Check { count, rest, findings, latencies, answered, everywhere };
    writeln!(io::stdout(), "{check}")
        .map_err(|error| Failure::new(FailureKind::Storage, format!("can't write to standard output: {error}")))?;
    if check.findings.iter().all(Findings::is_well) {
        return Ok(());
    }
    Err(Failure::new(FailureKind::Bug, "the check found answers that are missing, doubled or different: see above"))
}

/// What came of it.
struct Check {
    count: usize,
    rest: usize,
    findings: Vec<Findings>,
    /// Sorted.
    latencies: Vec<Duration>,
    answered: Duration,
    everywhere: Duration,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "check of {} requests", self.count)?;
        for findings in &self.findings {
            writeln!(f, "  {findings}")?;
        }
        let at = |percent: usize| {
            let place = (self.latencies.len() * percent).div_ceil(100).max(1) - 1;
            self.latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        writeln!(
            f,
            "  latency     p50 {:.1} ms   p90 {:.1} ms   p99 {:.1} ms   worst {:.1} ms   ({} requests at {PER_SECOND} a \
             second, from before it was sent to read back from the topic)",
            at(50),
            at(90),
            at(99),
            at(100),
            self.latencies.len(),
        )?;
        let rate = |time: Duration| self.rest as f64 / time.as_secs_f64().max(1e-9);
        write!(
            f,
            "  throughput  {:.0} requests/s to the topic, {:.0} requests/s to the last sink   ({} requests at once, \
             {:.2} s and {:.2} s)",
            rate(self.answered),
            rate(self.everywhere),
            self.rest,
            self.answered.as_secs_f64(),
            self.everywhere.as_secs_f64(),
        )
    }
}
