//! `submit`: see `submit --help`.

use clap::Parser;
use flightline_cluster::commands::{end_with, submit};
use flightline_engine::process::Exit;

fn main() -> Exit {
    let flags = submit::SubmitFlags::parse();
    end_with(|| submit::run(&flags))
}
