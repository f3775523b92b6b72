//! Jobs that can't stay up: after five lives in a row they have failed, and say their last words.

use flightline_cluster::job::state::{JobState, Phase};
use flightline_cluster::view::JobView;
use flightline_engine::process::Exit;
use flightline_tests::cluster::Cluster;
use flightline_tests::job::World;
use flightline_tests::{Occupied, wait_until};

/// A supervised stream that ends at once, whatever is done: the job when it has failed, and what `submit --wait` said.
#[track_caller]
fn given_up(cluster: &Cluster<'_>, words: &str, exit: u8) -> (JobView, String) {
    let line = format!("predict --supervise --wait -- --config job.toml --config more.toml {words}");
    let ended = cluster.submit(&line).finish();
    assert_eq!(ended.status.code(), Some(i32::from(exit)), "{ended}");
    let job = cluster.list()[0].id;
    let view = cluster.wait_until_job_is(job, Phase::Failed);
    assert_eq!((view.generations.len(), view.line.exit), (5, Some(exit)), "{view:#?}");
    let JobState::Failed { why } = &view.line.state else { panic!("{view:#?}") };
    assert!(why.starts_with("it ended 5 times in a row; the last time predict on worker-0 "), "{why}");
    assert!(ended.verdict().contains(why.as_str()), "{ended}");
    (view, ended.stderr)
}

#[test]
fn a_job_that_crashes_at_once_five_times_has_failed_with_its_last_lines() {
    let world = World::new();
    let mut cluster = Cluster::start(world.folder(), 0);
    cluster.add_worker_with("--cores 1 --memory 2G", &[("FLIGHTLINE_FAILPOINT", "ledger/before-create")]);
    let killed = 128 + 9;
    let (view, said) = given_up(&cluster, "", killed);
    for life in &view.generations {
        assert_eq!(life.processes[0].state, "was ended by signal 9", "{view:#?}");
        let last = life.processes[0].last_lines.join("\n");
        assert!(last.contains("failpoint ledger/before-create: killing this process"), "{view:#?}");
    }
    assert!(said.contains("  | ") && said.contains("killing this process"), "{said}");
    cluster.stop();
}

#[test]
fn a_job_whose_port_is_another_programs_has_failed_after_five_lives() {
    let world = World::new();
    let cluster = Cluster::start(world.folder(), 1);
    let taken = Occupied::new();
    let words = format!("--set http.listen=127.0.0.1:{}", taken.port());
    let (view, said) = given_up(&cluster, &words, Exit::ClusterStart.code());
    let last = &view.generations[0].processes[0];
    assert_eq!(last.state, "ended with code 5", "{view:#?}");
    assert!(last.last_lines.iter().any(|line| line.contains(&taken.port().to_string())), "{view:#?}");
    assert!(said.contains(&taken.port().to_string()), "{said}");
    // What has failed leaves nothing behind, and the worker takes the next job.
    wait_until("all is free again", || cluster.worker(0).cores_taken.0 == 0);
    let next = cluster.run("model -- list --models models");
    cluster.wait_until_job_is(next, Phase::Completed);
    cluster.stop();
}

/// A mistake would come again: it isn't tried five times.
#[test]
fn a_supervised_job_with_a_mistake_has_failed_at_once() {
    let world = World::new();
    let cluster = Cluster::start(world.folder(), 1);
    let job = cluster.run("predict --supervise -- --config job.toml --config more.toml --set no.such=1");
    let view = cluster.wait_until_job_is(job, Phase::Failed);
    assert_eq!((view.generations.len(), view.line.exit), (1, Some(Exit::Usage.code())), "{view:#?}");
    let JobState::Failed { why } = &view.line.state else { panic!("{view:#?}") };
    assert!(why.contains("its arguments or its configuration are wrong") && why.contains("no.such"), "{why}");
    cluster.stop();
}

/// The reason of the first was "For more information, try '--help'.", and of the second the last mistake alone.
#[test]
fn a_jobs_reason_is_what_the_program_said_of_its_mistakes() {
    let world = World::new();
    let cluster = Cluster::start(world.folder(), 1);
    let both = "predict -- --config job.toml --config more.toml --set no.such=1 --set nor.that=2";
    for (line, says) in [
        (
            "train -- --nonsense",
            ["its arguments or its configuration are wrong", "): unexpected argument '--nonsense' found"],
        ),
        (both, ["mistakes in the configuration: ", "no.such"]),
        (both, ["its arguments or its configuration are wrong", "nor.that"]),
    ] {
        let job = cluster.run(line);
        let view = cluster.wait_until_job_is(job, Phase::Failed);
        let JobState::Failed { why } = &view.line.state else { panic!("{view:#?}") };
        assert!(says.iter().all(|part| why.contains(part)), "it doesn't say {says:?}: {why}");
        assert!(!why.contains("--help") && why.lines().count() == 1, "{why}");
    }
    cluster.stop();
}
