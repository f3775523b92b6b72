//! What every Flightline job runs on, whatever it computes. This crate knows no connector, no forest and no flight.
//!
//! | module | holds |
//! |---|---|
//! | [`cluster`] | the flags `-w -n -p -h`, the hostfile, the secret, connecting the processes, and [`cluster::run()`] |
//! | [`bridge`](mod@bridge) | rows of threads and clients for the workers of a batch job: bounded, never blocking a worker |
//! | [`progress`] | a bar per stage on a terminal, plain lines elsewhere, the wall seconds of each stage |
//! | [`process`] | the edge to the operating system: exit codes, panics, signals, peak memory |
//! | [`config`](mod@config) | TOML in layers, read whole, with all mistakes told at once |
//! | [`supervised`] | the cord to an agent that has started this process: a lifeline, and what this process tells of itself |
//! | [`telemetry`] | logs to standard error, human or JSON, level from `FLIGHTLINE_LOG` |
//! | [`named`] | timely's small operators under names of their own |
//! | [`metrics`] | what a streaming job counts: for Prometheus, and as JSON |
//! | [`http`] | a server with bounds, and on it the port of a job: `/health`, `/metrics`, `/status`, and what it adds |
//! | [`conformance`] | the suite that every connector passes |
//! | [`memory`] | connectors that keep everything in memory, for tests |
//! | [`memory_size`] | amounts of memory as people write them: `512M`, `2G` |
//! | [`backoff`] | how long to wait before something that failed is tried again |
//! | [`failpoint`] | named places on the commit paths at which crash tests kill the process |
//! | [`clock`] | the monotonic clock that is handed in, so that tests set the time |
//! | [`ids`] | newtypes for workers and processes |
//!
//! Everything that a person watches goes to standard error, through one writer that keeps lines and progress bars
//! from overwriting each other. Standard output belongs to reports and JSON.
//!
//! A batch binary, whole:
//!
//! ```no_run
//! use clap::Parser;
//! use flightline_engine::cluster::{self, ClusterFlags};
//! use flightline_engine::process::{Exit, install_panic_policy, install_signal_policy};
//! use flightline_engine::progress::{Progress, Unit};
//!
//! #[derive(Parser)]
//! #[command(disable_help_flag = true)] // `-h` is the hostfile; ClusterFlags brings `--help`
//! struct Flags {
//!     #[command(flatten)]
//!     cluster: ClusterFlags,
//! }
//!
//! fn main() -> Exit {
//!     let flags = Flags::parse();
//!     install_panic_policy();
//!     install_signal_policy(|| {});
//!     let plan = match flags.cluster.plan() {
//!         Ok(plan) => plan,
//!         Err(error) => return error.exit(),
//!     };
//!     let progress = Progress::to_stderr();
//!     let count = progress.stage("count", Unit::Rows, plan.workers_here().get());
//!     let counted = cluster::run(plan, move |worker| {
//!         count.start(10);
//!         count.add(10);
//!         count.end();
//!         worker.index()
//!     });
//!     match counted {
//!         Ok(_) => Exit::Ok,
//!         Err(error) => error.exit(),
//!     }
//! }
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics is a test that fails")
)]

pub mod backoff;
pub mod bridge;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod conformance;
mod console;
pub mod contract;
pub mod failpoint;
pub mod http;
pub mod ids;
pub mod ledger;
pub mod log;
pub mod memory;
pub mod memory_size;
pub mod metrics;
pub mod named;
pub mod process;
pub mod progress;
pub mod recovery;
pub mod stream;
pub mod supervised;
pub mod telemetry;

pub use bridge::bridge;
