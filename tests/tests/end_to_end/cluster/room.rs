//! Room: workers that come back and that come anew are used, and a job that asks for more than there is waits for them.

use flightline_cluster::ids::Cores;
use flightline_cluster::job::state::{JobState, Phase};
use flightline_cluster::view::WorkerState;
use flightline_tests::cluster::Cluster;

use super::{ENDLESS, ON_ALL, folder_with_rows, model_of, submit_training, wait_until_it_grows};

const SHORT: &str = "--input rows.jsonl --trees 4";

/// It reported before it had registered, was taken for an agent that another one of its name had replaced, and ended.
#[test]
fn a_worker_that_dies_and_comes_back_is_used_again() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 3);
    cluster.kill_worker(1);
    cluster.wait_until_worker_is(1, WorkerState::Lost);
    let job = submit_training(&cluster, ON_ALL, SHORT);
    let view = cluster.wait_for_job(job, "it waits", |view| view.line.state.phase() == Phase::Queued);
    let JobState::Queued { why } = &view.line.state else { panic!("{view:#?}") };
    assert!(why.contains("all 2 workers together (4 cores, 8.0 GiB) have room for 2"), "{why}");
    cluster.start_worker(1);
    model_of(&cluster, job);
    let view = cluster.job(job);
    assert_eq!(view.generations[0].processes[1].worker, cluster.name(1), "{view:#?}");
    cluster.stop();
}

#[test]
fn a_job_that_asks_for_more_than_there_is_says_so_and_runs_on_the_worker_that_joins() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 3);
    let job = submit_training(&cluster, "--processes 4 --cores 2 --name big", SHORT);
    let small = submit_training(&cluster, "", SHORT);
    // Who asks for little is not held up.
    model_of(&cluster, small);
    let view = cluster.job(job);
    let JobState::Queued { why } = &view.line.state else { panic!("{view:#?}") };
    assert_eq!(
        why,
        "it needs 4 processes with 2 cores and 1.0 GiB each, and all 3 workers together (6 cores, 12.0 GiB) have room for \
         3; add workers, or ask for less"
    );
    let people = cluster.submit("list").succeed();
    assert!(people.stdout.contains("queued") && people.stdout.contains(why.as_str()), "{people}");
    let fourth = cluster.add_worker();
    model_of(&cluster, job);
    let view = cluster.job(job);
    assert!(view.generations[0].processes.iter().any(|process| process.worker == cluster.name(fourth)), "{view:#?}");
    cluster.stop();
}

#[test]
fn a_job_waits_until_another_one_has_ended() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 3);
    let first = submit_training(&cluster, ON_ALL, ENDLESS);
    wait_until_it_grows(&cluster, first, 1);
    let status = cluster.status();
    assert!(status.workers.iter().all(|worker| worker.cores_taken == Cores(2)), "{status:#?}");
    let second = submit_training(&cluster, "", SHORT);
    let view = cluster.wait_until_job_is(second, Phase::Queued);
    let JobState::Queued { why } = &view.line.state else { panic!("{view:#?}") };
    assert!(why.ends_with("and there is room for 0 until other jobs end"), "{why}");
    cluster.submit(&format!("kill {first}")).succeed();
    model_of(&cluster, second);
    cluster.stop();
}
