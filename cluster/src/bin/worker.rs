//! `worker`: see `worker --help`.

use std::process::ExitCode;

use flightline_cluster::commands::{end_with, worker};

fn main() -> ExitCode {
    let flags = worker::WorkerFlags::read();
    end_with(|| worker::run(&flags))
}
