//! `kill -9` of a process of a training, of an agent and of the master: training ends with the same model.

use flightline_cluster::job::state::Phase;
use flightline_cluster::view::WorkerState;
use flightline_tests::cluster::{Cluster, JobProcess};
use flightline_tests::{Signal, wait_until};

use super::{LONG, ON_ALL, direct, ends_of, folder_with_rows, model_of, submit_training, wait_until_it_grows};

#[test]
fn a_training_of_which_a_process_is_killed_begins_again_and_ends_with_the_same_model() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 3);
    let job = submit_training(&cluster, ON_ALL, LONG);
    wait_until_it_grows(&cluster, job, 1);
    let first = cluster.processes(job);
    first[1].signal(Signal::KILL);
    wait_until("all of its life has ended", || !first.iter().any(JobProcess::is_alive));
    let model = model_of(&cluster, job);
    let view = cluster.job(job);
    let ends = ends_of(&view);
    assert_eq!(ends.len(), 2, "{view:#?}");
    assert!(ends[1].contains("process 1 on worker-1 was ended by signal 9"), "{view:#?}");
    assert_eq!(model, direct(&folder, LONG));
    cluster.stop();
}

#[test]
fn a_training_whose_worker_is_killed_goes_on_when_it_is_back() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 3);
    let job = submit_training(&cluster, ON_ALL, LONG);
    wait_until_it_grows(&cluster, job, 1);
    let first = cluster.processes(job);
    cluster.kill_worker(2);
    wait_until("all of its life has ended", || !first.iter().any(JobProcess::is_alive));
    let view = cluster.wait_for_job(job, "it waits for room", |view| view.line.state.phase() == Phase::Queued);
    assert!(ends_of(&view)[0].contains("was lost: its worker's agent hung up"), "{view:#?}");
    cluster.wait_until_worker_is(2, WorkerState::Lost);
    cluster.start_worker(2);
    let model = model_of(&cluster, job);
    let view = cluster.job(job);
    let places: Vec<_> = view.generations[0].processes.iter().map(|process| process.worker.clone()).collect();
    assert!(places.contains(&cluster.name(2)), "it is used again: {view:#?}");
    assert_eq!(model, direct(&folder, LONG));
    cluster.stop();
}

/// Nobody waits for the two seconds after which a worker that hung up is lost.
#[test]
fn an_agent_that_is_back_before_it_was_missed_begins_what_it_had_again() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 3);
    let job = submit_training(&cluster, ON_ALL, LONG);
    wait_until_it_grows(&cluster, job, 1);
    let first = cluster.processes(job);
    cluster.kill_worker(0);
    cluster.start_worker(0);
    let model = model_of(&cluster, job);
    assert!(!first.iter().any(JobProcess::is_alive));
    let view = cluster.job(job);
    assert_eq!(ends_of(&view).len(), 2, "{view:#?}");
    assert_eq!(model, direct(&folder, LONG));
    cluster.stop();
}

#[test]
fn a_training_does_not_notice_that_the_master_is_killed_and_started_again() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 3);
    let job = submit_training(&cluster, ON_ALL, LONG);
    wait_until_it_grows(&cluster, job, 1);
    let before = cluster.processes(job);
    cluster.kill_master();
    let away = cluster.submit("list").finish();
    away.expect(flightline_engine::process::Exit::ClusterStart).says(&[&cluster.address(), "can't be reached"]);
    cluster.start_master();
    cluster.wait_for_cluster("all workers are heard again", |view| {
        view.workers.len() == 3 && view.workers.iter().all(|worker| worker.state == WorkerState::Alive)
    });
    assert_eq!(cluster.processes(job), before, "the processes are the same\n{}", cluster.story());
    let next = submit_training(&cluster, "", "--input rows.jsonl --trees 2");
    assert!(next > job, "no number is given twice");
    let model = model_of(&cluster, job);
    let view = cluster.job(job);
    assert_eq!(ends_of(&view), ["it was done"], "{view:#?}");
    assert_eq!(model, direct(&folder, LONG));
    cluster.wait_until_job_is(next, Phase::Completed);
    cluster.stop();
}

/// What ends while there is no master is told to the next one.
#[test]
fn a_training_that_ends_while_the_master_is_away_is_done_for_the_next_one() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 3);
    let waiting = cluster.submit(&format!("train {ON_ALL} --wait -- --json --models models {LONG}")).start();
    let job = cluster.wait_for_cluster("there is a job", |view| !view.jobs.is_empty()).jobs[0].id;
    wait_until_it_grows(&cluster, job, 1);
    let processes = cluster.processes(job);
    cluster.kill_master();
    wait_until("all processes have ended", || !processes.iter().any(JobProcess::is_alive));
    cluster.start_master();
    let ended = waiting.end_within(flightline_tests::DEADLINE);
    assert_eq!(ended.ok().json()["model"], direct(&folder, LONG).as_str(), "{ended}");
    let view = cluster.job(job);
    assert_eq!(ends_of(&view), ["it was done"], "{view:#?}");
    cluster.stop();
}
