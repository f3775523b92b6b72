//! What processes say can be read, while they run and afterwards.

use flightline_engine::process::Exit;
use flightline_tests::cluster::{Cluster, JobProcess};
use flightline_tests::{DEADLINE, Signal, wait_until};

use super::{ENDLESS, LONG, folder_with_rows, model_of, submit_training, wait_until_it_grows};

#[test]
fn a_log_is_followed_to_its_end_and_read_again_afterwards() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 2);
    let job = submit_training(&cluster, "--processes 2 --cores 2", LONG);
    cluster.submit("logs 99").finish().expect(Exit::Usage).says(&["job 99"]);
    wait_until_it_grows(&cluster, job, 1);
    let part = cluster.submit(&format!("logs {job} --all")).succeed();
    assert!(part.stdout.contains("read") && part.stdout.contains("index") && !part.stdout.contains("judge"), "{part}");
    let follows = cluster.submit(&format!("logs {job} -f --all")).start();
    let model = model_of(&cluster, job);
    let followed = follows.end_within(DEADLINE);
    followed.ok();
    for stage in ["read", "index", "grow", "judge", "save"] {
        assert!(followed.stdout.contains(stage), "it lacks {stage}\n{followed}");
    }
    let whole = cluster.submit(&format!("logs {job} --all")).succeed();
    assert_eq!(whole.stdout, followed.stdout, "afterwards it reads the same");
    let told = cluster.submit(&format!("logs {job} --stdout -f --all")).succeed();
    assert_eq!(told.json()["model"], model.as_str());
    let second = cluster.submit(&format!("logs {job} --stdout --all -p 1")).succeed();
    second.silent();
    cluster.submit(&format!("logs {job} -p 2")).finish().expect(Exit::Usage).says(&["process 2 of job 1"]);
    cluster.stop();
}

#[test]
fn the_log_of_an_earlier_life_is_kept() {
    let folder = folder_with_rows();
    let cluster = Cluster::start(&folder, 1);
    let job = submit_training(&cluster, "--cores 2", LONG);
    wait_until_it_grows(&cluster, job, 1);
    let first = cluster.processes(job);
    first[0].signal(Signal::KILL);
    wait_until("it is gone", || !first.iter().any(JobProcess::is_alive));
    model_of(&cluster, job);
    let earlier = cluster.submit(&format!("logs {job} -g 1 --all")).succeed();
    assert!(earlier.stdout.contains("index") && !earlier.stdout.contains("judge"), "{earlier}");
    let last = cluster.submit(&format!("logs {job} -g 2 --all")).succeed();
    assert!(last.stdout.contains("judge"), "{last}");
    assert_eq!(cluster.submit(&format!("logs {job} --all")).succeed().stdout, last.stdout);
    let none = cluster.submit(&format!("logs {job} -g 3")).finish();
    none.expect(Exit::Usage).says(&["generation 3"]);
    cluster.stop();
}

/// It asked the second life's log for what stands behind the end of the first one's: it was silent, left out as many bytes, and
/// ended when a life or the master did.
#[test]
fn who_follows_a_job_is_shown_each_life_from_its_beginning_also_when_the_master_was_away() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 1);
    let job = submit_training(&cluster, "--cores 2", LONG);
    wait_until_it_grows(&cluster, job, 1);
    let mut follows = cluster.submit(&format!("logs {job} -f --all")).start();
    wait_until("it reads the first life's log", || follows.stdout().contains("index"));
    cluster.kill_master();
    follows.wait_for_line("that it waits for the master", |line| line.contains("waiting for the master"));
    cluster.start_master();
    let first = cluster.processes(job);
    first[0].signal(Signal::KILL);
    follows.wait_for_line("where the next life begins", |line| line == "--- generation 2 ---");
    model_of(&cluster, job);
    let followed = follows.end_within(DEADLINE);
    followed.ok();
    let logs = [1, 2].map(|life| cluster.submit(&format!("logs {job} -g {life} --all")).succeed().stdout);
    assert!(logs[1].contains("judge"), "{}", logs[1]);
    assert_eq!(followed.stdout, logs.concat());
    cluster.stop();
}

/// It died by the signal, with a torn bar and without a word.
#[test]
fn ctrl_c_ends_the_waiting_and_not_the_job() {
    let folder = folder_with_rows();
    let mut cluster = Cluster::start(&folder, 1);
    let mut waits = cluster.submit(&format!("train --cores 2 --wait -- {ENDLESS}")).start();
    waits.wait_for_line("that it runs", |line| line.contains("running"));
    let job = cluster.list()[0].id;
    let goes_on = format!("job {job} goes on; `submit stop {job}` ends it, `submit status {job}` shows it");
    waits.signal(Signal::INT);
    let ended = waits.end_within(DEADLINE);
    ended.expect(Exit::Interrupted).says(&[&goes_on]).silent();
    let mut follows = cluster.submit(&format!("logs {job} -f")).start();
    cluster.kill_master();
    follows.wait_for_line("that it waits for the master", |line| line.contains("waiting for the master"));
    follows.signal(Signal::INT);
    follows.end_within(DEADLINE).expect(Exit::Interrupted).says(&[&goes_on]);
    cluster.start_master();
    wait_until_it_grows(&cluster, job, 1);
    cluster.submit(&format!("kill {job} --wait")).succeed();
    cluster.stop();
}
