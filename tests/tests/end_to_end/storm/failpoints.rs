//! A kill at every failpoint. The names come from the engine's own table, so that none can be forgotten; one that never
//! fires fails.

use std::time::Instant;

use flightline_engine::failpoint::{ALL, VARIABLE};
use flightline_tests::job::{Job, Load, Shape, World, wait_for_work};
use flightline_tests::{Chance, DEADLINE, Ended, Signal};

use super::{finish, shape};

/// Requests between two changes of models and tables.
const BETWEEN_CHANGES: u64 = 100;

#[test]
fn storm_at_every_other_failpoint_over_one_worker() {
    die_at_each(&shape(1, 1), 0);
}

#[test]
fn storm_at_the_remaining_failpoints_over_one_worker() {
    die_at_each(&shape(1, 1), 1);
}

#[test]
fn storm_at_every_other_failpoint_over_two_workers() {
    die_at_each(&shape(1, 2), 0);
}

#[test]
fn storm_at_the_remaining_failpoints_over_two_workers() {
    die_at_each(&shape(1, 2), 1);
}

#[test]
fn storm_at_every_other_failpoint_over_two_processes() {
    die_at_each(&shape(2, 1), 0);
}

#[test]
fn storm_at_the_remaining_failpoints_over_two_processes() {
    die_at_each(&shape(2, 1), 1);
}

/// A job dies at one failpoint after another: at every other one from `first` on.
fn die_at_each(shape: &Shape, first: usize) {
    let mut chance = Chance::new();
    for name in names().filter(|name| !is_of_server(name)).skip(first).step_by(2) {
        // A new one for each: a life that was killed has bound so much ahead that the next ones have little to write.
        die_at(name, &World::new(), shape, &mut chance);
    }
}

/// All failpoints that there are.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// Whether only a job on servers comes by.
pub(crate) fn is_of_server(name: &str) -> bool {
    name.starts_with("kafka-") || name.starts_with("mongo") || name.starts_with("hdfs/")
}

/// A job dies at a failpoint, and the next one has nothing lost or doubled.
pub(crate) fn die_at(name: &str, world: &World, shape: &Shape, chance: &mut Chance) {
    let passing = passing(name, chance);
    let armed = shape.clone().env(VARIABLE, format!("{name}:{passing}"));
    let job = world.start(&armed);
    let load = world.load(job.requests(), chance.fork());
    let ends = work_until_death(world, job, &load, name);
    expect_killed_at(name, &ends);

    let job = world.start(shape);
    wait_for_work(&job, &load);
    let outcome = finish(world, job, load, &format!("killed at {name}, passing {passing}"));
    assert_eq!(outcome, Ok(()), "after a kill at {name}, passing {passing}");
}

/// Which passing is to kill: one of the work, where a start passes there, too.
fn passing(name: &str, chance: &mut Chance) -> usize {
    let kind = name.split('/').next().unwrap_or_default();
    match kind {
        "kafka-sink" if name.contains("claim") || name.contains("fence") => 1,
        "topic-sink" | "collection-sink" => 20 + chance.below(60),
        // Servers take fewer and larger commits.
        "kafka-sink" | "mongodb-sink" => 5 + chance.below(20),
        "file-sink" | "hdfs" => 2 + chance.below(6),
        // The first start opens the ledger, registers four sinks, and binds.
        "ledger" => 7 + chance.below(4),
        "table" | "cut" => 1 + chance.below(3),
        _ => 1,
    }
}

/// Gives a job everything to do until it dies of it.
fn work_until_death(world: &World, job: Job, load: &Load, name: &str) -> Vec<Ended> {
    let begun = Instant::now();
    for step in 0.. {
        let sent = load.sent();
        while !job.has_lost_one() && load.sent() < sent + BETWEEN_CHANGES {
            assert!(begun.elapsed() < DEADLINE, "{name} never fires");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        if job.has_lost_one() {
            break;
        }
        if name.starts_with("drain/") {
            job.ask_to_drain();
            break;
        }
        world.change(step);
    }
    job.wait_for_death()
}

fn expect_killed_at(name: &str, ends: &[Ended]) {
    use std::os::unix::process::ExitStatusExt;

    let line = format!("failpoint {name}: killing this process");
    let is_killed = |ended: &Ended| {
        ended.status.signal() == Some(Signal::KILL.as_raw()) && ended.stderr.lines().any(|said| said.contains(&line))
    };
    let stories: String = ends.iter().map(Ended::to_string).collect();
    assert!(ends.iter().any(is_killed), "nobody was killed at {name}:\n{stories}");
}
