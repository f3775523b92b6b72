//! What the demo is asked to do.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;
use flightline_jobs::commands::{Level, LogFormat, start_logging};
use flightline_jobs::config::Loaded;
use flightline_jobs::failure::Failure;

use super::check;
use super::life::Life;
use super::prepare;

const EXAMPLES: &str = "\
Examples:
  demo                       then open http://127.0.0.1:5000/
  demo --listen 0.0.0.0:80   for others to see
  demo --check 100000        sends so many real flights as requests, and checks every answer in every sink

While it runs, other commands reach its state with its configuration:
  replay --config flightline-demo/config.toml --uuid ...
  dead-letters --config flightline-demo/config.toml list

Exit codes: 0 ended as asked, 1 the check found something wrong (or an internal error), 2 command line, 3 bad input,
4 storage, 5 a port is taken, 8 a later start is at work. A second Ctrl-C ends it at once.";

/// A predictor of flight delays with everything in it: trains, answers a stream of requests and shows a page.
#[derive(Debug, Parser)]
#[command(name = "demo", version, after_help = EXAMPLES)]
pub struct DemoFlags {
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = "flightline-demo")]
    pub(super) folder: PathBuf,
    /// Where the page is shown
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5000")]
    pub(super) listen: SocketAddr,
    /// Where the job answers programs: /metrics, /health, /status
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub(super) job_listen: SocketAddr,
    /// Worker threads
    #[arg(short, long, value_name = "N", default_value = "2")]
    pub(super) workers: NonZeroUsize,
    /// Send so many flights as requests, check all answers, and end
    #[arg(long, value_name = "N")]
    pub(super) check: Option<NonZeroUsize>,
    /// Flights to train on and to ask about
    #[arg(long, value_name = "GLOB", default_value = "data/flights.parquet")]
    pub(super) flights: String,
    /// The table of distances
    #[arg(long, value_name = "FILE", default_value = "data/origin_dest_distances.jsonl")]
    pub(super) distances: PathBuf,
}

/// Runs the demo until it is asked to end, or until it has checked itself.
///
/// # Errors
/// What could not be had, in one sentence.
pub fn run(flags: &DemoFlags) -> Result<(), Failure> {
    // A newcomer is told what matters by sentences of our own.
    start_logging(LogFormat::Human, Level::WARN)?;
    prepare::folder(&flags.folder)?;
    prepare::model(flags)?;
    let loaded: Loaded = prepare::configuration(flags)?;
    let life = Life::start(flags, &loaded)?;
    match flags.check {
        None => life.until_stopped(),
        Some(requests) => {
            let outcome = check::run(flags, &loaded, &life, requests.get());
            life.stop()?;
            outcome
        }
    }
}
