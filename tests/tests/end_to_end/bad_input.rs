//! Input that can't be used: each ends in one clear sentence and its exit code, and leaves nothing behind.

use flightline_engine::process::Exit;
use flightline_tests::rows::{Zip, json_lines, packed, parquet_file, sample};
use flightline_tests::{Folder, Hosts, Invocation};

use crate::training::{assert_no_model, train};

/// The bytes of a file in the form of the BTS, without the columns that are named.
fn csv_without(columns: &[&str]) -> String {
    let all = [
        ("FlightDate", "2013-01-05"),
        ("Carrier", "UA"),
        ("FlightNum", "17"),
        ("Origin", "EWR"),
        ("Dest", "SFO"),
        ("CRSDepTime", "0800"),
        ("CRSArrTime", "1100"),
        ("DepDelay", "3"),
        ("ArrDelay", "-4"),
        ("Distance", "2565"),
    ];
    let kept = || all.iter().filter(|(name, _)| !columns.contains(name));
    let line = |fields: Vec<&str>| fields.join(",") + "\n";
    line(kept().map(|(name, _)| *name).collect()) + &line(kept().map(|(_, value)| *value).collect()).repeat(50)
}

fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// What is wrong: the file's name and bytes, and what the last line must say beside the name.
struct Case(&'static str, Vec<u8>, &'static [&'static str]);

fn cases() -> Vec<Case> {
    let rows = sample(400, 0);
    let (lines, parquet) = (json_lines(&rows), parquet_file(&rows, 100));
    let zip = include_bytes!("../../fixtures/bts_on_time.zip").to_vec();
    let text = b"this is no such file, whatever it is called\n".to_vec();
    let without_distance = String::from_utf8_lossy(&lines).replace("\"Distance\"", "\"Miles\"").into_bytes();
    vec![
        Case("rows.xyz", lines.clone(), &["--format"]),
        Case("no-distance.csv", csv_without(&["Distance"]).into(), &["no column Distance"]),
        Case("no-label.csv", csv_without(&["ArrDelay"]).into(), &["no column ArrDelay"]),
        Case("two-missing.csv", csv_without(&["Origin", "Dest"]).into(), &["Origin", "Dest"]),
        Case("no-distance.jsonl", without_distance, &["400 of them: null Distance", "at byte 0"]),
        Case("empty.jsonl", Vec::new(), &[]),
        Case("blank.jsonl", b"\n\n\n".to_vec(), &[]),
        Case("empty.csv", Vec::new(), &[]),
        Case("header-only.csv", csv_without(&[]).lines().next().unwrap_or_default().into(), &[]),
        Case("empty.parquet", Vec::new(), &[]),
        Case("no-rows.parquet", parquet_file(&[], 100), &[]),
        Case("empty.jsonl.gz", packed(b"", Zip::Gzip), &[]),
        Case("empty.jsonl.bz2", packed(b"", Zip::Bzip2), &[]),
        Case("no-bytes.jsonl.zst", Vec::new(), &[]),
        Case("cut.jsonl.gz", cut(packed(&lines, Zip::Gzip)), &["byte"]),
        Case("cut.jsonl.bz2", cut(packed(&lines, Zip::Bzip2)), &["byte"]),
        Case("cut.jsonl.zst", cut(packed(&lines, Zip::Zstandard)), &["byte"]),
        Case("cut.parquet", cut(parquet), &["Parquet"]),
        Case("cut.zip", cut(zip), &["zip"]),
        Case("text.parquet", text.clone(), &["Parquet"]),
        Case("text.jsonl.gz", text.clone(), &["byte 0"]),
        Case("text.jsonl.bz2", text.clone(), &["byte 0"]),
        Case("text.jsonl.zst", text.clone(), &["byte 0"]),
        Case("text.zip", text.clone(), &["zip"]),
        Case("text.jsonl", text.repeat(10), &["10 of", "not a whole row", "at byte 0"]),
    ]
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_the_reason() {
    for Case(name, bytes, reasons) in cases() {
        let folder = Folder::new();
        folder.write(name, bytes);
        for workers in ["-w 1", "-w 3"] {
            let ended = train(&folder).words(workers).args(["--input", name]).finish();
            ended.expect(Exit::BadInput).says(reasons).silent();
            // A file without a row is no mistake in itself: only all of them together are too little.
            let no_rows = ended.verdict().contains("no usable row");
            assert!(no_rows || ended.verdict().contains(name), "{name} is not named\n{ended}");
            assert_no_model(&folder, &ended);
        }
    }
}

#[test]
fn input_that_is_not_there_is_named() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(400, 0)));
    folder.write("papers/letter.txt", "Dear reader");
    for (arguments, says) in [
        ("--input nothing.jsonl", &["`nothing.jsonl`", "no file"][..]),
        ("--input rows.jsonl nothing.jsonl", &["`nothing.jsonl`"]),
        ("--input none-*.jsonl", &["`none-*.jsonl`", "no file matches"]),
        ("--input papers", &["papers", "no data file"]),
        ("--input rows.jsonl --test nothing.parquet", &["`nothing.parquet`"]),
        ("--input rows.jsonl/further.jsonl", &["rows.jsonl/further.jsonl"]),
        ("--input s4://bucket/rows.jsonl", &["s4://bucket/rows.jsonl"]),
    ] {
        let ended = train(&folder).words(arguments).finish();
        ended.expect(Exit::BadInput).says(says).silent();
        assert_no_model(&folder, &ended);
    }
}

