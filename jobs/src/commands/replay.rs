//! `replay`: answers again what was answered once, and compares with what every sink holds.

mod view;

#[cfg(test)]
mod tests;

use std::io::Write;

use clap::{ArgGroup, Parser};
use flightline_connectors::client::TopicClient;
use flightline_engine::log::{Offset, OffsetRange, Partition};
use flightline_engine::progress::{Progress, Unit};

use super::terminal::{say, say_json};
use crate::access::Access;
use crate::config::ConfigFlags;
use crate::failure::{Failure, FailureKind};
use crate::replaying::Replayer;
use crate::replaying::find::{Places, find};
use crate::replaying::result::{Replayed, Tally};
use crate::request::RequestId;

const EXAMPLES: &str = "\
Examples:
  replay --uuid 6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77    one answer, and how it came about
  replay --partition 2 --from 1000 --to 2000            the requests at these offsets; --to is the first one left out
  replay --partition 2                                  all that the log holds of a partition
  replay --all --config my.toml                         all that the log holds
  replay --all --json | jq 'select(.sinks[].verdict == \"differs\")'

The answer is computed from the request in the log and what the ledger binds it to: model, version of the table, format.
A UUID is found through its answer in the collection, or else by reading the whole log; a UUID that was used more than once
has several requests then. Of a sink it is told that it holds the same, that the answer is missing, that it differs (the
first field that does, with both values), that it is there more than once, or needlessly; that it holds the answer to
another request with the same UUID; that the sink has not come so far yet; or that it began later.
A job may run in the meantime; it is asked through its HTTP port. If none runs, its files are opened, and no job can be
started before the replay has ended. What is on servers is asked there; of a response topic in Kafka, --all reads the whole
once for each partition of the requests.

Exit codes: 0 every sink holds what it should, or has not come so far yet; 2 command line or configuration; 3 no such
request, or no job that has ever run; 4 storage; 7 a binding needs a model or an answer format that this build does not
have; 9 a sink holds something else, or lacks an answer; 130 interrupted.";

/// Compute answers again from the request log and the ledger, and compare them with what every sink holds.
#[derive(Clone, Debug, Parser)]
#[command(name = "replay", version, after_help = EXAMPLES)]
#[command(group = ArgGroup::new("which").args(["uuid", "partition", "all"]))]
pub struct ReplayFlags {
    /// The request with this UUID; may be repeated
    #[arg(long, value_name = "UUID", value_parser = uuid)]
    uuid: Vec<RequestId>,

    /// The requests of a partition
    #[arg(long, value_name = "P")]
    partition: Option<u32>,

    /// The first offset in the partition; the oldest that the log holds without it
    #[arg(long, value_name = "OFFSET", requires = "partition")]
    from: Option<u64>,

    /// The first offset that is left out; the log's end without it
    #[arg(long, value_name = "OFFSET", requires = "partition")]
    to: Option<u64>,

    /// All requests that the log holds
    #[arg(long)]
    all: bool,

    /// Print one JSON object for each request on standard output
    #[arg(long)]
    json: bool,

    /// Which job.
    #[command(flatten)]
    config: ConfigFlags,
}

pub(super) fn uuid(text: &str) -> Result<RequestId, String> {
    RequestId::parse(text).ok_or_else(|| "write a UUID such as 6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77".to_owned())
}

/// Runs the command; what it finds goes to `output`.
///
/// # Errors
/// Flags, a job or requests that aren't there, something that can't be read; and a sink that holds something else.
pub fn run(flags: &ReplayFlags, output: &mut dyn Write) -> Result<(), Failure> {
    let loaded = flags.config.load()?;
    if flags.config.dumped(&loaded)? {
        return Ok(());
    }
    if flags.uuid.is_empty() && flags.partition.is_none() && !flags.all {
        return Err(Failure::new(FailureKind::Usage, "say which requests: --uuid, --partition or --all (see --help)"));
    }
    let access = Access::open(&loaded.config)?;
    eprintln!("replay: reading {access}");
    let mut replayer = Replayer::open(&loaded.config, &access)?;
    if flags.uuid.is_empty() {
        let ranges = ranges(flags, replayer.requests())?;
        by_range(&mut replayer, &ranges, flags.json, output)
    } else {
        by_uuid(&mut replayer, &flags.uuid, flags.json, output)
    }
}

