//! How jobs are ended: asked to, at once, and while somebody waits for it.

use flightline_cluster::job::state::Phase;
use flightline_engine::process::Exit;
use flightline_tests::cluster::{Cluster, JobProcess};
use flightline_tests::{DEADLINE, Signal, wait_until};

use super::{ENDLESS, ON_ALL, ends_of, folder_with_rows, submit_training, wait_until_it_grows};
use crate::training::MODELS;

#[test]
fn a_training_that_is_asked_to_end_ends_and_leaves_no_model() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 3);
    let job = submit_training(&cluster, ON_ALL, ENDLESS);
    wait_until_it_grows(&cluster, job, 1);
    let processes = cluster.processes(job);
    let ended = cluster.submit(&format!("stop {job} --wait")).succeed();
    assert!(ended.stderr.contains("stopped"), "{ended}");
    assert!(!processes.iter().any(JobProcess::is_alive), "it was waited for");
    let view = cluster.job(job);
    assert_eq!((view.line.state.phase(), view.line.exit), (Phase::Stopped, Some(Exit::Terminated.code())), "{view:#?}");
    assert!(folder.names(MODELS).iter().all(|name| name.starts_with('.')), "{:?}", folder.names(MODELS));
    let again = cluster.submit(&format!("stop {job}")).finish();
    again.expect(Exit::Usage).says(&["job 1 is stopped already"]);
    cluster.submit("stop 99").finish().expect(Exit::Usage).says(&["there is no job 99; `submit list` shows all"]);
    cluster.stop();
}

#[test]
fn a_training_that_is_killed_ends_at_once_and_who_waits_is_told() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 3);
    let waiting = cluster.submit(&format!("train {ON_ALL} --wait -- --models models {ENDLESS}")).start();
    let job = cluster.wait_for_cluster("there is a job", |view| !view.jobs.is_empty()).jobs[0].id;
    wait_until_it_grows(&cluster, job, 1);
    let processes = cluster.processes(job);
    let told = cluster.submit(&format!("kill {job}")).succeed();
    assert!(told.stderr.contains("job 1 was asked to end"), "{told}");
    let ended = waiting.end_within(DEADLINE);
    assert_eq!(ended.status.code(), Some(128 + 9), "{ended}");
    assert!(ended.stderr.contains("killed"), "{ended}");
    assert!(!processes.iter().any(JobProcess::is_alive));
    let view = cluster.job(job);
    assert_eq!((view.line.state.phase(), ends_of(&view)), (Phase::Killed, vec!["it was killed"]), "{view:#?}");
    wait_until("all is free again", || cluster.status().workers.iter().all(|worker| worker.cores_taken.0 == 0));
    cluster.stop();
}

#[test]
fn a_job_that_waits_for_room_can_be_ended() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 1);
    let job = submit_training(&cluster, "--processes 2 --cores 2", ENDLESS);
    cluster.wait_until_job_is(job, Phase::Queued);
    cluster.submit(&format!("stop {job} --wait")).succeed();
    let view = cluster.job(job);
    assert_eq!((view.line.state.phase(), view.generations.len()), (Phase::Stopped, 0), "{view:#?}");
    cluster.stop();
}

/// Who is asked to take its time and is then told to end at once does.
#[test]
fn a_job_that_drains_can_be_killed() {
    let world = flightline_tests::job::World::new();
    let cluster = Cluster::start(world.folder(), 1);
    let job = cluster.run("predict --supervise -- --config job.toml --config more.toml");
    cluster.wait_until_job_is(job, Phase::Running);
    let process = cluster.processes(job)[0];
    // What stands still doesn't drain.
    process.signal(Signal::STOP);
    wait_until("it stands still", || process.is_paused());
    cluster.submit(&format!("stop {job}")).succeed();
    cluster.wait_until_job_is(job, Phase::Stopping);
    cluster.submit(&format!("kill {job} --wait")).succeed();
    assert_eq!(cluster.job(job).line.state.phase(), Phase::Killed);
    assert!(!process.is_alive());
    cluster.stop();
}

/// Both said what only a stream does: "finishing what was read".
#[test]
fn master_and_worker_say_themselves_what_comes_when_they_are_asked_to_end() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 1);
    let agent = cluster.take_agent(0);
    agent.signal(Signal::TERM);
    let agent = agent.end_within(DEADLINE);
    assert!(agent.ok().stderr.contains("asked to end: no new jobs"), "{agent}");
    let master = cluster.master();
    master.signal(Signal::TERM);
    let said = master.wait_for_line("what comes", |line| line.contains("asked to end"));
    assert!(said.contains("jobs go on without a master"), "{said}");
    // A second signal would end it at once, with another code.
    cluster.kill_master();
    cluster.stop();
}