#[test]
fn mistakes_on_the_command_line_are_named() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(400, 0)));
    for (arguments, says) in [
        ("--format avro", &["avro", "jsonl"][..]),
        ("--preset best", &["best", "accurate"]),
        ("--trees 0", &["trees"]),
        ("--depth 200", &["depth"]),
        ("--trees many", &["many", "--trees"]),
        ("--bins 0", &["bins"]),
        ("--min-rows 0", &["min-rows"]),
        ("--smoothing=-1", &["smoothing"]),
        ("--features-per-node none", &["none", "sqrt"]),
        ("--features-per-node 0", &["features-per-node"]),
        ("--features Moon", &["Moon"]),
        ("--features Carrier,Carrier", &["Carrier"]),
        ("--impurity gin", &["gin", "gini"]),
        ("--holdout last:2", &["last:2"]),
        ("--holdout first:0.2", &["first:0.2", "random"]),
        ("--max-bad-rows 2", &["2", "max-bad-rows"]),
        ("--max-bad-rows x%", &["x%"]),
        ("--grower oak", &["oak", "histogram"]),
        ("--seed x", &["--seed"]),
        ("-w 0", &["-w 0"]),
        ("-n 2 -p 2 --insecure", &["-p 2", "-n 2"]),
        ("-n 2", &["-n 2 needs a secret", "--secret-file", "/dev/urandom", "--insecure"]),
        ("-n 2 --insecure --secret-file x", &["--insecure", "--secret-file"]),
        ("--unheard-of", &["--unheard-of"]),
    ] {
        let ended = train(&folder).args(["--input", "rows.jsonl"]).words(arguments).finish();
        ended.expect(Exit::Usage).silent();
        for part in says {
            assert!(ended.stderr.contains(part), "{part:?} is not in\n{ended}");
        }
        assert_no_model(&folder, &ended);
    }
}

#[test]
fn a_folder_of_models_that_is_a_file_is_refused() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(400, 0)));
    folder.write("models", "I was here before");
    let ended = train(&folder).args(["--input", "rows.jsonl"]).finish();
    ended.expect(Exit::Storage).says(&["models"]).silent();
    assert_eq!(folder.read("models"), "I was here before");
}

#[test]
fn all_processes_end_alike_when_one_meets_a_bad_file() {
    let folder = Folder::new();
    let lines = json_lines(&sample(4_000, 0));
    folder.write("rows/a.jsonl.gz", packed(&lines, Zip::Gzip));
    folder.write("rows/b.jsonl.gz", cut(packed(&lines, Zip::Gzip)));
    let hosts = Hosts::new(&folder, 2);
    let process = |index| -> Invocation { hosts.process(train(&folder).args(["--input", "rows/*"]), index) };
    let second = process(1).start();
    for ended in [process(0).finish(), second.end_within(flightline_tests::DEADLINE)] {
        ended.expect(Exit::BadInput).says(&["b.jsonl.gz", "byte"]).silent();
        assert_no_model(&folder, &ended);
    }
}
