//! Training through a cluster, and `submit --wait`: the direct run's model, exit codes, output and progress.

use flightline_engine::process::Exit;
use flightline_tests::cluster::Cluster;

use super::{LONG, ON_ALL, direct, folder_with_rows};

const SHORT: &str = "--input rows.jsonl --trees 20";

#[test]
fn training_on_three_workers_gives_the_model_of_a_direct_run() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 3);
    let line = format!("train {ON_ALL} --name nightly --wait -- --json --models models {LONG}");
    let ended = cluster.submit(&line).finish();
    let told = ended.ok().json();
    assert_eq!(told["model"], direct(&folder, LONG).as_str(), "{ended}");
    assert_eq!((&told["processes"], &told["workers"]), (&3.into(), &6.into()), "{ended}");
    let said = ["job 1 was submitted", "nightly (train), running", "index done: ", "save done: ", "(train), completed"];
    let places: Vec<Option<usize>> = said.iter().map(|part| ended.stderr.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{said:?} at {places:?}\n{ended}");

    let list = cluster.list();
    assert_eq!((list.len(), list[0].name.as_str(), list[0].exit), (1, "nightly", Some(0)), "{list:#?}");
    let view = cluster.job(list[0].id);
    let workers: Vec<_> = view.generations[0].processes.iter().map(|process| process.worker.clone()).collect();
    assert_eq!(workers, [0, 1, 2].map(|worker| cluster.name(worker)), "{view:#?}");
    let status = cluster.status();
    // Of all three processes, also of those that their agents have forgotten.
    let indexed = view.line.stages.iter().find(|stage| stage.name == "index").map(|stage| stage.done);
    assert_eq!(indexed, Some(5_000), "{view:#?}");
    assert!(
        status.workers.iter().all(|worker| worker.cores_taken.0 == 0 && worker.processes.is_empty()),
        "{status:#?}"
    );
    let people = cluster.submit("list").succeed();
    assert!(people.stdout.contains("nightly") && people.stdout.contains("completed"), "{people}");
    let people = cluster.submit("status").succeed();
    assert!(people.stdout.contains("3 workers, 0 jobs that are not over"), "{people}");
    cluster.stop();
}

#[test]
fn who_waits_ends_as_the_job_does() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 2);
    let wait = |words: &str| cluster.submit(&format!("train --wait {words}")).finish();
    let missing = wait("--processes 2 -- --input nothing.jsonl --models models");
    missing.expect(Exit::BadInput).silent();
    assert!(missing.stderr.contains("nothing.jsonl") && missing.verdict().contains("has failed"), "{missing}");
    let wrong = wait("-- --input rows.jsonl --trees none");
    wrong.expect(Exit::Usage).silent();
    assert!(wrong.stderr.contains("--trees"), "{wrong}");
    let people = wait(&format!("-- --models models {SHORT}"));
    people.ok();
    assert!(people.stdout.contains("saved and current: models/"), "{people}");
    let told = cluster.submit(&format!("train --json -- --models models {SHORT}")).succeed();
    assert_eq!(told.json(), serde_json::json!({ "job": 4, "submitted": true }), "{told}");
    cluster.stop();
}
