//! `submit`: see `submit --help`.

use std::process::ExitCode;

use clap::Parser;
use flightline_cluster::commands::{end_with, submit};

fn main() -> ExitCode {
    let flags = submit::SubmitFlags::parse();
    end_with(|| submit::run(&flags))
}
