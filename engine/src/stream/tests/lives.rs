//! How lives follow one another.

use std::cell::Cell;
use std::time::Duration;

use super::toy::{World, wait_until};
use crate::cluster::ClusterPlan;
use crate::contract::{Answers, FlushReason, Sink, SinkBatch};
use crate::ids::WorkerCount;
use crate::ledger::Generation;
use crate::log::{Offset, Partition, Reached};
use crate::stream::{Ending, StreamError};

#[test]
fn each_record_is_answered_once_also_by_many_lives() {
    for workers in [1, 2, 3] {
        let world = World::new();
        for life in 0..3_u64 {
            world.append(life * 500..life * 500 + 200);
            let running = world.start(workers);
            world.append(life * 500 + 200..life * 500 + 500);
            world.wait_for(&world.topic);
            world.wait_for(&world.collection);
            running.stop().unwrap();
            assert_eq!(world.book().generation().map(|generation| generation.0), Some(life + 1));
        }
        // What may lag was flushed by the drain, or is caught up by the next life.
        let running = world.start(workers);
        world.wait_for(&world.files);
        running.stop().unwrap();
        world.check();
    }
}

#[test]
fn what_nobody_needs_is_collected_and_the_next_life_begins_with_a_checkpoint() {
    let mut world = World::new();
    world.replay_offsets = 100;
    let mut next = 0;
    for life in 0..2 {
        let running = world.start(2);
        let before = world.book().first_seq();
        let mut model = 0;
        let collected = Cell::new(false);
        while !collected.get() {
            model += 1;
            // Before it is wanted, or its cut might be among them.
            let entries = world.book().next_seq();
            world.want_model(&format!("m{life}.{model}"));
            world.append(next..next + 100);
            next += 100;
            wait_until("the cut is written", || {
                collected.set(world.book().first_seq() > before);
                world.book().next_seq() > entries
            });
        }
        world.wait_for(&world.files);
        running.stop().unwrap();
    }
    let book = world.book();
    assert!(book.kept_from(Partition(0)).0 > 0 && book.kept_from(Partition(0)).0 <= next / 4 - 100);
    world.wait_for(&world.topic);
    world.check();
}

/// Found by the demo: killed before a file's time had come, it began again with the topic's progress, and the files
/// waited for the next request of that very partition to notice what they missed.
#[test]
fn a_sink_that_was_behind_at_the_end_of_a_life_is_brought_up_without_a_new_record() {
    let mut world = World::new();
    world.limits.drain_patience = Duration::ZERO;
    let running = world.start(2);
    world.append(0..40);
    world.wait_for(&world.files);
    world.files.troubles().be_away(true);
    world.append(40..100);
    world.wait_for(&world.topic);
    running.stop().unwrap();
    assert_eq!(world.files.bodies().len(), 40, "the drain doesn't wait for what is away");
    world.files.troubles().be_away(false);
    let running = world.start(2);
    world.wait_for(&world.files);
    running.stop().unwrap();
    world.check();
}

/// Found by the upgrade drill: a file that HDFS was slow to close held a drain up for seconds, whatever its patience was.
#[test]
fn a_drain_does_not_wait_for_a_call_to_a_sink_that_may_lag() {
    let mut world = World::new();
    world.limits.drain_patience = Duration::ZERO;
    let running = world.start(2);
    world.append(0..40);
    world.wait_for(&world.files);
    world.files.troubles().be_stuck(true);
    world.append(40..100);
    world.wait_for(&world.topic);
    running.stop().unwrap();
    assert_eq!(world.files.bodies().len(), 40, "the call goes on, and the job has ended");
    world.files.troubles().be_stuck(false);
    let running = world.start(2);
    world.wait_for(&world.files);
    running.stop().unwrap();
    world.check();
}

#[test]
fn an_older_life_ends_when_a_later_one_is_at_work() {
    let world = World::new();
    let old = world.start(2);
    world.append(0..200);
    world.wait_for(&world.topic);
    let new = world.start(1);
    let mut next = 200;
    while new.metrics.status().answers.ok == 0 {
        world.append(next..next + 50);
        next += 50;
    }
    // The old one finds out at its next write, and might have nothing left to write.
    world.append(next..next + 50);
    let superseded = old.ended();
    assert!(matches!(superseded, Err(StreamError::Ended(Ending::Superseded(_)))), "{superseded:?}");
    for sink in [&world.topic, &world.collection, &world.files] {
        world.wait_for(sink);
    }
    new.stop().unwrap();
    world.check();
}

