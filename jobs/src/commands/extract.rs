//! `extract`: US BTS on-time files to training rows.
//!
//! It reads whatever `train` reads, so it also turns training rows from one format into another. Every worker writes the
//! rows that it reads: one worker writes one file, in the order of the input; N workers write N parts
//! (`rows-1-of-4.jsonl`), which `--input 'rows-*.jsonl'` reads as one, since no result depends on the order of rows. No
//! part gets its name before all workers have read all of their share and the bad rows are within the limit.

mod output;

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{ArgAction, Parser};
use flightline_connectors::files::Existing;
use flightline_engine::bridge;
use flightline_engine::cluster::{self, ClusterFlags};
use flightline_engine::ids::WorkerIndex;
use flightline_engine::progress::{Progress, Stage};
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Inspect, Probe};
use timely::worker::Worker;

use super::ReadFlags;
use crate::config::StoreFlags;
use crate::failure::Failure;
use crate::flight::counts::{BadReason, ReadCounts};
use crate::flight::decode::RowSink;
use crate::flight::raw::RawRow;
use crate::flight::{Column, Flight, TrainingRow};
use crate::input::Input;
use crate::stores::stores_of;
use output::{Part, Target};

const EXAMPLES: &str = "\
Examples:
  extract --input '2019_*.zip' --output flights.parquet
  extract -w 4 --input on_time.csv --output flights.jsonl.zst
  extract --input tests/fixtures/bts_on_time.csv --output rows.jsonl --replace

Exit codes: 0 done, 2 command line, 3 bad input, 4 storage, 5 cluster did not start, 6 a peer was lost,
130 interrupted; output is written whole or not at all.";

/// Turns US BTS on-time files (CSV, also in .zip) into training rows: cancelled flights and diverted flights without an
/// arrival are left out and counted, times are the local clocks, day fields are derived from the date.
#[derive(Clone, Debug, Parser)]
#[command(name = "extract", version, after_help = EXAMPLES, disable_help_flag = true)]
pub struct ExtractFlags {
    /// Files to read: paths, globs, folders or URLs
    #[arg(long, value_name = "GLOB", num_args = 1.., required = true)]
    pub input: Vec<String>,

    /// File to write: .jsonl, .jsonl.gz, .jsonl.bz2, .jsonl.zst or .parquet; N workers write N parts beside it
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,

    /// Replace output that is there already
    #[arg(long, action = ArgAction::SetTrue)]
    pub replace: bool,

    /// How the input is read.
    #[command(flatten)]
    pub read: ReadFlags,

    /// How files in stores are reached.
    #[command(flatten)]
    pub stores: StoreFlags,

    /// Where the work runs.
    #[command(flatten)]
    pub cluster: ClusterFlags,
}

/// What an extraction came to.
#[derive(Clone, Debug)]
pub struct Extracted {
    /// What was read by all workers.
    pub counts: ReadCounts,
    /// The name of the output, or a glob for its parts.
    pub written: String,
}

/// Runs the command.
///
/// # Errors
/// Flags, input or output that can't be used, or too many bad rows; nothing stands under the final name then.
pub fn run(flags: &ExtractFlags) -> Result<Extracted, Failure> {
    let plan = flags.cluster.plan()?;
    let input = Input::resolve(&stores_of(&flags.stores)?, &flags.input, flags.read.format, plan.workers())?;
    let existing = if flags.replace { Existing::Replace } else { Existing::Refuse };
    let target = Target::new(&flags.output, existing, plan.workers())?;
    let limit = flags.read.max_bad_rows.get();
    let written = target.written();

    let progress = Progress::to_stderr();
    let stage = progress.stage("extract", input.unit(), plan.workers_here().get());
    let extraction = Extraction { input, target, stage, limit };
    let agreed = format!("extract {limit} {} {}", flags.output.display(), flags.replace);
    let plan = plan.with_fingerprint(extraction.input.agreement(&agreed));
    let outcomes = cluster::run(plan, move |worker| extraction.run_worker(worker))?;
    progress.finish();
    let counts = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    // Each worker gives the sum over all.
    Ok(Extracted { counts: counts.into_iter().next().unwrap_or_default(), written })
}

/// What a worker's share came to.
type Share = Result<ReadCounts, Failure>;

/// A part that is written but has no name yet.
type Pending = Arc<Mutex<Option<Part>>>;

/// What all workers of this process share.
struct Extraction {
    input: Input,
    target: Target,
    stage: Stage,
    limit: f64,
}

impl Extraction {
    /// Reads and writes this worker's share on a thread of its own, hears how all workers fared, and names the part.
    fn run_worker(&self, worker: &mut Worker) -> Share {
        let pending = Pending::default();
        let shares = Rc::new(RefCell::new(Vec::new()));
        let probe = worker.dataflow::<u64, _, _>(|scope| {
            let index = WorkerIndex::new(scope.index());
            let (input, target, stage) = (self.input.clone(), self.target.clone(), self.stage.clone());
            let (pending, heard) = (Arc::clone(&pending), Rc::clone(&shares));
            let share = bridge(scope, "extract", 1, move |sender| {
                let share = extract_share(&input, &target, &stage, index, &pending);
                // Without a dataflow there is nobody to tell.
                let _ = sender.send(share);
            });
            let input = self.input.clone();
            let all = share.broadcast().inspect(move |share: &Share| {
                if share.is_err() {
                    input.stop();
                }
                heard.borrow_mut().push(share.clone());
            });
            all.probe().0
        });
        worker.step_or_park_while(None, || !probe.done());

        // Taken in any case: the reading thread may hold its end for a moment more, and a part that gets no name must be
        // gone when the command ends.
        let part = pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let counts = sum(shares.take())?;
        counts.check(self.limit)?;
        part.map_or(Ok(()), Part::commit)?;
        Ok(counts)
    }
}

/// The counts of all workers, or the same failure for all of them.
fn sum(shares: Vec<Share>) -> Share {
    let mut sum = ReadCounts::default();
    let mut failures = Vec::new();
    for share in shares {
        match share {
            Ok(counts) => sum.merge(&counts),
            Err(failure) => failures.push(failure),
        }
    }
    failures.into_iter().min().map_or(Ok(sum), Err)
}

fn extract_share(input: &Input, target: &Target, stage: &Stage, worker: WorkerIndex, pending: &Pending) -> Share {
    let mut part = target.part(worker)?;
    let mut rows = TrainingRows::default();
    let read = input.read(worker, stage, &mut rows, |rows| {
        part.write(&rows.rows)?;
        rows.rows.clear();
        Ok(ControlFlow::Continue(()))
    });
    if let Err(failure) = read {
        input.stop();
        return Err(failure);
    }
    part.finish()?;
    *pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(part);
    Ok(rows.counts)
}

/// Collects training rows.
#[derive(Debug, Default)]
struct TrainingRows {
    rows: Vec<TrainingRow>,
    counts: ReadCounts,
}

impl RowSink for TrainingRows {
    const NEEDED: &'static [Column] = &Column::OF_A_FLIGHT;

    fn take(&mut self, row: &RawRow<'_>) -> Result<(), BadReason> {
        let flight = Flight::from_raw(row)?;
        self.counts.good += 1;
        self.counts.day_disagreements += u64::from(!flight.day_fields_agree);
        self.rows.push(TrainingRow::from(&flight));
        Ok(())
    }

    fn counts(&mut self) -> &mut ReadCounts {
        &mut self.counts
    }
}

#[cfg(test)]
mod tests;
