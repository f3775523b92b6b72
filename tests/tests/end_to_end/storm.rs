//! The storm: processes are killed with -9 at random moments and at every failpoint, and paused and woken up again, under
//! load, while models and tables change. Afterwards every request is answered once in each sink, with the same answer.
//!
//! | module | shows |
//! |---|---|
//! | `random` | that kills at random moments lose and double nothing |
//! | `failpoints` | the same of a kill at each failpoint |
//! | `paused` | the same of a life that sleeps while a later one does its work, and wakes up |
//! | `planted` | that the storm would see it: it finds each of three planted bugs |

pub(crate) mod failpoints;
mod paused;
mod planted;
mod random;

use std::thread;
use std::time::Duration;

use flightline_tests::Chance;
use flightline_tests::job::{Job, Load, Shape, World, wait_for_work};

/// Few enough that a life collects what it no longer needs of its ledger.
const REMEMBER_LITTLE: &str = "job.replay_offsets=100";

pub(crate) fn shape(processes: usize, workers: usize) -> Shape {
    Shape::of(processes, workers).set(REMEMBER_LITTLE)
}

/// Kills a job under load so often, at random moments and while models and tables change, lets its last life finish, and
/// says what is wrong in its sinks.
pub(crate) fn storm(world: &World, shape: &Shape, chance: &mut Chance, kills: usize) -> Result<(), String> {
    let mut job = world.start(shape);
    let load = world.load(job.requests(), chance.fork());
    for kill in 0..kills {
        // A moment of the start or of the work; with waiting for work in between, or it would only ever start.
        if kill % 3 > 0 {
            disturb(world, chance);
            wait_for_work(&job, &load);
        }
        disturb(world, chance);
        thread::sleep(Duration::from_millis(chance.below(500) as u64));
        job.kill(chance.below(shape.processes));
        job = world.start(shape);
    }
    wait_for_work(&job, &load);
    finish(world, job, load, &format!("{kills} kills"))
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

/// Ends the load, then the job when it has answered everything, and says what is wrong in its sinks.
pub(crate) fn finish(world: &World, job: Job, load: Load, story: &str) -> Result<(), String> {
    load.stop();
    job.wait_until_running();
    job.wait_until_done();
    job.stop();
    let holdings = world.holdings();
    println!("{} requests with {} bindings, {story}", holdings.requests(), holdings.bindings().len());
    holdings.check_as(world.promised())
}
