//! `generate`: flights in the shape of a US year, as many as wanted.

use clap::Parser;
use flightline_engine::process::Exit;
use flightline_jobs::commands::{end_with, generate};

fn main() -> Exit {
    let flags = generate::GenerateFlags::parse();
    end_with(|| generate::run(&flags))
}
