//! What a job carries, however much that is and however many processes it has.

use flightline_cluster::job::state::Phase;
use flightline_engine::process::Exit;
use flightline_tests::cluster::Cluster;
use flightline_tests::job::World;
use flightline_tests::{free_ports_in_a_row, wait_until};

/// The orders of such a job were longer than an agent takes: it couldn't be killed, and its worker was never used again.
#[test]
fn a_job_with_a_large_configuration_and_many_processes_starts_can_be_killed_and_its_worker_is_used_afterwards() {
    let world = World::new();
    let mut cluster = Cluster::start(world.folder(), 0);
    cluster.add_worker_with("--cores 8 --memory 16G", &[]);
    world.folder().write("large.toml", format!("# {}\n", "\"".repeat(900_000)));
    let http = format!("--set http.listen=127.0.0.1:{}", free_ports_in_a_row(6));
    let files = "--config job.toml --config more.toml --config large.toml";
    let large = cluster.run(&format!("predict --supervise --processes 6 -- {files} {http}"));
    cluster.wait_for_job(large, "all of its processes have started", |view| {
        let has_started = |state: &str| ["starting", "up"].contains(&state);
        let life = view.generations.first();
        life.is_some_and(|life| life.processes.iter().all(|process| has_started(&process.state)))
    });
    let other = cluster.run("model -- list --models models");
    cluster.wait_until_job_is(other, Phase::Completed);
    cluster.submit(&format!("kill {large}")).succeed();
    cluster.wait_until_job_is(large, Phase::Killed);
    wait_until("all is free again", || cluster.worker(0).cores_taken.0 == 0);
    let next = cluster.run("model -- list --models models");
    cluster.wait_until_job_is(next, Phase::Completed);
    cluster.stop();
}

#[test]
fn a_job_that_carries_too_much_is_refused() {
    let world = World::new();
    let cluster = Cluster::start(world.folder(), 1);
    world.folder().write("large.toml", format!("# {}\n", "x".repeat(1 << 20)));
    let told = cluster.submit("predict -- --config job.toml --config large.toml").finish();
    told.expect(Exit::Usage).says(&["bytes, but 1048576 are the most", "below a root"]).silent();
    world.folder().write("large.toml", format!("# {}\n", "\"".repeat(4 << 20)));
    let told = cluster.submit("predict -- --config job.toml --config large.toml").finish();
    told.expect(Exit::Usage).says(&["in one call"]).silent();
    assert_eq!(cluster.list(), [], "nothing of that became a job");
    cluster.stop();
}
