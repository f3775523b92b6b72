//! `replay`: answers again what was answered once, and compares with what every sink holds.

use clap::Parser;
use flightline_engine::process::Exit;
use flightline_jobs::commands::{end_with, replay};

fn main() -> Exit {
    let flags = replay::ReplayFlags::parse();
    end_with(|| replay::run(&flags, &mut std::io::stdout().lock()))
}