fn by_uuid(replayer: &mut Replayer, ids: &[RequestId], json: bool, output: &mut dyn Write) -> Result<(), Failure> {
    let progress = Progress::to_stderr();
    let places = find(ids, replayer.sinks().answers_by_id(), replayer.requests(), &progress)?;
    progress.finish();
    let mut tally = Tally::default();
    for position in places.values().flatten() {
        let range = OffsetRange::new(position.offset, position.offset.next());
        let strays = replayer.replay(position.partition, range, &mut |replayed| {
            tally.count(&replayed);
            if json { say_json(output, &replayed.to_json()) } else { say(output, &view::picture(&replayed)) }
        })?;
        tally.strays.add(strays);
    }
    missing(&places)?;
    tally.verdict()
}

fn missing(places: &Places) -> Result<(), Failure> {
    let missing: Vec<&str> = places.iter().filter(|(_, found)| found.is_empty()).map(|(id, _)| id.as_str()).collect();
    match missing.as_slice() {
        [] => Ok(()),
        several => Err(Failure::new(
            FailureKind::BadInput,
            format!("the request log holds no request with the UUID {}", several.join(", nor with ")),
        )),
    }
}

fn by_range(
    replayer: &mut Replayer,
    ranges: &[(Partition, OffsetRange)],
    json: bool,
    output: &mut dyn Write,
) -> Result<(), Failure> {
    let progress = Progress::to_stderr();
    let stage = progress.stage("replay", Unit::Rows, 1);
    stage.start(ranges.iter().map(|(_, range)| range.to.0.saturating_sub(range.from.0)).sum());
    let mut tally = Tally::default();
    for (partition, range) in ranges {
        let strays = replayer.replay(*partition, *range, &mut |replayed: Replayed| {
            tally.count(&replayed);
            stage.add(1);
            if json { say_json(output, &replayed.to_json()) } else { Ok(()) }
        })?;
        tally.strays.add(strays);
    }
    stage.end();
    progress.finish();
    if !json {
        say(output, &view::summary(&tally))?;
    }
    tally.verdict()
}

/// What to look at, as far as the log holds it.
fn ranges(flags: &ReplayFlags, requests: &dyn TopicClient) -> Result<Vec<(Partition, OffsetRange)>, Failure> {
    let partitions = requests.partitions()?;
    let Some(partition) = flags.partition else {
        let all = (0..partitions).map(Partition);
        return all.map(|partition| Ok((partition, requests.bounds(partition)?))).collect();
    };
    if partition >= partitions {
        return Err(Failure::new(
            FailureKind::Usage,
            format!(
                "--partition {partition}: the request log has the partitions 0 to {}",
                partitions.saturating_sub(1)
            ),
        ));
    }
    let partition = Partition(partition);
    let bounds = requests.bounds(partition)?;
    let asked = OffsetRange::new(flags.from.map_or(bounds.from, Offset), flags.to.map_or(bounds.to, Offset));
    if asked.is_empty() && flags.from.is_some() {
        return Err(Failure::new(
            FailureKind::Usage,
            format!("no offset is in {asked}: --to is the first one left out"),
        ));
    }
    // To look beyond the end is no mistake: perhaps the requests are yet to come.
    let held = OffsetRange::new(asked.from.max(bounds.from), asked.to.min(bounds.to));
    if asked.from < bounds.from {
        return Err(Failure::new(
            FailureKind::BadInput,
            format!("the request log holds {bounds} of partition {partition}: ask from offset {} on", bounds.from),
        ));
    }
    Ok(vec![(partition, held)])
}
