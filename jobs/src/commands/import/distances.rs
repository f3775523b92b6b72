//! `import distances`: the table that requests are looked up in, brought to a collection.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;

use clap::{ArgAction, Parser};
use flightline_engine::cluster::ClusterFlags;

use super::bring;
use super::server::{Destination, ServerFlags};
use crate::commands::{ReadFlags, distances};
use crate::config::{StoreFlags, StreamConfig};
use crate::failure::Failure;
use crate::stores::stores;
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

    /// Where it goes; else to the table of the configuration if one is given, else to
    /// mongodb:collection/agile_data_science.origin_dest_distances
    #[arg(long, value_name = "URL")]
    to: Option<Destination>,

    /// Remove documents that are of no route of the table, and all but one of those that are of the same
    #[arg(long, action = ArgAction::SetTrue)]
    prune: bool,

    /// Which server.
    #[command(flatten)]
    server: ServerFlags,

    /// How flights are read.
    #[command(flatten)]
    read: ReadFlags,

    /// The configuration of a job: its table and its server, and how files in stores are reached.
    #[command(flatten)]
    stores: StoreFlags,

    /// Where the work runs.
    #[command(flatten)]
    cluster: ClusterFlags,
}

/// Runs the command.
pub(super) fn run(flags: &DistancesFlags, output: &mut dyn Write) -> Result<(), Failure> {
    let config = flags.stores.load()?;
    // What nobody has given says nothing.
    let given = flags.stores.are_given().then_some(&config);
    let to = flags.to.clone().or_else(|| given.and_then(Destination::of_table)).unwrap_or_default();
    // A server that was not named is told before the work begins.
    let way = bring::way(flags.server.server(given.map(|config| &config.mongodb))?, &to)?;
    match table(flags, &config)? {
        Some(table) => bring::bring(way, &table, flags.prune, output),
        None => Ok(()),
    }
}

/// The table; none in a process that is not the first.
fn table(flags: &DistancesFlags, config: &StreamConfig) -> Result<Option<DistanceTable>, Failure> {
    let Some(path) = &flags.table else {
        let (counts, table) = distances::gather(&stores(config)?, &flags.flights, &flags.read, &flags.cluster)?;
        eprintln!("{counts}");
        return Ok(table);
    };
    let name = path.display().to_string();
    let file = File::open(path).map_err(|source| TableError::Read { name: name.clone(), source })?;
    Ok(Some(DistanceTable::read_json_lines(&name, BufReader::new(file))?))
}