#[test]
fn a_life_claims_what_a_master_proposes_and_ends_when_that_is_not_above_the_ledgers() {
    let world = World::new();
    let plan = |generation| ClusterPlan::local(WorkerCount::new(2)).with_generation(Generation(generation));
    let life = world.start_as(plan(5));
    world.append(0..40);
    world.wait_for(&world.topic);
    assert_eq!(life.metrics.status().generation, Some(Generation(5)));
    life.stop().unwrap();
    for proposed in [5, 2] {
        let ended = world.start_as(plan(proposed)).ended();
        let Err(StreamError::Ended(ending)) = ended else { panic!("{ended:?}") };
        assert_eq!(ending, Ending::NotAbove { proposed: Generation(proposed), ledger: Generation(5) });
        let text = ending.to_string();
        assert!(
            text.contains(&format!("generation {proposed} was proposed")) && text.contains("has generation 5"),
            "{text}"
        );
    }
    let life = world.start_as(plan(6));
    world.append(40..80);
    world.wait_for(&world.topic);
    life.stop().unwrap();
    world.check();
}

/// A worker that could not begin, after all had come together, told nobody, and the others waited for it without end.
#[test]
fn a_worker_that_cannot_begin_ends_all() {
    let mut world = World::new();
    world.refused = Some(Partition(1));
    for workers in [1, 2, 3] {
        let ended = world.start(workers).ended();
        let Err(StreamError::Ended(Ending::Failed(why))) = ended else { panic!("{workers} workers: {ended:?}") };
        assert!(why.contains("partition 1 can't be opened"), "{why}");
    }
}

/// The end of the log was asked before older lives were fenced off: what they answered until then seemed to lie above it, and
/// the new life gave up with a wrong sentence, after it had ended the old one.
#[test]
fn a_new_life_begins_while_records_come_and_an_old_one_answers_them() {
    let world = World::new();
    let mut lives = vec![world.start(2)];
    let (mut next, mut seen) = (0, 0);
    loop {
        world.append(next..next + 20);
        next += 20;
        let generation = world.book().generation().map_or(0, |generation| generation.0);
        let is_at_work = lives.last().is_some_and(|life| life.metrics.status().answers.ok > 0);
        if generation > seen && is_at_work {
            seen = generation;
            if lives.len() == 6 {
                break;
            }
            lives.push(world.start(1));
        }
    }
    // An old one finds out at its next write, and might have nothing left to write.
    world.append(next..next + 20);
    let newest = lives.pop().expect("there are six");
    for sink in [&world.topic, &world.collection, &world.files] {
        world.wait_for(sink);
    }
    newest.stop().unwrap();
    for old in lives {
        let ended = old.ended();
        assert!(matches!(ended, Err(StreamError::Ended(Ending::Superseded(_)))), "{ended:?}");
    }
    world.check();
}

/// A whole new job that was given the old one's files went on behind them, and lost as many answers.
#[test]
fn the_files_of_a_job_that_is_gone_are_not_gone_on_with() {
    let world = World::new();
    let running = world.start(1);
    world.append(0..40);
    world.wait_for(&world.files);
    running.stop().unwrap();
    let mut again = World::new();
    again.files = world.files.clone();
    let ended = again.start(1).ended();
    assert!(
        matches!(&ended, Err(StreamError::Ended(Ending::Failed(why))) if why.contains("sink files") && why.contains("state folder")),
        "{ended:?}"
    );
    assert_eq!(world.files.bodies().len(), 40);
}

/// A sink that was away at the start was opened later without a look at the log: what stood above the log's end, since that
/// was made anew, dropped as many answers without a word.
#[test]
fn a_sink_that_comes_back_with_answers_to_another_log_is_gone_on_without() {
    let world = World::new();
    let running = world.start(1);
    world.append(0..40);
    world.wait_for(&world.files);
    running.stop().unwrap();
    let partition = Partition(0);
    let beyond = Answers { partition, from: Offset(10), reached: Reached::start(Offset(1000)), items: Vec::new() };
    let mut writer = world.files.open(Generation(1), &[partition]).unwrap();
    writer.write(&SinkBatch { answers: [(partition, beyond)].into() }).unwrap();
    writer.flush(FlushReason::Closing).unwrap();

    world.files.troubles().be_away(true);
    let running = world.start(1);
    wait_until("health names it", || running.health.report().waits_for.contains_key("sink files"));
    world.append(40..80);
    world.wait_for(&world.topic);
    world.files.troubles().be_away(false);
    wait_until("it is given up", || running.health.report().without.contains_key("sink files"));
    let why = &running.health.report().without["sink files"];
    assert!(why.contains("made anew"), "{why}");
    running.stop().unwrap();
}

#[test]
fn what_must_be_mended_first_is_said() {
    let world = World::new();
    world.topic.troubles().be_broken(Some("the disk is full: make room"));
    let ended = world.start(2).ended();
    assert!(matches!(&ended, Err(StreamError::Ended(Ending::Failed(why))) if why.contains("make room")), "{ended:?}");
}
