//! Bad rows among good ones: counted by reason, with the first place, up to a limit.

use flightline_engine::process::Exit;
use flightline_tests::rows::{json_line, json_lines, sample};
use flightline_tests::{Chance, Ended, Folder};
use serde_json::{Value, json};

use crate::training::{MODELS, Trained, assert_no_model, train};

/// A good row with one field set to something bad, and what the message says of it.
fn bad_rows() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("ArrDelay", Value::Null, "null ArrDelay"),
        ("Origin", json!("  "), "null Origin"),
        ("DepDelay", Value::Null, "null DepDelay"),
        ("Distance", json!(-1.0), "Distance is below 0"),
        ("Distance", json!("far"), "Distance is no number"),
        ("Distance", json!(1e9), "Distance is below 0 or above"),
        ("DayOfYear", json!(366), "DayOfYear is no day of the row's year"),
        ("DayOfYear", json!(0), "DayOfYear is no day of the row's year"),
        ("DayOfWeek", json!(0), "DayOfWeek is not 1 to 7"),
        ("DayOfMonth", json!(32), "DayOfMonth is not 1 to 31"),
        ("FlightDate", json!("2013-02-30"), "FlightDate is no day of the calendar"),
        ("FlightDate", json!("yesterday"), "FlightDate is no date"),
        ("CRSDepTime", json!("25:00"), "CRSDepTime is no time"),
        ("Carrier", json!("MUCHTOOLONG"), "Carrier is not 1 to 8"),
        ("Origin", json!("A-B"), "without a hyphen"),
        ("ArrDelay", json!(1e7), "minutes early or late"),
    ]
}

fn with(line: &str, field: &str, value: &Value) -> String {
    let mut row: Value = serde_json::from_str(line).expect("a row is JSON");
    row[field] = value.clone();
    row.to_string()
}

#[test]
fn each_kind_of_bad_row_is_told_with_its_place() {
    let folder = Folder::new();
    let rows = sample(100, 0);
    let good = String::from_utf8(json_lines(&rows)).expect("rows are UTF-8");
    let place = format!("rows.jsonl at byte {}", good.len());
    let malformed =
        ["", "{\"ArrDelay\":", "[1,2]", "null", "not JSON"].map(|line| (line.to_owned(), "not a whole row"));
    let wrong = bad_rows().into_iter().map(|(field, value, says)| (with(&json_line(&rows[0]), field, &value), says));
    for (line, says) in wrong.chain(malformed.into_iter().skip(1)) {
        folder.write("rows.jsonl", format!("{good}{line}\n{good}"));
        let ended = train(&folder).words("--input rows.jsonl --max-bad-rows 0 -w 2").finish();
        ended.expect(Exit::BadInput).says(&["1 of 201 rows are bad", says, &place, "--max-bad-rows"]).silent();
        assert_no_model(&folder, &ended);
    }
}

#[test]
fn bad_rows_up_to_the_limit_change_nothing_but_the_report() {
    let mut chance = Chance::new();
    let folder = Folder::new();
    let rows = sample(1_980, chance.below(100));
    folder.write("good.jsonl", json_lines(&rows));
    let good = Trained::by(train(&folder).words("--input good.jsonl"));

    // 20 bad of 2,000: just 1%.
    let kinds = bad_rows();
    let mut lines: Vec<String> = rows.iter().map(json_line).collect();
    for number in 0..20 {
        let (field, value, _) = &kinds[number % kinds.len()];
        lines.insert(chance.below(lines.len() + 1), with(&json_line(&rows[number]), field, value));
    }
    folder.write("mixed.jsonl", lines.join("\n"));
    for workers in ["1", "3"] {
        let mixed = Trained::by(train(&folder).args(["--input", "mixed.jsonl", "-w", workers]));
        assert_eq!((mixed.model(), mixed.count("rows")), (good.model(), 1_980), "{}", mixed.ended);
        assert_eq!(bad_rows_of_report(&folder, &mixed), 20, "{}", mixed.ended);
    }
    lines.push("one more".to_owned());
    folder.write("mixed.jsonl", lines.join("\n"));
    let ended = train(&folder).words("--input mixed.jsonl").finish();
    ended.expect(Exit::BadInput).says(&["21 of 2001 rows are bad", "0.01"]);
    for limit in ["1.1%", "0.011", "100%"] {
        let raised = Trained::by(train(&folder).args(["--input", "mixed.jsonl", "--max-bad-rows", limit]));
        assert_eq!(raised.model(), good.model(), "{}", raised.ended);
    }
}

/// Bad rows that the report in the model's folder counts.
fn bad_rows_of_report(folder: &Folder, trained: &Trained) -> u64 {
    let report = folder.read(format!("{MODELS}/{}/report.json", trained.model()));
    let report: Value = serde_json::from_str(&report).expect("the report is JSON");
    let bad = report["rows"]["bad"].as_array().expect("the report lists bad rows");
    bad.iter().filter_map(|reason| reason["rows"].as_u64()).sum()
}

#[test]
fn a_plain_file_cut_in_its_last_row_has_one_bad_row() {
    let folder = Folder::new();
    let mut lines = json_lines(&sample(500, 0));
    lines.truncate(lines.len() - 40);
    folder.write("cut.jsonl", lines);
    let trained = Trained::by(train(&folder).words("--input cut.jsonl"));
    assert_eq!(trained.count("rows"), 499, "{}", trained.ended);
    let refused: Ended = train(&folder).words("--input cut.jsonl --max-bad-rows 0").finish();
    refused.expect(Exit::BadInput).says(&["1 of 500 rows are bad", "cut off", "cut.jsonl at byte"]);
}
