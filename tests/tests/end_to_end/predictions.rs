//! Batch prediction: answers depend on the requests, the model and the table, and on nothing else.

use std::collections::BTreeSet;
use std::fs;

use flightline_engine::process::Exit;
use flightline_tests::rows::{Zip, json_lines, packed, sample};
use flightline_tests::{Chance, DEADLINE, Folder, Hosts, Invocation, bundled_distances};
use serde_json::Value;

use crate::training::{MODELS, Trained, train};

/// A folder with a model, the bundled table in its usual place, and the id of the model.
fn folder_with_model() -> (Folder, String) {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(5_000, 0)));
    let table = fs::read(bundled_distances()).expect("the bundled distances are there");
    folder.write("data/origin_dest_distances.jsonl", table);
    let id = Trained::by(train(&folder).words("--input rows.jsonl")).model();
    (folder, id)
}

fn predict(folder: &Folder, input: &str, output: &str) -> Invocation {
    folder.run("predict").args(["--input", input, "--output", output, "--models", MODELS])
}

/// All lines of the files in a folder whose names start so, sorted.
fn lines_of(folder: &Folder, output: &str, start: &str) -> Vec<String> {
    let files = folder.names(output).into_iter().filter(|name| name.starts_with(start));
    let mut lines: Vec<String> = files
        .flat_map(|name| folder.read(format!("{output}/{name}")).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    lines.sort();
    lines
}

/// All answers, sorted.
fn answers(folder: &Folder, output: &str) -> Vec<String> {
    lines_of(folder, output, "part-")
}

/// Requests as clients send them: of all kinds that there are, and some that are none.
fn requests(chance: &mut Chance, number: usize) -> Vec<String> {
    let routes = [("EWR", "ALB"), ("JFK", "LAX"), ("LGA", "ORD"), ("XXX", "YYY"), ("JFK", "SFO")];
    (0..number)
        .map(|at| {
            let (origin, dest) = routes[chance.below(routes.len())];
            let uuid = format!("{:016x}{:016x}", chance.next_number(), chance.next_number());
            let uuid = format!("{}-{}-4{}-a{}-{}", &uuid[..8], &uuid[8..12], &uuid[13..16], &uuid[17..20], &uuid[20..]);
            let carrier = ["UA", "AA", "ZZ"][chance.below(3)];
            match at % 50 {
                48 => format!("{{\"UUID\":\"{uuid}\",\"Origin\":\"EWR\"}}"),
                49 => "no request at all".to_owned(),
                _ => serde_json::json!({
                    "UUID": uuid, "Origin": origin, "Dest": dest, "FlightNum": "17", "FlightDate": "2013-07-04",
                    "Carrier": carrier, "DepDelay": chance.below(200) as f64 - 30.0,
                    "Timestamp": "2013-07-03T00:00:00Z", "DayOfWeek": 0, "Distance": 1.0,
                })
                .to_string(),
            }
        })
        .collect()
}

#[test]
fn golden_requests_get_golden_answers() {
    let (folder, id) = folder_with_model();
    let golden = folder.read(format!("{MODELS}/{id}/golden.jsonl"));
    let rows: Vec<Value> =
        golden.lines().map(|line| serde_json::from_str(line).expect("golden rows are JSON")).collect();
    assert_eq!(rows.len(), 100);
    let lines: String = rows.iter().map(|row| format!("{}\n", row["Request"])).collect();
    folder.write("requests.jsonl", lines);
    predict(&folder, "requests.jsonl", "out").succeed();
    let found: Vec<Value> =
        answers(&folder, "out").iter().map(|line| serde_json::from_str(line).expect("answers are JSON")).collect();
    assert_eq!(found.len(), 100);
    for row in &rows {
        let mut expected = row["Answer"].clone();
        expected["Model"] = id.as_str().into();
        let answer = found.iter().find(|answer| answer["UUID"] == expected["UUID"]).expect("every request is answered");
        assert_eq!(*answer, expected);
    }
}

#[test]
fn the_same_bytes_from_any_workers_order_and_packing() {
    let mut chance = Chance::new();
    let (folder, id) = folder_with_model();
    let mut lines = requests(&mut chance, 4_000);
    folder.write("requests.jsonl", lines.join("\n") + "\n");
    chance.shuffle(&mut lines);
    let shuffled = lines.join("\n") + "\n";
    folder.write("shuffled/a.jsonl.gz", packed(shuffled.as_bytes(), Zip::Gzip));
    let run = |input: &str, output: &str, workers: &str| predict(&folder, input, output).args(["-w", workers]);
    let one = run("requests.jsonl", "one", "1").succeed();
    let expected = answers(&folder, "one");
    // One in fifty lacks fields and is told so, one in fifty is no request and can't be told.
    assert_eq!(expected.len(), 3_920, "{one}");
    assert_eq!(lines_of(&folder, "one", "dead-letters-").len(), 160, "{one}");
    for (input, output, workers) in
        [("requests.jsonl", "two", "2"), ("requests.jsonl", "four", "4"), ("shuffled/*", "three", "3")]
    {
        let ended = run(input, output, workers).succeed();
        assert!(answers(&folder, output) == expected, "{workers} workers answer otherwise\n{ended}");
        assert_eq!(lines_of(&folder, output, "dead-letters-").len(), 160, "{ended}");
    }
    let hosts = Hosts::new(&folder, 2);
    let second = hosts.process(run("requests.jsonl", "processes", "1"), 1).start();
    let first = hosts.process(run("requests.jsonl", "processes", "1"), 0).succeed();
    second.end_within(DEADLINE).ok();
    assert!(answers(&folder, "processes") == expected, "two processes answer otherwise\n{first}");
    let parsed: Vec<Value> =
        expected.iter().map(|line| serde_json::from_str(line).expect("answers are JSON")).collect();
    for answer in &parsed {
        let known_route = answer["Route"] != "XXX-YYY" && answer["Route"].is_string();
        assert_eq!(answer["Status"], if known_route { "OK" } else { "ERROR" }, "{answer}");
        if known_route {
            assert_eq!(
                (&answer["Model"], &answer["DayOfWeek"]),
                (&id.as_str().into(), &4.into()),
                "derived by us: {answer}"
            );
            let unseen = answer["Unseen"].as_array().is_some_and(|names| names.iter().any(|name| name == "Carrier"));
            assert_eq!(unseen, answer["Carrier"] == "ZZ", "{answer}");
        }
    }
}

#[test]
fn without_a_model_or_a_table_nothing_is_written() {
    let (folder, id) = folder_with_model();
    folder.write("requests.jsonl", requests(&mut Chance::new(), 10).join("\n"));
    let elsewhere = folder.run("predict").words("--input requests.jsonl --output out --models nowhere").finish();
    elsewhere.expect(Exit::BadInput).says(&["nowhere"]).silent();
    predict(&folder, "nothing.jsonl", "out").finish().expect(Exit::BadInput).says(&["nothing.jsonl"]).silent();
    let forest = format!("{MODELS}/{id}/forest.parquet");
    let bytes = fs::read(folder.join(&forest)).expect("a model has a forest");
    fs::write(folder.join(&forest), &bytes[..bytes.len() - 1]).expect("a file can be written");
    let damaged = predict(&folder, "requests.jsonl", "out").finish();
    damaged.expect(Exit::DamagedModel).says(&["forest.parquet"]).silent();
    assert!(answers(&folder, "out").is_empty());
}

#[test]
fn output_that_is_there_is_left_unless_asked_for() {
    let (folder, _) = folder_with_model();
    folder.write("requests.jsonl", requests(&mut Chance::new(), 100).join("\n"));
    predict(&folder, "requests.jsonl", "out").succeed();
    let before = answers(&folder, "out");
    predict(&folder, "requests.jsonl", "out").finish().expect(Exit::Storage).says(&["out", "exists already"]);
    predict(&folder, "requests.jsonl", "out").args(["--replace", "-w", "2"]).succeed();
    assert_eq!(answers(&folder, "out"), before);
    folder.write("mine/letter.txt", "Dear reader");
    predict(&folder, "requests.jsonl", "mine").arg("--replace").finish().expect(Exit::Storage).says(&["letter.txt"]);
    assert_eq!(folder.read("mine/letter.txt"), "Dear reader");
}

#[test]
fn flights_are_asked_as_clients_would_have_asked() {
    let (folder, _) = folder_with_model();
    let ended = predict(&folder, "rows.jsonl", "out").args(["--json", "-w", "2"]).succeed();
    let summary = ended.json();
    assert_eq!(
        (&summary["rows"], &summary["flights"], &summary["status"]["OK"]),
        (&5_000.into(), &5_000.into(), &5_000.into())
    );
    let found = answers(&folder, "out");
    assert_eq!(found.len(), 5_000);
    let uuids: BTreeSet<String> = found
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).expect("answers are JSON")["UUID"].to_string())
        .collect();
    assert_eq!(uuids.len(), 5_000, "every flight has a UUID of its own");
}
