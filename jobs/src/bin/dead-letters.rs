//! `dead-letters`: requests that got no prediction, and how they get one after all.

use clap::Parser;
use flightline_engine::process::Exit;
use flightline_jobs::commands::{dead_letters, end_with};

fn main() -> Exit {
    let flags = dead_letters::DeadLettersFlags::parse();
    end_with(|| dead_letters::run(&flags, &mut std::io::stdout().lock()))
}
