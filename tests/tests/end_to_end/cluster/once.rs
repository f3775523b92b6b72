//! Jobs that are submitted unless one of their name runs.

use flightline_cluster::ids::JobId;
use flightline_cluster::job::state::Phase;
use flightline_tests::cluster::Cluster;
use flightline_tests::{DEADLINE, Signal, wait_until};
use serde_json::json;

use super::{ENDLESS, folder_with_rows, model_of};

#[test]
fn a_job_that_is_asked_for_again_and_again_runs_once_at_a_time() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 1);
    let line = |flags: &str| cluster.submit(&format!("train --name only --unless-running {flags} -- {ENDLESS}"));
    assert_eq!(line("--json").succeed().json(), json!({ "job": 1, "submitted": true }));
    assert_eq!(line("--json").succeed().json(), json!({ "job": 1, "submitted": false }));
    let people = line("").succeed();
    assert!(people.stdout.contains("job 1 of that name is at work already: nothing was submitted"), "{people}");

    // What stands still doesn't end.
    cluster.wait_until_job_is(JobId(1), Phase::Running);
    let process = cluster.processes(JobId(1))[0];
    process.signal(Signal::STOP);
    wait_until("it stands still", || process.is_paused());
    cluster.submit("stop 1").succeed();
    let mut waits = line("--json").start();
    waits.wait_for_line("that it waits", |line| line.contains("waiting for the end of job 1, which has that name"));
    cluster.submit("kill 1 --wait").succeed();
    let ended = waits.end_within(DEADLINE);
    assert_eq!(ended.ok().json(), json!({ "job": 2, "submitted": true }), "{ended}");
    let names: Vec<u64> = cluster.list().iter().map(|job| job.id.0).collect();
    assert_eq!(names, [2, 1], "{ended}");
    cluster.stop();
}

#[test]
fn who_waits_for_a_job_that_is_there_already_ends_as_it_does_and_it_says_what_it_made() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 0);
    let line = "train --name only --unless-running --wait -- --json --models models --input rows.jsonl --trees 20";
    let mut first = cluster.submit(line).start();
    first.wait_for_line("that it is there", |line| line.contains("job 1 was submitted"));
    let mut second = cluster.submit(line).start();
    second.wait_for_line("that it is there already", |line| line.contains("job 1 of that name is at work already"));
    cluster.add_worker();
    let [first, second] = [first, second].map(|waits| waits.end_within(DEADLINE));
    assert_eq!(first.ok().json()["model"], second.ok().json()["model"], "{first}{second}");
    let view = cluster.job(JobId(1));
    assert_eq!(view.model, Some(model_of(&cluster, JobId(1))), "{view:#?}");
    let people = cluster.submit("status 1").succeed();
    assert!(people.stdout.contains(&format!("made model {}", view.model.unwrap_or_default())), "{people}");
    cluster.stop();
}
