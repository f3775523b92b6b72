use std::collections::BTreeMap;

use clap::Parser;

use super::*;
use crate::answer::Question;
use crate::model::Model;
use crate::model::sample::{Dice, SMALL, flight, parts};
use crate::model::{GoldenError, GoldenRow};
use crate::request::Request;
use crate::response::{Outcome, Response};
use crate::table::{DistanceRow, RouteKey};

/// A registry with a small model, a table without some routes, and requests of which some are bad.
struct World {
    folder: tempfile::TempDir,
    model: Model,
    table: DistanceTable,
    lines: Vec<Vec<u8>>,
}

impl World {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path().join("models");
        let model = Model::new(parts(seed, SMALL)).unwrap();
        model.save(&models, &[]).unwrap();
        Registry::in_folder(&models).promote(&model.id()).unwrap();

        let dice = &mut Dice::new(seed);
        let flights: Vec<_> = (0..600).map(|_| flight(dice)).collect();
        let distance = |at: usize| {
            let request = &flights[at].request;
            DistanceRow { origin: request.origin.clone(), dest: request.dest.clone(), distance: flights[at].distance }
        };
        let table: DistanceTable = (0..12).map(distance).collect();
        let mut file = File::create(folder.path().join("distances.jsonl")).unwrap();
        table.write_json_lines(&mut file).unwrap();

        let mut lines: Vec<Vec<u8>> =
            flights.iter().map(|flight| serde_json::to_vec(&flight.request).unwrap()).collect();
        let uuid = "6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77";
        lines.insert(3, format!("{{\"UUID\":\"{uuid}\",\"Origin\":\"A1\"}}").into_bytes());
        lines.insert(300, format!("{{\"UUID\":\"{uuid}\",\"Orig").into_bytes());
        lines.push(b"{\"Origin\":\"A1\"}".to_vec());
        lines.push(b"\xff\xfe no JSON".to_vec());
        std::fs::write(folder.path().join("requests.jsonl"), lines.join(&b'\n')).unwrap();
        Self { folder, model, table, lines }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn predict(&self, output: &str, more: &[&str]) -> Result<Summary, Failure> {
        let paths = ["requests.jsonl", output, "models", "distances.jsonl"].map(|name| self.path(name));
        let mut words = vec!["predict", "--input", &paths[0], "--output", &paths[1], "--models", &paths[2]];
        words.extend(["--distances", &paths[3]]);
        words.extend(more);
        predict(&PredictFlags::try_parse_from(words).unwrap()).map(|(_, summary)| summary)
    }

    /// The sorted lines of all files whose names start so.
    fn output(&self, folder: &str, start: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in std::fs::read_dir(self.path(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_str().unwrap().starts_with(start) {
                lines.extend(std::fs::read_to_string(entry.path()).unwrap().lines().map(str::to_owned));
            }
        }
        lines.sort();
        lines
    }

    /// The answers, one row after the other, without a dataflow.
    fn row_by_row(&self) -> Vec<String> {
        let serving = Serving::start(self.model.clone()).unwrap();
        let answer = |line: &Vec<u8>| match Request::parse(line) {
            Ok(request) => {
                let distance = self.table.get(&request.route_key());
                serving.answer(vec![Question { request, distance }]).pop()
            }
            Err(bad) => {
                let outcome = Outcome::Unreadable(bad.id?, bad.reason.to_string().into());
                Some(Response { model: serving.id().to_string().into(), position: None, outcome })
            }
        };
        let mut lines: Vec<String> =
            self.lines.iter().filter_map(answer).map(|answer| answer.to_json().unwrap()).collect();
        lines.sort();
        lines
    }
}

#[test]
fn any_number_of_workers_answers_as_row_by_row() {
    let world = World::new(5);
    let expected = world.row_by_row();
    let errors = expected.iter().filter(|line| line.contains("\"Status\":\"ERROR\"")).count() as u64;
    assert!(errors > 10 && errors < 590, "{errors} errors are no test");
    for workers in ["1", "2", "4"] {
        let summary = world.predict(workers, &["-w", workers]).unwrap();
        assert_eq!(world.output(workers, "part-"), expected, "{workers} workers");
        assert_eq!((summary.answers(), summary.failed()), (602, errors));
        assert_eq!(summary.errors["unknown route"], errors - 2);
        assert!(
            summary.unseen["Carrier"] > 0 || !world.model.schema().features.contains(&crate::flight::Feature::Carrier)
        );
        assert_eq!(summary.without_uuid, 2);
        assert_eq!(summary.dead_letters.values().sum::<u64>(), 4);
        let letters = world.output(workers, "dead-letters-");
        assert_eq!(letters.len(), 4);
        let letter = letters.iter().find(|letter| letter.contains("\"Hex\"")).unwrap();
        assert!(letter.contains("\"Hex\":\"fffe206e6f204a534f4e\""), "{letter}");
    }
}

#[test]
fn equal_flights_get_uuids_of_their_own_with_any_number_of_workers() {
    let world = World::new(6);
    let row = "{\"ArrDelay\":1.0,\"CRSArrTime\":\"2015-01-01T12:00:00.000Z\",\"CRSDepTime\":\"2015-01-01T10:00:00.000Z\",\
               \"Carrier\":\"A1\",\"DayOfMonth\":1,\"DayOfWeek\":4,\"DayOfYear\":1,\"DepDelay\":2.0,\"Dest\":\"A2\",\
               \"Distance\":10.0,\"FlightDate\":\"2015-01-01\",\"FlightNum\":\"7\",\"Origin\":\"A1\"}\n";
    std::fs::write(world.path("requests.jsonl"), row.repeat(3000) + "{\"ArrDelay\":null}\n").unwrap();
    let mut outputs = Vec::new();
    for workers in ["1", "3"] {
        let summary = world.predict(workers, &["-w", workers]).unwrap();
        assert_eq!((summary.flights.good, summary.flights.bad_rows()), (3000, 1));
        assert_eq!(summary.answers(), 3000);
        outputs.push(world.output(workers, "part-"));
    }
    assert_eq!(outputs[0], outputs[1]);
    outputs[0].dedup();
    assert_eq!(outputs[0].len(), 3000);
    let failure = world.predict("never", &["--max-bad-rows", "0", "-w", "2"]).unwrap_err();
    assert!(failure.message.starts_with("1 of 3001 rows are bad"), "{failure}");
    assert!(!Path::new(&world.path("never")).exists());
}

#[test]
fn output_is_replaced_only_when_asked_and_only_if_it_is_ours() {
    let world = World::new(7);
    world.predict("out", &["-w", "4"]).unwrap();
    let failure = world.predict("out", &[]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Storage);
    world.predict("out", &["--replace", "--output-format", "parquet"]).unwrap();
    let names: BTreeMap<String, u64> = std::fs::read_dir(world.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len()))
        .collect();
    assert_eq!(names.keys().collect::<Vec<_>>(), ["dead-letters-00000.jsonl", "part-00000.parquet"]);
    std::fs::write(Path::new(&world.path("out")).join("thesis.tex"), "").unwrap();
    let failure = world.predict("out", &["--replace"]).unwrap_err();
    assert!(failure.message.contains("holds `thesis.tex`, which is no output of predict"), "{failure}");
}

