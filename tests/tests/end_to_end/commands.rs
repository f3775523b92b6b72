//! The commands as a user meets them: help, JSON for scripts, and the small ones, `distances` and `extract`.

use std::collections::BTreeSet;
use std::fs;

use flightline_engine::process::Exit;
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::{Folder, Hosts, bundled_distances, bundled_flights, project_root};
use serde_json::Value;

use crate::training::{Trained, train};

const BINARIES: [&str; 11] = [
    "train",
    "model",
    "extract",
    "distances",
    "generate",
    "import",
    "predict",
    "replay",
    "dead-letters",
    "web",
    "demo",
];

fn fixture(name: &str) -> String {
    project_root().join("tests/fixtures").join(name).display().to_string()
}

#[test]
fn every_binary_has_a_help_with_examples_and_exit_codes() {
    let folder = Folder::new();
    for binary in BINARIES {
        let ended = folder.run(binary).arg("--help").succeed();
        for part in ["Usage:", "Examples:", "Exit codes:", binary] {
            assert!(ended.stdout.contains(part), "{part} is missing\n{ended}");
        }
        let version = folder.run(binary).arg("--version").succeed();
        assert_eq!(version.stdout.split_whitespace().next(), Some(binary), "{version}");
        folder.run(binary).arg("--nonsense").finish().expect(Exit::Usage).silent();
    }
}

#[test]
fn json_is_one_object_with_all_that_scripts_need() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(2_000, 0)));
    let trained = Trained::by(train(&folder).words("--input rows.jsonl -w 2"));
    assert_eq!((trained.count("rows"), trained.count("workers")), (2_000, 2));
    assert_eq!(trained.rows_per_worker().len(), 2);
    assert!(trained.count("peak_memory_bytes") > 1_000_000, "{}", trained.ended);
    let seconds = trained.json["seconds"].as_object().expect("seconds is an object");
    assert!(seconds.len() >= 4 && seconds.values().all(|time| time.as_f64().is_some_and(|time| time >= 0.0)));
    for stage in ["read", "grow", "save"] {
        assert!(seconds.contains_key(stage), "{stage}: {}", trained.ended);
    }
    for set in ["train", "test"] {
        let (accuracy, loss) = (trained.figure(set, "accuracy"), trained.figure(set, "log_loss"));
        assert!((0.3..=1.0).contains(&accuracy) && (0.1..2.0).contains(&loss), "{}", trained.ended);
        assert!((0.0..=1.0).contains(&trained.figure(set, "macro_f1")));
    }
    let id = trained.model();
    assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id} is no SHA-256");
}

#[test]
fn the_report_is_for_people_and_stands_in_the_models_folder() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(5_000, 0)));
    let ended =
        folder.run("train").words("--input rows.jsonl --preset accurate --trees 10 --holdout random:0.2").succeed();
    // The honest warning of a model that is judged by random rows.
    let text = ended.stdout.to_lowercase();
    for part in ["accuracy", "log loss", "5,000", "last days"] {
        assert!(text.contains(part), "{part:?} is missing\n{ended}");
    }
    assert!(!ended.stdout.contains('\u{1b}'), "no colours where there is no terminal\n{ended}");
    let current = folder.read("models/current");
    let files = folder.names(&format!("models/{}", current.trim()));
    for file in ["forest.parquet", "golden.jsonl", "model.json", "report.html"] {
        assert!(files.iter().any(|name| name == file), "{file} is not among {files:?}");
    }
    let page = folder.read(format!("models/{}/report.html", current.trim()));
    assert!(page.contains("<svg") && !page.contains("src=\"http"), "a page with pictures that needs no other");
}

#[test]
fn promote_never_saves_the_model_and_leaves_the_current_one() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(1_000, 0)));
    let first = Trained::by(train(&folder).words("--input rows.jsonl")).model();
    let second = Trained::by(train(&folder).words("--input rows.jsonl --seed 2 --promote never")).model();
    assert_eq!(folder.read("models/current").trim(), first);
    assert!(folder.join("models").join(second).join("model.json").is_file());
}

