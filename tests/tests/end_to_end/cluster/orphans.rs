//! No process outlives its agent: not one that works, nor one that was paused when its agent was killed.

use flightline_cluster::job::state::Phase;
use flightline_tests::cluster::{Cluster, JobProcess};
use flightline_tests::job::World;
use flightline_tests::{Signal, wait_until};

use super::{ENDLESS, folder_with_rows, submit_training, wait_until_it_grows};

#[test]
fn nothing_is_left_when_an_agent_is_killed() {
    let world = World::new();
    world.folder().write("rows.jsonl", folder_with_rows().read("rows.jsonl"));
    let mut cluster = Cluster::start(world.folder(), 1);
    let stream = cluster.run("predict --supervise -- --config job.toml --config more.toml");
    let training = submit_training(&cluster, "", ENDLESS);
    cluster.wait_until_job_is(stream, Phase::Running);
    wait_until_it_grows(&cluster, training, 1);
    let all = [cluster.processes(stream), cluster.processes(training)].concat();
    cluster.kill_worker(0);
    wait_until("all have ended", || !all.iter().any(JobProcess::is_alive));
    cluster.kill_master();
}

#[test]
fn a_process_that_was_paused_when_its_agent_was_killed_ends_when_it_is_resumed() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 2);
    let job = submit_training(&cluster, "--cores 2", ENDLESS);
    wait_until_it_grows(&cluster, job, 1);
    let old = cluster.processes(job)[0];
    let place = cluster.number(&cluster.job(job).generations[0].processes[0].worker);
    old.signal(Signal::STOP);
    wait_until("it stands still", || old.is_paused());
    cluster.kill_worker(place);
    // The next life is at work when the old one wakes up.
    wait_until_it_grows(&cluster, job, 2);
    let new = cluster.processes(job)[0];
    // Linux wakes up who stands still in a process group whose parent is gone.
    if old.is_paused() {
        old.signal(Signal::CONT);
    }
    wait_until("it has ended", || !old.is_alive());
    assert!(new.is_alive());
    cluster.submit(&format!("kill {job} --wait")).succeed();
    cluster.stop();
}

/// An agent that stands still is lost; when it wakes up, what it has is of an earlier life, and is ended.
#[test]
fn a_paused_agent_ends_its_processes_when_it_is_resumed() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 2);
    let job = submit_training(&cluster, "--cores 2", ENDLESS);
    wait_until_it_grows(&cluster, job, 1);
    let old = cluster.processes(job)[0];
    let place = cluster.number(&cluster.job(job).generations[0].processes[0].worker);
    cluster.signal_worker(place, Signal::STOP);
    wait_until_it_grows(&cluster, job, 2);
    assert!(old.is_alive(), "nobody has ended it yet");
    cluster.signal_worker(place, Signal::CONT);
    wait_until("what is of an earlier life is ended", || !old.is_alive());
    let new = cluster.processes(job)[0];
    assert!(new.is_alive());
    cluster.submit(&format!("kill {job} --wait")).succeed();
    cluster.stop();
}
