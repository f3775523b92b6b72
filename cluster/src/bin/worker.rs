//! `worker`: see `worker --help`.

use clap::Parser;
use flightline_cluster::commands::{end_with, worker};
use flightline_engine::process::Exit;

fn main() -> Exit {
    let flags = worker::WorkerFlags::parse();
    end_with(|| worker::run(&flags))
}
