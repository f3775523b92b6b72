//! `import`: brings tables to the servers that jobs read them from.

use clap::Parser;
use flightline_engine::process::Exit;
use flightline_jobs::commands::{end_with, import};

fn main() -> Exit {
    let flags = import::ImportFlags::parse();
    end_with(|| import::run(&flags, &mut std::io::stdout().lock()))
}
