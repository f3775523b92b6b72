//! `import distances`: into a real server, what is new, what differs, and nothing else.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;

use flightline_engine::process::Exit;
use flightline_tests::servers::Servers;
use flightline_tests::{Ended, Folder, Invocation, bundled_distances, bundled_flights};

/// A collection that nobody uses.
fn fresh() -> String {
    let number = RandomState::new().hash_one("a fresh key every time");
    format!("mongodb:collection/test_{number:016x}.distances")
}

fn import(folder: &Folder, to: &str) -> Invocation {
    folder
        .run("import")
        .args(["distances", "--to", to])
        .env("FLIGHTLINE_MONGODB_URL", Servers::shared().address("MONGODB_URL"))
}

/// What was done, without where.
fn done(ended: &Ended) -> &str {
    ended.stdout.split("; mongodb:collection/").next().unwrap_or_default()
}

#[test]
fn a_table_and_the_flights_that_it_was_made_of_are_the_same_rows() {
    let (folder, to) = (Folder::new(), fresh());
    let table = bundled_distances();
    let by_table = || import(&folder, &to).arg("--table").arg(&table);
    let ended = by_table().succeed();
    assert_eq!(done(&ended), "223 routes: 223 new, 0 changed, 0 the same", "{ended}");
    assert!(ended.stdout.contains(&to) && ended.stdout.contains("127.0.0.1:"), "{ended}");
    let ended = by_table().succeed();
    assert_eq!(done(&ended), "223 routes: 0 new, 0 changed, 223 the same", "{ended}");
    let ended = import(&folder, &to).arg("--flights").arg(bundled_flights()).args(["-w", "2"]).succeed();
    assert_eq!(done(&ended), "223 routes: 0 new, 0 changed, 223 the same", "{ended}");
}

#[test]
fn only_what_differs_is_written_and_the_rest_goes_when_asked_for() {
    let (folder, to) = (Folder::new(), fresh());
    let whole = fs::read_to_string(bundled_distances()).expect("the bundled distances are there");
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    lines.truncate(10);
    folder.write("table.jsonl", lines.join("\n"));
    let by_table = || import(&folder, &to).words("--table table.jsonl");
    assert_eq!(done(&by_table().succeed()), "10 routes: 10 new, 0 changed, 0 the same");
    let mut row: serde_json::Value = serde_json::from_str(&lines[0]).expect("a row is JSON");
    row["Distance"] = 9999.5.into();
    lines[0] = row.to_string();
    lines.pop();
    folder.write("table.jsonl", lines.join("\n"));
    let ended = by_table().succeed();
    let told = "9 routes: 0 new, 1 changed, 8 the same; 1 other document left alone (--prune removes them)";
    assert_eq!(done(&ended), told, "{ended}");
    let ended = by_table().arg("--prune").succeed();
    assert_eq!(done(&ended), "9 routes: 0 new, 0 changed, 9 the same; 1 other document removed", "{ended}");
}

#[test]
fn what_is_missing_or_away_is_told_before_the_work() {
    let folder = Folder::new();
    let run = || folder.run("import").args(["distances", "--flights", "no/such/file.csv"]);
    run().finish().expect(Exit::Usage).says(&["--mongodb-url", "FLIGHTLINE_MONGODB_URL"]).silent();
    let secret = run().env("FLIGHTLINE_MONGODB_URL", "mongodb://me:hunter2@localhost").finish();
    assert!(!secret.stderr.contains("hunter2"), "{secret}");
    secret.expect(Exit::Usage).says(&["a password in its URL"]).silent();
    let lonely =
        run().env("FLIGHTLINE_MONGODB_PASSWORD", "hunter2").args(["--mongodb-url", "mongodb://localhost"]).finish();
    assert!(!lonely.stderr.contains("hunter2"), "{lonely}");
    lonely.expect(Exit::Usage).says(&["without a user"]).silent();

    // A port that nobody listens at: it was just given back.
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let host = listener.local_addr().expect("a bound socket has an address").to_string();
    drop(listener);
    let away = folder.run("import").args(["distances", "--mongodb-url", &format!("mongodb://{host}"), "--table"]);
    away.arg(bundled_distances()).finish().expect(Exit::Storage).says(&[&host, "check the address"]).silent();
}
