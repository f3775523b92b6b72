//! `distances`: the mean distance of each route, from flights, as the table that requests are looked up in.
//!
//! A differential dataflow: each flight is a change of its route's sum and count. Distances are summed in fixed point, so
//! the sum, and with it every byte of the table, is the same for any number of workers and any order of flights.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::{ArgAction, Parser};
use differential_dataflow::AsCollection;
use differential_dataflow::operators::CountTotal;
use flightline_connectors::files::{AtomicFile, Existing, Stores};
use flightline_engine::cluster::{self, ClusterFlags};
use flightline_engine::progress::{Progress, Stage};
use flightline_operators::columns::{Number, StableHasher};
use timely::dataflow::StreamVec;
use timely::dataflow::operators::vec::{Broadcast, Map};
use timely::dataflow::operators::{Concat, Exchange, Inspect, Probe};
use timely::worker::Worker;

use super::ReadFlags;
use crate::config::StoreFlags;
use crate::failure::{Failure, FailureKind};
use crate::flight::counts::ReadCounts;
use crate::input::Input;
use crate::stores::stores_of;
use crate::table::{DistanceRow, DistanceRows, DistanceTable, RouteKey};

const EXAMPLES: &str = "\
Examples:
  distances                                      the bundled flights, to standard output
  distances -w 4 --input '2019_*.zip' --output distances.jsonl
  distances --output distances.jsonl --replace

Exit codes: 0 done, 2 command line, 3 bad input, 4 storage, 5 cluster did not start, 6 a peer was lost,
130 interrupted; output is written whole or not at all.";

/// Makes the table of distances: the mean distance of each route, as JSON lines.
#[derive(Clone, Debug, Parser)]
#[command(name = "distances", version, after_help = EXAMPLES, disable_help_flag = true)]
pub struct DistancesFlags {
    /// Flights to read: paths, globs, folders or URLs
    #[arg(long, value_name = "GLOB", num_args = 1.., default_value = "data/flights.parquet")]
    pub input: Vec<String>,

