//! Training on a cluster of several hosts: the model is that of a direct run, also when a host is lost meanwhile.

use flightline_cluster::ids::Generation;
use flightline_cluster::job::state::Phase;
use flightline_cluster::view::WorkerState;
use flightline_tests::cluster::{Cluster, JobProcess};
use flightline_tests::rows::{json_lines, sample};
use flightline_tests::{Folder, Lan, wait_until};

use crate::training::Trained;

/// Some seconds of work.
const TRAINING: &str = "--input rows.jsonl --trees 900 --depth 14 --min-rows 1";

fn folder_with_rows() -> Folder {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(&sample(5_000, 0)));
    folder
}

fn direct(folder: &Folder) -> String {
    Trained::by(folder.run("train").words("--json --models direct -w 2").words(TRAINING)).model()
}

#[test]
fn training_on_three_hosts_gives_the_model_of_a_direct_run() {
    let Some(lan) = Lan::new(4) else { return };
    let folder = folder_with_rows();
    let cluster = Cluster::start_on(&lan, &folder, 3);
    let line = format!("train --processes 3 --cores 2 --wait -- --json --models models {TRAINING}");
    let told = cluster.submit(&line).succeed().json();
    let view = cluster.job(cluster.list()[0].id);
    let places: Vec<&str> =
        view.generations[0].processes.iter().filter_map(|process| process.address.split(':').next()).collect();
    let hosts = [1, 2, 3].map(|host| lan.address(host).to_string());
    assert_eq!(places, hosts, "each host has a process\n{view:#?}");
    assert_eq!(told["model"], direct(&folder).as_str());
    cluster.stop();
}

#[test]
fn training_of_which_a_host_is_lost_ends_with_the_same_model_on_the_others() {
    let Some(lan) = Lan::new(4) else { return };
    let folder = folder_with_rows();
    let cluster = Cluster::start_on(&lan, &folder, 3);
    let waiting = cluster.submit(&format!("train --processes 3 --wait -- --json --models models {TRAINING}")).start();
    let job = cluster.wait_for_cluster("there is a job", |view| !view.jobs.is_empty()).jobs[0].id;
    cluster.wait_for_job(job, "trees grow", |view| {
        assert!(!view.line.state.is_over(), "it ended before trees grew\n{view:#?}");
        view.line.stages.iter().any(|stage| stage.name == "grow" && stage.done > 0 && !stage.ended)
    });
    let (old, lost) = (cluster.processes(job), 1);
    assert_eq!(old.len(), 3);
    lan.cut(cluster.host_of(lost));
    cluster.wait_until_worker_is(lost, WorkerState::Lost);
    let told = waiting.end_within(flightline_tests::DEADLINE).ok().json();
    let view = cluster.job(job);
    assert!(view.line.generation > Some(Generation(1)), "{view:#?}");
    let elsewhere = |process: &flightline_cluster::view::ProcessView| process.worker != cluster.name(lost);
    assert!(view.generations[0].processes.iter().all(elsewhere), "{view:#?}");
    assert_eq!(told["model"], direct(&folder).as_str());

    // When the host is back, what it had is ended, the model stays, and its worker is used.
    lan.heal(cluster.host_of(lost));
    cluster.wait_until_worker_is(lost, WorkerState::Alive);
    wait_until("what the host had has ended", || !old.iter().any(JobProcess::is_alive));
    let again = cluster.run(&format!("train --processes 3 --cores 2 -- --json --models again {TRAINING}"));
    let view = cluster.wait_until_job_is(again, Phase::Completed);
    assert!(view.generations[0].processes.iter().any(|process| !elsewhere(process)), "{view:#?}");
    let told_again = cluster.submit(&format!("logs {again} --stdout --all")).succeed().json();
    assert_eq!(told_again["model"], told["model"]);
    let models: Vec<String> = folder.names("models").into_iter().filter(|name| !name.starts_with('.')).collect();
    assert!(models.iter().any(|name| told["model"] == name.as_str()), "{models:?}");
    cluster.stop();
}
