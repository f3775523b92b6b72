//! `import`: brings tables to the servers that jobs read them from.

#[cfg(feature = "mongodb")]
mod bring;
#[cfg(not(feature = "mongodb"))]
#[path = "import/left_out.rs"]
mod bring;
mod distances;
mod server;

use std::io::Write;

use clap::{Parser, Subcommand};

use self::distances::DistancesFlags;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  import distances --mongodb-url mongodb://localhost:27017
                                    the routes of the bundled flights, into agile_data_science.origin_dest_distances
  import distances --table distances.jsonl --to mongodb:collection/my.distances
  import distances --flights '2019_*.zip' -w 4 --prune
  export FLIGHTLINE_MONGODB_URL='mongodb://a:27017,b:27017/?replicaSet=rs0'
  import distances --mongodb-user me --mongodb-password-file password.txt
  import distances --config config/servers.toml
                                    into the table of a job, on its server

What is new is inserted, what differs is changed, the rest is left alone; with --prune nothing but the table is left. The
collection gets an index on Origin and Dest. To do it twice does it once. A running job notices what changed.

Exit codes: 0 done, 2 command line, 3 bad input, 4 the server refuses or can't be reached, or storage, 5 cluster did not
start, 6 a peer was lost, 130 interrupted.";

/// Brings tables to the servers that jobs read them from.
#[derive(Clone, Debug, Parser)]
#[command(name = "import", version, after_help = EXAMPLES)]
pub struct ImportFlags {
    /// What to bring.
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Bring the distances of routes, of a table or straight from flights
    #[command(after_help = EXAMPLES, disable_help_flag = true)]
    Distances(Box<DistancesFlags>),
}

/// Runs the command, and says what it did.
///
/// # Errors
/// Flags or input that can't be used, or a server that refuses or can't be reached; part of it may be done then.
pub fn run(flags: &ImportFlags, output: &mut dyn Write) -> Result<(), Failure> {
    let Action::Distances(flags) = &flags.action;
    distances::run(flags, output)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_examples_are_commands() {
        ImportFlags::command().debug_assert();
        let examples = EXAMPLES.lines().filter(|line| line.trim_start().starts_with("import "));
        let mut seen = 0;
        for example in examples {
            let words = example.split_whitespace().map(|word| word.trim_matches('\''));
            ImportFlags::try_parse_from(words).unwrap();
            seen += 1;
        }
        assert_eq!(seen, 5);
    }
}
