//! An old process of a job stops in the middle of a commit, as a machine does that sleeps; a new one begins and answers
//! everything; and the old one wakes up: it must end without ending the new one, and exactly once without a trace.

use flightline_engine::contract::Guarantee;
use flightline_engine::failpoint::VARIABLE;
use flightline_engine::process::Exit;
use flightline_tests::Chance;
use flightline_tests::job::{World, wait_for_work};
use flightline_tests::servers::Servers;

use crate::storm::shape;

/// Just before a life fences off the others, and in the midst of a commit of each kind.
const EXACTLY_ONCE: [&str; 6] = [
    "kafka-sink/before-fence",
    "kafka-sink/before-commit:30",
    "kafka-sink/after-commit:30",
    "mongodb-sink/before-answers:30",
    "hdfs/before-rename:9",
    "ledger/before-create:8",
];
const AT_LEAST_ONCE: [&str; 4] = [
    "kafka-sink/before-send:30",
    "kafka-sink/before-progress:30",
    "mongodb-sink/before-progress:30",
    "hdfs/under-construction:9",
];

#[test]
fn storm_an_old_process_wakes_up_exactly_once() {
    EXACTLY_ONCE.iter().for_each(|place| wake_up(place, Guarantee::ExactlyOnce));
}

#[test]
fn storm_an_old_process_wakes_up_at_least_once() {
    AT_LEAST_ONCE.iter().for_each(|place| wake_up(place, Guarantee::AtLeastOnce));
}

fn wake_up(place: &str, guarantee: Guarantee) {
    println!("--- pausing at {place}");
    let (world, mut chance, shape) = (World::on(Servers::shared(), guarantee), Chance::new(), shape(1, 2));
    let mut old = world.start(&shape.clone().env(VARIABLE, format!("{place}:pause")));
    let load = world.load(world.requests_on_server(), chance.fork());
    old.wait_until_paused();

    let new = world.start(&shape.above(2));
    wait_for_work(&new, &load);
    load.stop();
    new.wait_until_done();
    let before = world.holdings();
    assert_eq!(before.check_as(guarantee), Ok(()), "{place}, while the old process sleeps");

    old.wake_up();
    let load = world.load(world.requests_on_server(), chance.fork());
    let ended = old.wait_for_death().remove(0);
    ended.expect(Exit::Superseded);
    wait_for_work(&new, &load);
    load.stop();
    new.wait_until_done();
    new.stop();
    let after = world.holdings();
    assert_eq!(after.check_as(guarantee), Ok(()), "{place}, after the old process woke up");
    assert_eq!(after.lost_since(&before), None, "{place}: the old process changed what was there");
}
