//! The fixtures, extracted: against rows worked out by hand, with several workers, and into every format.

use std::path::Path;

use flightline_connectors::files::Stores;
use flightline_engine::ids::WorkerCount;
use flightline_engine::progress::Unit;
use flightline_operators::identity::RowIdentity;

use super::*;
use crate::failure::FailureKind;
use crate::flight::FlightBatchBuilder;

/// The good rows of `bts_on_time.csv`; the fixtures' README says what each of them is for.
const EXPECTED: &str = "\
{\"ArrDelay\":5.0,\"CRSArrTime\":\"2016-02-28T08:20:00.000Z\",\"CRSDepTime\":\"2016-02-28T08:05:00.000Z\",\"Carrier\":\"WN\",\"DayOfMonth\":28,\"DayOfWeek\":7,\"DayOfYear\":59,\"DepDelay\":14.0,\"Dest\":\"SAN\",\"Distance\":368.0,\"FlightDate\":\"2016-02-28\",\"FlightNum\":\"6109\",\"Origin\":\"TUS\"}
{\"ArrDelay\":-16.0,\"CRSArrTime\":\"2016-02-29T03:20:00.000Z\",\"CRSDepTime\":\"2016-02-29T00:05:00.000Z\",\"Carrier\":\"AA\",\"DayOfMonth\":29,\"DayOfWeek\":1,\"DayOfYear\":60,\"DepDelay\":-3.0,\"Dest\":\"LAX\",\"Distance\":2475.0,\"FlightDate\":\"2016-02-29\",\"FlightNum\":\"1\",\"Origin\":\"JFK\"}
{\"ArrDelay\":0.0,\"CRSArrTime\":\"2016-03-01T07:05:00.000Z\",\"CRSDepTime\":\"2016-02-29T23:45:00.000Z\",\"Carrier\":\"DL\",\"DayOfMonth\":29,\"DayOfWeek\":1,\"DayOfYear\":60,\"DepDelay\":0.0,\"Dest\":\"ATL\",\"Distance\":2139.0,\"FlightDate\":\"2016-02-29\",\"FlightNum\":\"0045\",\"Origin\":\"SFO\"}
{\"ArrDelay\":30.0,\"CRSArrTime\":\"2017-01-01T00:00:00.000Z\",\"CRSDepTime\":\"2016-12-31T22:00:00.000Z\",\"Carrier\":\"DL\",\"DayOfMonth\":31,\"DayOfWeek\":6,\"DayOfYear\":366,\"DepDelay\":31.0,\"Dest\":\"ATL\",\"Distance\":2139.0,\"FlightDate\":\"2016-12-31\",\"FlightNum\":\"46\",\"Origin\":\"SFO\"}
{\"ArrDelay\":-15.0,\"CRSArrTime\":\"2017-01-01T02:30:00.000Z\",\"CRSDepTime\":\"2017-01-01T00:00:00.000Z\",\"Carrier\":\"DL\",\"DayOfMonth\":31,\"DayOfWeek\":6,\"DayOfYear\":366,\"DepDelay\":-1.0,\"Dest\":\"SFO\",\"Distance\":2139.0,\"FlightDate\":\"2016-12-31\",\"FlightNum\":\"47\",\"Origin\":\"ATL\"}
{\"ArrDelay\":95.0,\"CRSArrTime\":\"2016-12-31T19:30:00.000Z\",\"CRSDepTime\":\"2016-12-31T11:00:00.000Z\",\"Carrier\":\"AA\",\"DayOfMonth\":31,\"DayOfWeek\":6,\"DayOfYear\":366,\"DepDelay\":12.0,\"Dest\":\"JFK\",\"Distance\":2475.0,\"FlightDate\":\"2016-12-31\",\"FlightNum\":\"4\",\"Origin\":\"LAX\"}
";

fn fixture(name: &str) -> String {
    format!("{}/../tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn extract(input: &str, output: &Path, more: &[&str]) -> Result<ReadCounts, Failure> {
    let words = ["extract", "--input", input, "--output", output.to_str().unwrap()];
    let extracted = run(&ExtractFlags::parse_from(words.iter().chain(more)))?;
    let (read_back, _) = identities(&extracted.written, 1);
    assert_eq!(read_back.good, extracted.counts.good, "{} holds what was written", extracted.written);
    Ok(extracted.counts)
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The identities of all good rows, sorted, read by so many workers.
fn identities(pattern: &str, workers: usize) -> (ReadCounts, Vec<RowIdentity>) {
    let input =
        Input::resolve(&Stores::new().unwrap(), &[pattern.to_owned()], None, WorkerCount::new(workers)).unwrap();
    let stage = Progress::hidden().stage("read", Unit::Bytes, workers);
    let (mut counts, mut all) = (ReadCounts::default(), Vec::new());
    for worker in 0..workers {
        let mut sink = FlightBatchBuilder::default();
        let go_on = |_: &mut _| Ok(ControlFlow::Continue(()));
        input.read(WorkerIndex::new(worker), &stage, &mut sink, go_on).unwrap();
        let batch = sink.finish();
        counts.merge(&batch.counts);
        all.extend_from_slice(&batch.identities);
    }
    all.sort();
    (counts, all)
}

#[test]
fn the_bts_fixture_gives_the_rows_worked_out_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["bts_on_time.csv", "bts_on_time.zip"] {
        let output = folder.path().join(format!("{name}.jsonl"));
        let counts = extract(&fixture(name), &output, &["--max-bad-rows", "34%"]).unwrap();
        assert_eq!(std::fs::read_to_string(&output).unwrap(), EXPECTED, "{name}");
        assert_eq!((counts.good, counts.cancelled, counts.diverted), (6, 1, 1));
        let reasons: Vec<(BadReason, u64)> = counts.bad.iter().map(|(reason, bad)| (*reason, bad.rows)).collect();
        let expected = [
            (BadReason::Null(Column::ArrDelay), 1),
            (BadReason::OutOfRange(Column::CrsDepTime), 1),
            (BadReason::OutOfRange(Column::Distance), 1),
        ];
        assert_eq!(reasons, expected);
    }
}

#[test]
fn several_workers_write_parts_that_hold_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("rows.jsonl");
    let counts = extract(&fixture("bts_on_time.csv"), &output, &["--max-bad-rows", "0.34", "-w", "3"]).unwrap();
    assert_eq!(counts.good, 6);
    assert_eq!(names_in(folder.path()), ["rows-1-of-3.jsonl", "rows-2-of-3.jsonl", "rows-3-of-3.jsonl"]);
    let parts =
        names_in(folder.path()).into_iter().map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap());
    let whole: String = parts.collect();
    assert_eq!(whole, EXPECTED, "a plain file is cut in order");

    let failure = extract(&fixture("bts_on_time.csv"), &output, &["--max-bad-rows", "0.34", "--replace"]).unwrap_err();
    assert!(failure.message.contains("is the output of a run with another number of workers"), "{failure}");
    assert_eq!(failure.kind, FailureKind::Storage);
}

#[test]
fn too_many_bad_rows_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("rows.jsonl");
    let failure = extract(&fixture("bts_on_time.csv"), &output, &["-w", "2"]).unwrap_err();
    assert!(failure.message.starts_with("3 of 9 rows are bad, a share of 0.3333 above the limit of 0.01"), "{failure}");
    assert_eq!(failure.kind, FailureKind::BadInput);
    assert_eq!(names_in(folder.path()), [""; 0]);
}

#[test]
fn every_format_holds_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (_, expected) = identities(&fixture("bts_on_time.csv"), 1);
    assert_eq!(expected.len(), 6);
    for name in ["a.jsonl", "b.jsonl.gz", "c.jsonl.bz2", "d.jsonl.zst", "e.parquet"] {
        let output = folder.path().join(name);
        extract(&fixture("bts_on_time.csv"), &output, &["--max-bad-rows", "0.34"]).unwrap();
        let (counts, found) = identities(output.to_str().unwrap(), 1);
        assert_eq!(found, expected, "{name}");
        assert_eq!((counts.bad_rows(), counts.day_disagreements), (0, 0), "{name}");
    }
    let failure = extract(&fixture("bts_on_time.csv"), &folder.path().join("rows.csv"), &[]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Usage);
}

#[test]
fn the_seeds_file_reads_as_it_is_with_any_number_of_workers() {
    let (counts, expected) = identities(&fixture("seed_rows.jsonl"), 1);
    assert_eq!((counts.good, counts.bad_rows(), counts.day_disagreements), (200, 0, 0));
    for workers in [1, 3] {
        let (counts, found) = identities(&fixture("simple_flight_delay_features.jsonl.bz2"), workers);
        assert_eq!((counts.good, found == expected), (200, true), "{workers} workers");
    }
}
