//! `model`: the models that were trained, and which of them is current.

use clap::Parser;
use flightline_engine::process::Exit;
use flightline_jobs::commands::{end_with, model};

fn main() -> Exit {
    let flags = model::ModelFlags::parse();
    end_with(|| model::run(&flags, &mut std::io::stdout().lock()))
}
