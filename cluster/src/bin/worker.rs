//! `worker`: see `worker --help`.

use std::process::ExitCode;

use clap::Parser;
use flightline_cluster::commands::{end_with, worker};

fn main() -> ExitCode {
    let flags = worker::WorkerFlags::parse();
    end_with(|| worker::run(&flags))
}
