//! Starts of a streaming job that must not succeed, and what they say.

use std::fs;

use flightline_engine::ledger::Generation;
use flightline_engine::process::Exit;
use flightline_tests::Ended;
use flightline_tests::job::{Shape, World, request};
use flightline_tests::rows::bundled;

/// The end of a job that ends by itself.
fn refused(world: &World, shape: &Shape) -> Vec<Ended> {
    world.start(shape).wait_for_death()
}

/// A user who removed the state folder and kept the answers would have got a job that takes the old progress for its own.
#[test]
fn answers_of_a_job_whose_state_is_gone_are_not_gone_on_with() {
    let world = World::new();
    let job = world.start(&Shape::of(1, 1));
    job.wait_until_running();
    job.ask(0, [request(&bundled()[0], 1)]);
    job.wait_until_done();
    job.stop();
    let state = world.folder().join("state");
    let kept = world.folder().join("kept");
    fs::rename(&state, &kept).expect("the state can be moved");
    for end in refused(&world, &Shape::of(1, 1)) {
        end.expect(Exit::Storage).says(&["bring back the state folder"]);
        for sink in ["sink collection", "sink dead-letters", "sink files", "sink topic"] {
            assert!(end.stderr.contains(sink), "{sink} is forgotten: {end}");
        }
    }

    fs::remove_dir_all(&state).expect("the new state can be removed");
    fs::rename(&kept, &state).expect("the state can be brought back");
    let job = world.start(&Shape::of(1, 1));
    job.wait_until_running();
    job.ask(0, [request(&bundled()[1], 2)]);
    job.wait_until_done();
    job.stop();
    assert_eq!(world.holdings().check(), Ok(()));
}

/// It would have been left behind for good at the first hiccup: process 0 can't read what the others have.
#[test]
fn a_collection_that_may_lag_needs_all_requests_in_its_process() {
    let world = World::new();
    let shape = Shape::of(2, 1).set("sinks.collection.required=false");
    let ends = refused(&world, &shape);
    let said = ends.iter().find(|end| end.status.code() == Some(i32::from(Exit::Usage.code())));
    said.expect("a process ends by itself").says(&["sinks.collection.required", "make it required"]);
    let job = world.start(&Shape::of(1, 2).set("sinks.collection.required=false"));
    job.wait_until_running();
    job.stop();
}

/// A master goes on above the number that it is told.
#[test]
fn a_life_has_the_generation_that_is_proposed_and_ends_if_that_is_not_above_all_earlier_ones() {
    let world = World::new();
    for (number, generation) in (1..).zip([7, 9]) {
        let job = world.start(&Shape::of(2, 1).generation(generation));
        job.wait_until_running();
        for process in [0, 1] {
            let status = job.status(process).expect("it runs");
            assert_eq!(status.generation, Some(Generation(generation)), "process {process}");
            // They were told only when one was added in this life.
            assert!(status.ledger_entries > 0, "process {process}");
        }
        job.ask(0, [request(&bundled()[0], number)]);
        job.wait_until_done();
        job.stop();
        for proposed in [generation, 3] {
            // The others are killed as soon as one has ended; both come to the same end.
            let ends = refused(&world, &Shape::of(2, 1).generation(proposed));
            let by_itself: Vec<_> = ends.iter().filter(|end| end.status.code().is_some()).collect();
            assert!(!by_itself.is_empty(), "{ends:?}");
            for end in by_itself {
                let (ours, ledgers) =
                    (format!("generation {proposed} was proposed"), format!("has generation {generation}"));
                end.expect(Exit::Superseded).says(&[&ours, &ledgers]);
            }
        }
    }
    let job = world.start(&Shape::of(1, 1));
    job.wait_until_running();
    assert_eq!(job.status(0).and_then(|status| status.generation), Some(Generation(10)), "without a master, the next");
    job.stop();
    assert_eq!(world.holdings().check(), Ok(()));
}
