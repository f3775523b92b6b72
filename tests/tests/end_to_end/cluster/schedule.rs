//! A job on a schedule: it comes again, promotes a model only if it is better, and ends when it is told to.

use std::fs;

use flightline_cluster::ids::JobId;
use flightline_cluster::job::state::Phase;
use flightline_tests::cluster::Cluster;
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::{Folder, wait_until};
use serde_json::Value;

use crate::training::current;

/// What a run said of the model that was current.
#[track_caller]
fn verdict(cluster: &Cluster<'_>, job: JobId) -> (bool, String) {
    cluster.wait_until_job_is(job, Phase::Completed);
    let told: Value = cluster.submit(&format!("logs {job} --stdout --all")).succeed().json();
    let promotion = &told["promotion"];
    (promotion["promoted"] == true, promotion["reason"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_training_on_a_schedule_comes_again_promotes_only_what_is_better_and_can_be_ended() {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(4_000, 0)));
    let cluster = Cluster::start(&folder, 1);
    let line = "train --cores 2 --every 10s -- --json --models models --input rows.jsonl";
    let first = cluster.run(line);
    assert_eq!(verdict(&cluster, first), (true, "none-was-current".to_owned()));
    let model = current(&folder);

    let second = JobId(first.0 + 1);
    cluster.wait_for_cluster("it comes again", |view| view.jobs.iter().any(|job| job.id == second));
    assert_eq!(verdict(&cluster, second), (false, "equal".to_owned()));
    assert_eq!(current(&folder), model);

    // Flights of which nothing can be learnt, and then more of them than ever.
    let mut rows = sample(4_000, 0);
    for (at, row) in rows.iter_mut().enumerate() {
        row.dep_delay = f64::from(at as u32 % 7);
    }
    let replace = |text: Vec<u8>| fs::rename(folder.write("new.jsonl", text), folder.join("rows.jsonl")).unwrap();
    replace(json_lines(&rows));
    let mut job = second;
    let mut next = || {
        job = JobId(job.0 + 1);
        cluster.wait_for_cluster("it comes again", |view| view.jobs.iter().any(|line| line.id == job));
        (job, verdict(&cluster, job))
    };
    wait_until("other flights give another model", || next().1 != (false, "equal".to_owned()));
    replace(json_lines(&sample(40_000, 0)));
    wait_until("better flights give a better model", || next().1 == (true, "better".to_owned()));
    assert_ne!(current(&folder), model);

    cluster.submit(&format!("stop {first}")).succeed();
    cluster.wait_for_cluster("no run is to come", |view| {
        view.jobs.iter().all(|job| job.next_run.is_none() && job.state.is_over())
    });
    cluster.stop();
}
