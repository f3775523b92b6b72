//! A client that does what the seed's web tier did, with the libraries that it uses, against the presets of the repository.

use std::fs;

use flightline_engine::process::Exit;
use flightline_tests::job::World;
use flightline_tests::servers::{Servers, shared_hdfs};
use flightline_tests::{DEADLINE, Folder, Invocation, Signal, free_ports, project_root};
use serde_json::Value;

/// Prints what the indexes of the seed's collections are on, but for those that every collection has.
const INDEXES: &str = "
import json, sys, pymongo
database = pymongo.MongoClient(sys.argv[1])['agile_data_science']
def keys(name):
    indexes = database[name].index_information().items()
    return [field for index, about in indexes if index != '_id_' for field, _ in about['key']]
print(json.dumps({name: keys(name) for name in ['flight_delay_classification_response', 'origin_dest_distances']}))
";

/// A job with the seed's names, which are the same for all jobs: so only one test may use them.
#[test]
fn the_seeds_client_works_unchanged_with_its_names() {
    let servers = Servers::shared();
    // For its models and its table.
    let world = World::new();
    let folder = world.folder();
    import(folder, servers);
    let mut job = predict(folder, servers).start();
    job.wait_for_line("that it runs", |line| line.contains("this is a new life of the job"));

    let address = |key: &str| servers.address(key).to_owned();
    let client = Invocation::of(address("PYTHON"), folder.path())
        .arg(project_root().join("tests/servers/seed_client.py"))
        .args(["--brokers", &address("KAFKA_BROKERS"), "--mongodb", &address("MONGODB_URL")])
        .args(["--limit", &DEADLINE.as_secs().to_string(), "--origin", "JFK", "--dest", "SFO"])
        .succeed();
    let told: Value = serde_json::from_str(client.stdout.trim()).expect("the client prints JSON");
    let (request, stored, heard) = (&told["request"], &told["mongodb"], &told["kafka"]);
    assert_eq!(request["DayOfWeek"], 6, "the seed counts from Monday, 0: 2016-12-25 was a Sunday");
    for (name, answer) in [("collection", stored), ("topic", heard)] {
        assert_eq!(answer["UUID"], request["UUID"], "{name}");
        assert_eq!(answer["Status"], "OK", "{name}: {answer}");
        assert_eq!(answer["DayOfWeek"], 7, "{name}: as in training, whatever the client says");
        assert!(answer["Prediction"].as_u64().is_some_and(|class| class < 4), "{name}: {answer}");
    }
    assert_eq!(stored["Probabilities"], heard["Probabilities"]);
    let indexes =
        Invocation::of(address("PYTHON"), folder.path()).args(["-c", INDEXES, &address("MONGODB_URL")]).succeed();
    let expected = r#"{"flight_delay_classification_response": ["UUID"], "origin_dest_distances": ["Origin", "Dest"]}"#;
    assert_eq!(indexes.stdout.trim(), expected);
    job.signal(Signal::TERM);
    job.end_within(DEADLINE).expect(Exit::Ok);
    // As the seed's NiFi had them, in the folder that nobody has named.
    let written = shared_hdfs(&["dfs", "-cat", "/user/flight_predictions/log_partition=*/*.txt"]);
    let uuid = request["UUID"].as_str().expect("the request has a UUID");
    assert!(written.lines().any(|line| line.contains(uuid)), "HDFS lacks {uuid}");
}

fn import(folder: &Folder, servers: &Servers) {
    let table = "mongodb:collection/agile_data_science.origin_dest_distances";
    let import = folder.run("import").words("distances --table distances.jsonl --to").arg(table);
    import.arg("--mongodb-url").arg(servers.address("MONGODB_URL")).succeed();
}

/// The presets, with the addresses of these servers.
fn predict(folder: &Folder, servers: &Servers) -> Invocation {
    let preset = |name: &str| fs::canonicalize(project_root().join("config").join(name)).expect("the preset is there");
    let [brokers, mongodb, hdfs] = ["KAFKA_BROKERS", "MONGODB_URL", "HDFS_URL"].map(|key| servers.address(key));
    let port = free_ports(1)[0];
    let mut predict = folder.run("predict").arg("--config").arg(preset("servers.toml"));
    predict = predict.arg("--config").arg(preset("names-ging.toml"));
    for setting in [
        format!("kafka.brokers={brokers}"),
        format!("mongodb.url={mongodb}"),
        format!("sinks.files.url={hdfs}"),
        // Of all its runs on these servers, since they have one name.
        format!("job.state={hdfs}/seed-client"),
        format!("http.listen=127.0.0.1:{port}"),
        // What is in HDFS is looked at when it has ended.
        "limits.drain_patience=1m".to_owned(),
    ] {
        predict = predict.args(["--set", &setting]);
    }
    predict.env("FLIGHTLINE_LOG", "info")
}
