//! `generate`: flights in the shape of a US year, as many as wanted, and the distances of their routes.

mod flights;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

pub use self::flights::FlightsFlags;
use super::distances::write_table;
use crate::failure::Failure;
use crate::generating::Network;

const EXAMPLES: &str = "\
Examples:
  generate flights --rows 5800000 --output year.parquet
                                    as many as the US has in a year, drawn from the bundled flights
  generate flights --rows 1000000 --seed 2 --output rows.jsonl.bz2 -j 2
  generate flights --rows 100000000 --output years --format parquet
                                    a folder of files of 1,048,576 rows
  generate flights --rows 20000 --from '2019_*.zip' --output rows.jsonl --replace
  generate distances --output distances.jsonl
                                    of all routes, for `predict`: they are the same for every seed

Exit codes: 0 done, 2 command line, 3 bad input, 4 storage, 130 interrupted; output is written whole or not at all.";

/// Makes flights for tests of size: 320 airports, 4,600 routes, and the days, hours, carriers and delays of real flights.
/// The same rows, seed and real flights give the same bytes.
#[derive(Clone, Debug, Parser)]
#[command(name = "generate", version, after_help = EXAMPLES)]
pub struct GenerateFlags {
    /// What to make.
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Make training rows, as Parquet or JSON lines
    #[command(after_help = EXAMPLES)]
    Flights(Box<FlightsFlags>),
    /// Make the table of the distances of all routes, as JSON lines
    #[command(after_help = EXAMPLES)]
    Distances(DistancesFlags),
}

/// Where the table goes.
#[derive(Args, Clone, Debug)]
pub struct DistancesFlags {
    /// File to write; standard output without it
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace output that is there already
    #[arg(long, action = ArgAction::SetTrue)]
    replace: bool,
}

/// Runs the command.
///
/// # Errors
/// Flags, real flights or output that can't be used; nothing stands under the final name then.
pub fn run(flags: &GenerateFlags) -> Result<(), Failure> {
    match &flags.action {
        Action::Flights(flags) => flights::run(flags),
        Action::Distances(flags) => write_table(&Network::new().distances(), flags.output.as_deref(), flags.replace),
    }
}
