//! `master`: see `master --help`.

use clap::Parser;
use flightline_cluster::commands::{end_with, master};
use flightline_engine::process::Exit;

fn main() -> Exit {
    let flags = master::MasterFlags::parse();
    end_with(|| master::run(&flags))
}
