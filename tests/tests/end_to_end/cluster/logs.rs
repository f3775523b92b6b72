//! What processes say can be read, while they run and afterwards.

use flightline_engine::process::Exit;
use flightline_tests::cluster::{Cluster, JobProcess};
use flightline_tests::{DEADLINE, Signal, wait_until};

use super::{LONG, folder_with_rows, model_of, submit_training, wait_until_it_grows};

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
