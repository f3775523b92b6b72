//! An old life of a job is paused in the middle of a commit, a new one begins and answers everything, and the old one wakes
//! up: it must end without a trace.
//!
//! Both are in this process, on one handle of the store, since a file of the store belongs to one process.

use flightline_jobs::failure::FailureKind;
use flightline_jobs::service::AsConfigured;
use flightline_tests::job::{Gate, Gated, Life, Moment, Pass, World};
use flightline_tests::{Chance, wait_until};

/// Requests for each partition, in each step.
const SOME: usize = 400;

#[test]
fn storm_an_old_life_wakes_up_in_the_topic_sink() {
    wake_up_at(|moment| Pass::Sink("topic", moment));
}

#[test]
fn storm_an_old_life_wakes_up_in_the_collection_sink() {
    wake_up_at(|moment| Pass::Sink("collection", moment));
}

#[test]
fn storm_an_old_life_wakes_up_in_the_file_sink() {
    wake_up_at(|moment| Pass::Sink("files", moment));
}

#[test]
fn storm_an_old_life_wakes_up_at_the_ledger() {
    wake_up_at(Pass::Ledger);
}

fn wake_up_at(place: impl Fn(Moment) -> Pass) {
    wake_up(place(Moment::Before));
    wake_up(place(Moment::After));
}

fn wake_up(place: Pass) {
    println!("pausing at {place:?}");
    let (world, mut chance, gate) = (World::new(), Chance::new(), Gate::default());
    let store = world.store();
    let old = Life::start(&world, &store, &Gated(gate.clone()));
    old.ask(&mut chance, SOME);
    old.wait_until_done();

    // A new model is cut in, and requests are on their way, when it falls asleep.
    gate.close_at(place);
    world.change(0);
    old.ask(&mut chance, SOME);
    wait_until("the old life comes to the gate", || gate.is_closed());
    old.ask(&mut chance, SOME);

    // The new life wants another table, so that it binds otherwise wherever it may.
    world.change(1);
    let new = Life::start(&world, &store, &AsConfigured);
    new.wait_until_done();
    // What the old life has bound ahead stands; the new one's own comes after that.
    let before = loop {
        new.ask(&mut chance, SOME);
        new.wait_until_done();
        let holdings = world.holdings_in(&store);
        if holdings.bindings().iter().any(|(_, table)| *table > 1) {
            break holdings;
        }
    };
    assert_eq!(before.check(), Ok(()), "while the old life sleeps");

    gate.open();
    let failure = old.end().expect_err("an old life ends when it wakes up");
    assert_eq!(failure.kind, FailureKind::Superseded, "{failure}");

    new.ask(&mut chance, SOME);
    new.wait_until_done();
    new.drain().expect("the new life drains");
    let after = world.holdings_in(&store);
    assert_eq!(after.check(), Ok(()), "after the old life woke up");
    assert_eq!(after.lost_since(&before), None, "the old life changed what was there");
    println!("{} requests with {} bindings; the old life: {failure}", after.requests(), after.bindings().len());
}
