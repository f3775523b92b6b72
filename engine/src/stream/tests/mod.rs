//! The runtime as a whole, with connectors in memory: everything but processes that die.

mod toy;

use std::cell::Cell;
use std::time::Duration;

use super::{Ending, StreamError};
use crate::contract::TableRows;
use crate::log::{Offset, Partition};
use toy::{World, wait_until};

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
fn a_model_takes_force_at_one_offset_of_each_partition_and_in_all_sinks() {
    let world = World::new();
    let running = world.start(2);
    for round in 0..5_u64 {
        world.append(round * 400..round * 400 + 400);
        world.want_model(&format!("m{}", round + 2));
        let entries = world.book().next_seq();
        wait_until("the cut is written", || world.book().next_seq() > entries);
    }
    world.append(2000..2400);
    for sink in [&world.topic, &world.collection, &world.files] {
        world.wait_for(sink);
    }
    running.stop().unwrap();
    world.check();
    let models = |partition| {
        let of = |offset| world.book().at(partition, offset).and_then(|s| world.book().binding(s.number).cloned());
        let mut models: Vec<_> =
            world.log.records(partition).iter().map(|record| of(record.offset).unwrap().model).collect();
        models.dedup();
        models
    };
    for partition in (0..World::PARTITIONS).map(Partition) {
        let models = models(partition);
        assert!(models.windows(2).all(|pair| pair[0] < pair[1]), "{models:?}");
        assert_eq!(models.last().map(|model| &**model), Some("m6"));
    }
}

#[test]
fn a_model_that_is_refused_leaves_the_old_one_in_force() {
    let world = World::new();
    let running = world.start(2);
    world.append(0..100);
    world.wait_for(&world.topic);
    world.want_model("bad");
    world.append(100..300);
    world.wait_for(&world.topic);
    world.want_model("m2");
    let next = Cell::new(300);
    wait_until("m2 is bound", || {
        world.append(next.get()..next.get() + 4);
        next.set(next.get() + 4);
        world.topic.bodies().iter().any(|body| body.windows(4).any(|part| part == b":m2:"))
    });
    world.wait_for(&world.collection);
    world.wait_for(&world.files);
    running.stop().unwrap();
    world.check();
    assert!(!world.topic.bodies().iter().any(|body| body.windows(5).any(|part| part == b":bad:")));
}

/// A refused model that stayed wanted would be refused again with each change of the table, and the change with it.
#[test]
fn a_table_changes_while_a_refused_model_is_wanted() {
    let world = World::new();
    let running = world.start(2);
    world.append(0..100);
    world.wait_for(&world.topic);
    world.want_model("bad");
    wait_until("it is refused", || running.metrics.status().refused.is_some());
    world.table.set(TableRows::from([("a".to_owned(), "2".to_owned())]));
    let next = Cell::new(100);
    wait_until("the second version is bound", || {
        world.append(next.get()..next.get() + 4);
        next.set(next.get() + 4);
        world.topic.bodies().iter().any(|body| body.ends_with(b":2"))
    });
    for sink in [&world.topic, &world.collection, &world.files] {
        world.wait_for(sink);
    }
    running.stop().unwrap();
    world.check();
    assert!(!world.topic.bodies().iter().any(|body| body.windows(5).any(|part| part == b":bad:")));
}

#[test]
fn a_changed_table_is_bound_like_a_model() {
    let world = World::new();
    let running = world.start(2);
    world.append(0..100);
    world.wait_for(&world.topic);
    world.table.set(TableRows::from([("a".to_owned(), "2".to_owned())]));
    let last = |number: &str| world.topic.bodies().iter().any(|body| body.ends_with(number.as_bytes()));
    let next = Cell::new(100);
    wait_until("the second version is bound", || {
        world.append(next.get()..next.get() + 4);
        next.set(next.get() + 4);
        last(":2")
    });
    for sink in [&world.topic, &world.collection, &world.files] {
        world.wait_for(sink);
    }
    running.stop().unwrap();
    world.check();
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
            world.want_model(&format!("m{life}.{model}"));
            let entries = world.book().next_seq();
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

#[test]
fn transient_faults_neither_lose_nor_double() {
    let world = World::new();
    let running = world.start(2);
    for round in 0..10_u64 {
        world.topic.troubles().fail_before(2);
        world.topic.troubles().fail_after(1);
        world.collection.troubles().fail_after(2);
        world.files.troubles().fail_before(1);
        world.blobs.troubles().fail_after(1);
        world.log.troubles().fail_before(1);
        world.append(round * 100..round * 100 + 100);
        world.wait_for(&world.topic);
    }
    world.wait_for(&world.collection);
    world.wait_for(&world.files);
    running.stop().unwrap();
    world.check();
}

#[test]
fn a_required_sink_that_is_away_holds_the_source_back_and_loses_nothing() {
    let mut world = World::new();
    world.limits.in_flight_bytes = 4 << 10;
    let running = world.start(2);
    world.append(0..100);
    world.wait_for(&world.topic);
    world.topic.troubles().be_away(true);
    world.append(100..20_000);
    wait_until("the collection stands still", || {
        let before = world.collection.bodies().len();
        std::thread::sleep(Duration::from_millis(100));
        world.collection.bodies().len() == before
    });
    assert!(world.collection.bodies().len() < 10_000, "the source is held back");
    world.topic.troubles().be_away(false);
    for sink in [&world.topic, &world.collection, &world.files] {
        world.wait_for(sink);
    }
    running.stop().unwrap();
    world.check();
}

#[test]
fn a_sink_that_may_lag_holds_nobody_back_and_catches_up() {
    let world = World::new();
    let running = world.start(2);
    world.append(0..4);
    world.wait_for(&world.files);
    world.files.troubles().be_away(true);
    world.append(4..20_000);
    world.wait_for(&world.topic);
    world.wait_for(&world.collection);
    assert_eq!(world.files.bodies().len(), 4);
    world.files.troubles().be_away(false);
    world.wait_for(&world.files);
    running.stop().unwrap();
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

#[test]
fn an_older_life_ends_when_a_later_one_is_at_work() {
    let world = World::new();
    let old = world.start(2);
    world.append(0..200);
    world.wait_for(&world.topic);
    let new = world.start(1);
    let mut next = 200;
    let superseded = loop {
        world.append(next..next + 50);
        next += 50;
        // The old one finds out at its next write.
        if world.book().generation().map(|generation| generation.0) == Some(2) {
            break old.ended();
        }
    };
    assert!(matches!(superseded, Err(StreamError::Ended(Ending::Superseded(_)))), "{superseded:?}");
    for sink in [&world.topic, &world.collection, &world.files] {
        world.wait_for(sink);
    }
    new.stop().unwrap();
    world.check();
}

#[test]
fn a_job_that_loses_a_record_ends_before_that_is_progress() {
    let world = World::new();
    let running = world.start(1);
    world.append(0..10);
    world.wait_for(&world.topic);
    world.log.append(Partition(0), "lose me");
    let ended = running.ended();
    assert!(matches!(&ended, Err(StreamError::Ended(Ending::Failed(why))) if why.contains("bug")), "{ended:?}");
    assert_eq!(world.topic.progress()[&Partition(0)].next, Offset(3));
}

#[test]
fn what_must_be_mended_first_is_said() {
    let world = World::new();
    world.topic.troubles().be_broken(Some("the disk is full: make room"));
    let ended = world.start(2).ended();
    assert!(matches!(&ended, Err(StreamError::Ended(Ending::Failed(why))) if why.contains("make room")), "{ended:?}");
}
