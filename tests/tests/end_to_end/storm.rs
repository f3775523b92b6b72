//! The storm: processes are killed with -9 at random moments and at every failpoint, under load, while models and tables
//! change. Afterwards every request is answered once in each sink, with the same answer.
//!
//! `FLIGHTLINE_STORM_KILLS` says how many kills at random moments each shape gets together; `./test storm` takes 100.

use std::thread;
use std::time::Duration;

use flightline_tests::job::{Load, Shape, World};
use flightline_tests::{Chance, wait_until};

/// Kills at random moments, over all shapes.
fn kills() -> usize {
    std::env::var("FLIGHTLINE_STORM_KILLS").map_or(20, |kills| kills.parse().expect("a number of kills"))
}

/// Something that a job must live with.
fn disturb(world: &World, chance: &mut Chance) {
    match chance.below(4) {
        0 => world.promote(0),
        1 => world.promote(1),
        2 => world.change_table(chance.below(5) as u64),
        _ => {}
    }
}

fn storm(shape: &Shape, kills: usize) -> Result<(), String> {
    let (world, mut chance) = (World::new(), Chance::new());
    let mut job = world.start(shape);
    let load = Load::start(job.client(), chance.clone());
    for kill in 0..kills {
        // A moment of the start or of the work; with waiting for work in between, or it would only ever start.
        if kill % 3 > 0 {
            let sent = load.sent();
            wait_until("the job takes requests", || load.sent() > sent + 200);
        }
        disturb(&world, &mut chance);
        thread::sleep(Duration::from_millis(chance.below(500) as u64));
        job.kill(chance.below(shape.processes));
        job = world.start(shape);
    }
    let sent = load.sent();
    wait_until("the job takes requests", || load.sent() > sent + 200);
    load.stop();
    job.wait_until_running();
    job.wait_until_done();
    job.stop();
    let holdings = world.holdings();
    println!("{} requests, {kills} kills", holdings.requests());
    holdings.check()
}

#[test]
fn storm_over_one_worker() {
    assert_eq!(storm(&Shape::of(1, 1), kills().div_ceil(3)), Ok(()));
}

#[test]
fn storm_over_two_workers() {
    assert_eq!(storm(&Shape::of(1, 2), kills().div_ceil(3)), Ok(()));
}

#[test]
fn storm_over_two_processes() {
    assert_eq!(storm(&Shape::of(2, 1), kills() / 3), Ok(()));
}
