//! `master`: see `master --help`.

use std::process::ExitCode;

use clap::Parser;
use flightline_cluster::commands::{end_with, master};

fn main() -> ExitCode {
    let flags = master::MasterFlags::parse();
    end_with(|| master::run(&flags))
}
