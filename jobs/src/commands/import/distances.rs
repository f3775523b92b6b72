//! `import distances`: the table that requests are looked up in, brought to a collection.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;

use clap::{ArgAction, Parser};
use flightline_engine::cluster::ClusterFlags;

use super::bring;
use super::server::{Destination, ServerFlags};
use crate::commands::{ReadFlags, distances};
use crate::failure::Failure;
use crate::table::{DistanceTable, TableError};

/// The distances of routes, of a table or straight from flights.
#[derive(Clone, Debug, Parser)]
pub(super) struct DistancesFlags {
    /// Flights to make the table of, as `distances` does: paths, globs, folders or URLs
    #[arg(long, value_name = "GLOB", num_args = 1.., default_value = "data/flights.parquet", conflicts_with = "table")]
    flights: Vec<String>,

    /// The table itself, JSON lines with Origin, Dest and Distance, as `distances` writes it
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,

    /// Where it goes
    #[arg(long, value_name = "URL", default_value = "mongodb:collection/agile_data_science.origin_dest_distances")]
    to: Destination,

    /// Remove documents that are of no route of the table, and all but one of those that are of the same
    #[arg(long, action = ArgAction::SetTrue)]
    prune: bool,

    /// Which server.
    #[command(flatten)]
    server: ServerFlags,

    /// How flights are read.
    #[command(flatten)]
    read: ReadFlags,

    /// Where the work runs.
    #[command(flatten)]
    cluster: ClusterFlags,
}

/// Runs the command.
pub(super) fn run(flags: &DistancesFlags, output: &mut dyn Write) -> Result<(), Failure> {
    // A server that was not named is told before the work begins.
    let way = bring::way(flags.server.server()?, &flags.to)?;
    match table(flags)? {
        Some(table) => bring::bring(way, &table, flags.prune, output),
        None => Ok(()),
    }
}

/// The table; none in a process that is not the first.
fn table(flags: &DistancesFlags) -> Result<Option<DistanceTable>, Failure> {
    let Some(path) = &flags.table else {
        let (counts, table) = distances::gather(&flags.flights, &flags.read, &flags.cluster)?;
        eprintln!("{counts}");
        return Ok(table);
    };
    let name = path.display().to_string();
    let file = File::open(path).map_err(|source| TableError::Read { name: name.clone(), source })?;
    Ok(Some(DistanceTable::read_json_lines(&name, BufReader::new(file))?))
}
