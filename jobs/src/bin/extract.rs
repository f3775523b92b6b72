//! `extract`: US BTS on-time files to training rows.

use clap::Parser;
use flightline_engine::process::Exit;
use flightline_jobs::commands::{end_with, extract};

fn main() -> Exit {
    let flags = extract::ExtractFlags::parse();
    end_with(|| {
        let extracted = extract::run(&flags)?;
        eprintln!("{}\nwritten to {}", extracted.counts, extracted.written);
        Ok(())
    })
}
