//! `train`: a random forest from flights.

use clap::Parser;
use flightline_engine::process::Exit;
use flightline_jobs::commands::{end_with, train};

fn main() -> Exit {
    let flags = train::TrainFlags::parse();
    end_with(|| train::run(&flags))
}
