//! `predict`: answers to requests, from files or from a stream.

use clap::Parser;
use flightline_engine::process::Exit;
use flightline_jobs::commands::{end_service_with, end_with, predict};

fn main() -> Exit {
    let flags = predict::PredictFlags::parse();
    if flags.is_batch() {
        end_with(|| predict::batch::run(&flags))
    } else {
        end_service_with(|| predict::stream::run(&flags))
    }
}