#[test]
fn linfa_makes_models_of_the_same_form() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(3_000, 0)));
    for workers in ["1", "2"] {
        let trained = Trained::by(train(&folder).words("--input rows.jsonl --grower linfa --trees 5 -w").arg(workers));
        assert!(trained.figure("test", "accuracy") > 0.35, "{}", trained.ended);
        folder.run("model").args(["verify", &trained.model()]).succeed();
    }
}

#[test]
fn distances_are_the_bundled_ones_byte_for_byte() {
    let folder = Folder::new();
    let expected = fs::read_to_string(bundled_distances()).expect("the bundled distances are there");
    let run = || folder.run("distances").arg("--input").arg(bundled_flights());
    for workers in ["1", "2", "4"] {
        let output = format!("{workers}.jsonl");
        run().args(["-w", workers, "--output", &output]).succeed().silent();
        assert!(folder.read(&output) == expected, "{workers} workers make another table");
    }
    let hosts = Hosts::new(&folder, 2);
    let second = hosts.process(run(), 1).start();
    let first = hosts.process(run(), 0).succeed();
    second.end_within(flightline_tests::DEADLINE).ok().silent();
    assert!(first.stdout == expected, "two processes make another table");
}

#[test]
fn a_table_that_is_there_is_left_unless_asked_for() {
    let folder = Folder::new();
    folder.write("table.jsonl", "mine");
    folder.write("rows.jsonl", json_lines(&sample(100, 0)));
    let run = || folder.run("distances").words("--input rows.jsonl --output table.jsonl");
    run().finish().expect(Exit::Storage).says(&["table.jsonl", "exists already"]);
    assert_eq!(folder.read("table.jsonl"), "mine");
    run().arg("--replace").succeed();
    assert!(folder.read("table.jsonl").starts_with("{\"Origin\""));
}

#[test]
fn extract_makes_rows_that_train_reads() {
    let folder = Folder::new();
    let lines = |workers: &str, input: &str| -> BTreeSet<String> {
        let subfolder = format!("out-{workers}-{}", input.rsplit('.').next().unwrap_or_default());
        fs::create_dir(folder.join(&subfolder)).expect("a folder can be made");
        let output = format!("{subfolder}/rows.jsonl");
        let run = folder.run("extract").args(["--input", &fixture(input), "--output", &output, "-w", workers]);
        let ended = run.args(["--max-bad-rows", "34%"]).succeed();
        assert!(ended.stderr.contains("1 cancelled"), "{ended}");
        let files = folder.names(&subfolder);
        assert_eq!(files.len().to_string(), workers, "{files:?}\n{ended}");
        files
            .iter()
            .flat_map(|name| {
                let text = folder.read(format!("{subfolder}/{name}"));
                text.lines().map(str::to_owned).collect::<Vec<_>>()
            })
            .collect()
    };
    let expected = lines("1", "bts_on_time.csv");
    assert_eq!(expected.len(), 6);
    for (workers, input) in [("2", "bts_on_time.csv"), ("1", "bts_on_time.zip"), ("4", "bts_on_time.zip")] {
        assert_eq!(lines(workers, input), expected, "{workers} workers from {input}");
    }
    let leap_day = expected.iter().find(|line| line.contains("\"FlightNum\":\"1\"")).expect("flight 1 of the fixture");
    let row: Value = serde_json::from_str(leap_day).expect("a row is JSON");
    assert_eq!((&row["DayOfYear"], &row["DayOfMonth"], &row["DayOfWeek"]), (&60.into(), &29.into(), &1.into()));
    let refused =
        folder.run("extract").args(["--input", &fixture("bts_on_time.csv"), "--output", "never.jsonl"]).finish();
    refused.expect(Exit::BadInput).says(&["3 of 9 rows are bad", "bts_on_time.csv"]);
    assert!(!folder.join("never.jsonl").exists());
}

#[test]
fn the_seeds_own_file_is_read_as_it_is() {
    let folder = Folder::new();
    let ids: BTreeSet<String> = ["simple_flight_delay_features.jsonl.bz2", "seed_rows.jsonl"]
        .into_iter()
        .map(|name| {
            let trained = Trained::by(train(&folder).args(["--input", &fixture(name), "-w", "2"]));
            assert_eq!(trained.count("rows"), 200, "{}", trained.ended);
            trained.model()
        })
        .collect();
    assert_eq!(ids.len(), 1);
}
