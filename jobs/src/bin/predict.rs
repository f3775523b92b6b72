//! `predict`: answers to files of requests or flights.

use clap::Parser;
use flightline_engine::process::Exit;
use flightline_jobs::commands::{end_with, predict};

fn main() -> Exit {
    let flags = predict::PredictFlags::parse();
    end_with(|| predict::run(&flags))
}
