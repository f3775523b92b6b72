//! `distances`: the mean distance of each route, from flights.

use clap::Parser;
use flightline_engine::process::Exit;
use flightline_jobs::commands::{distances, end_with};

fn main() -> Exit {
    let flags = distances::DistancesFlags::parse();
    end_with(|| {
        let counts = distances::run(&flags)?;
        eprintln!("{counts}");
        Ok(())
    })
}
