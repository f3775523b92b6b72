//! Kills at random moments. `FLIGHTLINE_STORM_KILLS` says how many all shapes and promises get together;
//! `./test storm --servers` takes 200.

mod failpoints;
mod paused;

use flightline_engine::contract::Guarantee;
use flightline_tests::Chance;
use flightline_tests::job::World;
use flightline_tests::servers::Servers;

use crate::storm::{shape, storm};

/// Kills of each storm, before its sinks are looked at.
const TOGETHER: usize = 5;

fn kills() -> usize {
    std::env::var("FLIGHTLINE_STORM_KILLS").map_or(10, |kills| kills.parse().expect("a number of kills"))
}

#[test]
fn storm_over_two_workers_exactly_once() {
    storm_on_servers(1, 2, Guarantee::ExactlyOnce);
}

#[test]
fn storm_over_two_processes_at_least_once() {
    storm_on_servers(2, 1, Guarantee::AtLeastOnce);
}

fn storm_on_servers(processes: usize, workers: usize, guarantee: Guarantee) {
    let mut chance = Chance::new();
    let kills = kills().div_ceil(2);
    for begun in (0..kills).step_by(TOGETHER) {
        let world = World::on(Servers::shared(), guarantee);
        let outcome = storm(&world, &shape(processes, workers), &mut chance, TOGETHER.min(kills - begun));
        assert_eq!(outcome, Ok(()));
    }
}
