//! `dead-letters`: lists requests that got no prediction, and asks them again when the cause is mended.

mod again;
mod choose;
mod list;
mod read;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::time::Duration;

use clap::{ArgGroup, Parser, Subcommand};

use super::replay::uuid;
use crate::config::ConfigFlags;
use crate::failure::Failure;
use crate::request::RequestId;

const EXAMPLES: &str = "\
Examples:
  dead-letters list                                     the latest ones, and how many there are for each reason
  dead-letters list --reason 'unknown route' --limit 1000
  dead-letters list --json | jq -r .UUID
  dead-letters replay --reason 'unknown route' --dry-run
  dead-letters replay --reason 'unknown route'          after the table was mended
  dead-letters replay --uuid 6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77 --wait 5s
  dead-letters replay --partition 2 --offset 17

`replay` adds the original bytes to the request log again, in the same partition, so that a new answer comes; an OK answer
then takes the place of the ERROR in the collection. To do it twice does it once: a request that has its OK answer is left
out, and so is one that was asked again and is not settled yet, and a letter with a later one for the same bytes. A letter
without a UUID can't be known by its answer, and is only asked again with --even-without-uuid.
A job may run in the meantime; it is asked through its HTTP port. If none runs, its files are opened; what is asked again
is answered when the job is started. What is on servers is asked there, whether a job runs or not.

Exit codes: 0 done, 2 command line or configuration, 3 no job that has ever run, or requests that still have no answer when
the waiting was over, 4 storage, 130 interrupted.";

/// Requests that could not be read or answered: list them, or ask them again after the cause was mended.
#[derive(Clone, Debug, Parser)]
#[command(name = "dead-letters", version, after_help = EXAMPLES)]
pub struct DeadLettersFlags {
    /// What to do.
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// List dead letters
    List(ListFlags),
    /// Ask the requests again
    Replay(ReplayFlags),
}

/// Which letters are shown.
#[derive(Clone, Debug, clap::Args)]
struct ListFlags {
    /// Show at most so many, the latest
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// Only those whose reason has this text in it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Print one JSON object for each on standard output, as it is stored
    #[arg(long)]
    json: bool,

    /// Which job.
    #[command(flatten)]
    config: ConfigFlags,
}

/// Which letters are asked again.
#[derive(Clone, Debug, clap::Args)]
#[command(group = ArgGroup::new("which").args(["partition", "uuid", "reason", "all"]))]
struct ReplayFlags {
    /// The one of a request in this partition
    #[arg(long, value_name = "P", requires = "offset")]
    partition: Option<u32>,

    /// The offset of that request
    #[arg(long, value_name = "OFFSET", requires = "partition")]
    offset: Option<u64>,

    /// Those of this UUID
    #[arg(long, value_name = "UUID", value_parser = uuid)]
    uuid: Option<RequestId>,

    /// Those whose reason has this text in it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// All
    #[arg(long)]
    all: bool,

    /// Also those without a UUID, which nobody can be told the answer of
    #[arg(long)]
    even_without_uuid: bool,

    /// Say what would be asked again, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// How long to wait for the answers; 0s doesn't
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    wait: Duration,

    /// Print one JSON object for each letter on standard output
    #[arg(long)]
    json: bool,

    /// Which job.
    #[command(flatten)]
    config: ConfigFlags,
}

/// Runs the command; what it finds goes to `output`.
///
/// # Errors
/// Flags, a job or sinks that aren't there, something that can't be read or written, or requests without an answer.
pub fn run(flags: &DeadLettersFlags, output: &mut dyn Write) -> Result<(), Failure> {
    match &flags.action {
        Action::List(flags) => list::run(flags, output),
        Action::Replay(flags) => again::run(flags, output),
    }
}

/// A time such as `500ms`, `30s` or `5m`; a bare number is one of seconds.
fn time(text: &str) -> Result<Duration, String> {
    use flightline_engine::config::{Setting, Value};
    let text = text.trim();
    let spelt = if text.parse::<u32>().is_ok() { format!("{text}s") } else { text.to_owned() };
    Duration::from_value(&Value::Text(spelt)).map_err(|_| "write a time such as 500ms, 30s or 5m".to_owned())
}