    /// File to write; standard output without it
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

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

/// A sum of distances, in units of 2^-64 miles: exact for every `f64` from 2^-12 miles up.
type FixedMiles = i128;

/// Sum and number of the flights of a route: a difference of differential dataflow.
type Total = (FixedMiles, i64);

const UNITS_PER_MILE: f64 = 18_446_744_073_709_551_616.0;

/// Runs the command, and gives what was read by all workers. Process 0 writes the table.
///
/// # Errors
/// Flags, input or output that can't be used, or too many bad rows; nothing stands under the final name then.
pub fn run(flags: &DistancesFlags) -> Result<ReadCounts, Failure> {
    let (counts, table) = gather(&stores_of(&flags.stores)?, &flags.input, &flags.read, &flags.cluster)?;
    if let Some(table) = table {
        write_table(&table, flags.output.as_deref(), flags.replace)?;
    }
    Ok(counts)
}

/// The mean distance of each route of the flights in some files, and what was read by all workers. Process 0 has the
/// table.
///
/// # Errors
/// Flags or input that can't be used, or too many bad rows.
pub(super) fn gather(
    stores: &Stores,
    input: &[String],
    read: &ReadFlags,
    cluster: &ClusterFlags,
) -> Result<(ReadCounts, Option<DistanceTable>), Failure> {
    let plan = cluster.plan()?;
    let input = Input::resolve(stores, input, read.format, plan.workers())?;
    let progress = Progress::to_stderr();
    let stage = progress.stage("distances", input.unit(), plan.workers_here().get());
    let (is_lead, limit) = (plan.is_lead(), read.max_bad_rows.get());
    let plan = plan.with_fingerprint(input.agreement(&format!("distances {limit}")));
    let outcomes = cluster::run(plan, move |worker| mean_distances(worker, &input, &stage))?;
    progress.finish();

    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let (counts, table) = outcomes.into_iter().next().unwrap_or_default();
    counts.check(limit)?;
    Ok((counts, is_lead.then_some(table)))
}

/// The table (on worker 0, others get an empty one) and the counts of all workers (on each).
///
/// # Errors
/// The first failure of any worker, the same on each.
fn mean_distances(worker: &mut Worker, input: &Input, stage: &Stage) -> Result<(ReadCounts, DistanceTable), Failure> {
    let table = Rc::new(RefCell::new(DistanceTable::default()));
    let counts = Rc::new(RefCell::new(ReadCounts::default()));
    let failures = Rc::new(RefCell::new(Vec::new()));
    let probe = worker.dataflow::<u64, _, _>(|scope| {
        let (batches, failed) = input.separate(input.source::<_, DistanceRows>(scope, stage));
        let (table, counts, failures) = (Rc::clone(&table), Rc::clone(&counts), Rc::clone(&failures));
        let failed = failed.inspect(move |failure| failures.borrow_mut().push(failure.clone())).map(|_| ());
        let counted = batches.clone().map(|batch| batch.counts).broadcast();
        let counted = counted.inspect(move |part| counts.borrow_mut().merge(part)).map(|_| ());

        let changes = batches.flat_map(|batch| totals(&batch.rows)).map(|(route, total)| (route, 0_u64, total));
        let routes: StreamVec<'_, _, _> = changes.as_collection().count_total_core::<isize>().inner;
        let at_worker_0 =
            routes.exchange(|_| 0).inspect(move |((route, total), _time, change): &((RouteKey, Total), u64, isize)| {
                if *change > 0
                    && let Some(distance) = mean(*total)
                {
                    let RouteKey { origin, dest } = route.clone();
                    table.borrow_mut().insert(DistanceRow { origin, dest, distance });
                }
            });
        at_worker_0.map(|_| ()).concat(counted).concat(failed).probe().0
    });
    worker.step_or_park_while(None, || !probe.done());

    let first = failures.take().into_iter().min();
    first.map_or_else(|| Ok((counts.take(), table.take())), Err)
}

/// Sum and number of the flights of each route of a batch.
fn totals(rows: &[DistanceRow]) -> Vec<(RouteKey, Total)> {
    let mut totals: HashMap<(&str, &str), Total, StableHasher> = HashMap::default();
    for row in rows {
        let total = totals.entry((&row.origin, &row.dest)).or_default();
        total.0 += (row.distance.get() * UNITS_PER_MILE).round() as FixedMiles;
        total.1 += 1;
    }
    let key = |(origin, dest): (&str, &str)| RouteKey { origin: origin.into(), dest: dest.into() };
    totals.into_iter().map(|(route, total)| (key(route), total)).collect()
}

/// The mean, correctly rounded; `None` for no flights.
fn mean((sum, flights): Total) -> Option<Number> {
    let whole = sum.checked_div(flights.into())?;
    // A remainder only says on which side of a tie the mean lies: a bit far below the last of an `f64` does, too.
    let inexact = FixedMiles::from(whole * FixedMiles::from(flights) != sum);
    Number::new((whole | inexact) as f64 / UNITS_PER_MILE)
}

/// Writes a table under a name, or to standard output.
///
/// # Errors
/// The name is taken and not to be replaced, or can't be written; or standard output can't.
pub(super) fn write_table(table: &DistanceTable, output: Option<&Path>, replace: bool) -> Result<(), Failure> {
    let Some(path) = output else {
        let mut out = std::io::stdout().lock();
        return table.write_json_lines(&mut out).and_then(|()| out.flush()).map_err(|error| {
            Failure::new(FailureKind::Storage, format!("can't write the distances to standard output: {error}"))
        });
    };
    let existing = if replace { Existing::Replace } else { Existing::Refuse };
    let mut file = AtomicFile::create(path, existing)?;
    table.write_json_lines(&mut file).map_err(|error| file.error(&error))?;
    Ok(file.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bundled(name: &str) -> String {
        format!("{}/../data/{name}", env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn the_bundled_table_comes_from_the_bundled_flights_with_any_number_of_workers() {
        let expected = std::fs::read(bundled("origin_dest_distances.jsonl")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for workers in ["1", "3"] {
            let output = folder.path().join(format!("{workers}.jsonl"));
            let words = [
                "distances",
                "--input",
                &bundled("flights.parquet"),
                "-w",
                workers,
                "--output",
                output.to_str().unwrap(),
            ];
            let counts = run(&DistancesFlags::parse_from(words)).unwrap();
            assert_eq!(counts.good, 327_346);
            assert!(std::fs::read(&output).unwrap() == expected, "{workers} workers make another table");
        }
    }

    #[test]
    fn a_file_without_distances_ends_with_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("x.csv");
        std::fs::write(&input, "Origin,Dest\nA,B\n").unwrap();
        let output = folder.path().join("out.jsonl");
        let words = ["distances", "-w", "2", "--input", input.to_str().unwrap(), "--output", output.to_str().unwrap()];
        let failure = run(&DistancesFlags::parse_from(words)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadInput);
        assert!(
            failure
                .message
                .ends_with("x.csv has no column Distance; of the columns that flights have it has Dest, Origin"),
            "{failure}"
        );
        assert!(!output.exists());
    }

    proptest! {
        #[test]
        fn a_mean_is_exact_in_any_grouping(
            miles in prop::collection::vec(0_u32..25_000, 1..50), cut in 0_usize..50,
        ) {
            let rows: Vec<DistanceRow> = miles
                .iter()
                .map(|miles| DistanceRow { origin: "A".into(), dest: "B".into(), distance: Number::from(*miles as i32) })
                .collect();
            let (head, tail) = rows.split_at(cut.min(rows.len()));
            let total = [head, tail].into_iter().flat_map(totals).fold((0, 0), |sum, (_, part)| (sum.0 + part.0, sum.1 + part.1));
            let sum: u32 = miles.iter().sum();
            prop_assert_eq!(mean(total).map(Number::get), Some(f64::from(sum) / miles.len() as f64));
        }

        #[test]
        fn equal_distances_keep_their_last_bit(miles in 0.001_f64..25_000.0, flights in 1_usize..2000) {
            let row = DistanceRow { origin: "A".into(), dest: "B".into(), distance: Number::new(miles).unwrap() };
            let total = totals(&vec![row; flights]).remove(0).1;
            prop_assert_eq!(mean(total).map(Number::get), Some(miles));
        }
    }
}