#[test]
fn parquet_holds_what_the_lines_hold() {
    let world = World::new(8);
    world.predict("lines", &[]).unwrap();
    world.predict("columns", &["--output-format", "parquet"]).unwrap();
    let file = File::open(Path::new(&world.path("columns")).join("part-00000.parquet")).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut found = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let texts = |name: &str| column(name).as_any().downcast_ref::<arrow_array::StringArray>().unwrap().clone();
        let classes = column("Prediction").as_any().downcast_ref::<arrow_array::Int32Array>().unwrap().clone();
        let (ids, status) = (texts("UUID"), texts("Status"));
        let class = |row: usize| classes.iter().nth(row).unwrap().map(i64::from);
        found.extend(
            (0..batch.num_rows()).map(|row| (ids.value(row).to_owned(), status.value(row).to_owned(), class(row))),
        );
    }
    found.sort();
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap().to_owned();
    let mut expected: Vec<_> = world
        .output("lines", "part-")
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| (text(&line, "UUID"), text(&line, "Status"), line["Prediction"].as_i64()))
        .collect();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_wrong_golden_answer_is_refused_by_row_and_field() {
    let model = Model::new(parts(9, SMALL)).unwrap();
    let mut rows: Vec<GoldenRow> = model.golden().to_vec();
    let serving = Arc::new(Serving::start(model).unwrap());
    assert_eq!(golden::check(&serving, &rows), Ok(()));
    rows[3].answer = rows[3].answer.replace("\"Status\":\"OK\"", "\"Status\":\"ERROR\"").into();
    match golden::check(&serving, &rows) {
        Err(GoldenError::Differs { row, field, .. }) => assert_eq!((row, field.as_str()), (4, "Status")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn golden_rows_of_one_route_keep_their_own_distances() {
    let mut parts = parts(10, SMALL);
    let route = RouteKey { origin: "A1".into(), dest: "A2".into() };
    for golden in &mut parts.golden {
        golden.request.origin = route.origin.clone();
        golden.request.dest = route.dest.clone();
    }
    let model = Model::new(parts).unwrap();
    let rows = model.golden().to_vec();
    let serving = Arc::new(Serving::start(model).unwrap());
    assert_eq!(golden::check(&serving, &rows), Ok(()));
}

#[test]
fn what_is_missing_is_told_in_one_sentence() {
    let world = World::new(11);
    let failure = world.predict("out", &["--model", "zz"]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Usage);
    std::fs::remove_file(world.path("distances.jsonl")).unwrap();
    let failure = world.predict("out", &[]).unwrap_err();
    assert!(failure.message.starts_with("can't read the distances"), "{failure}");
    assert!(!Path::new(&world.path("out")).exists());
}
