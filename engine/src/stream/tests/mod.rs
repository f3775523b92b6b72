//! The runtime as a whole, with connectors in memory: everything but processes that die.

mod lives;
mod toy;

use std::cell::Cell;
use std::time::Duration;

use super::{Drained, Ending, StreamError};
use crate::contract::{SinkName, TableRows};
use crate::ledger::Generation;
use crate::log::{Offset, Partition};
use crate::metrics::{EntrySays, EntryStatus, StreamStatus};
use toy::{World, wait_until};

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

/// All that was told of the ledger was how many entries it has had.
#[test]
fn a_job_tells_what_its_ledger_holds() {
    let world = World::new();
    let running = world.start(1);
    world.append(0..100);
    world.wait_for(&world.topic);
    running.stop().unwrap();
    let written = world.book().next_seq();
    let running = world.start(2);
    let ledger = || running.metrics.status().ledger;
    world.append(100..200);
    world.wait_for(&world.topic);
    world.want_model("m2");
    let is_open =
        |model: &str| ledger().is_some_and(|ledger| ledger.open.first().is_some_and(|open| *open.model == *model));
    wait_until("the cut is told", || is_open("m2"));
    let told = ledger().unwrap();
    assert_eq!((told.generation, told.open_in_all), (Generation(2), told.open.len() as u64));
    assert_eq!(told.open[0].requests.partitions, u64::from(World::PARTITIONS));
    let cut = told.newest.iter().find(|entry| matches!(&entry.says, EntrySays::Cut { model, .. } if **model == *"m2"));
    assert!(cut.is_some_and(|cut| cut.ms_ago.is_some() && cut.generation == Generation(2)), "{told:?}");
    wait_until("what was there before is told, too", || {
        ledger().is_some_and(|ledger| ledger.newest.iter().any(|entry| entry.number < written))
    });
    for EntryStatus { number, generation, ms_ago, says } in ledger().unwrap().newest {
        assert_eq!(ms_ago.is_some(), generation == Generation(2), "entry {number} of generation {generation}");
        assert_eq!(says == EntrySays::Claimed, number == written, "entry {number}");
    }
    running.stop().unwrap();
    world.check();
}

/// The page showed one epoch in flight, always: the newest was taken for the oldest, too.
#[test]
fn epochs_are_in_flight_from_the_oldest_that_a_required_sink_lacks() {
    let world = World::new();
    let running = world.start(2);
    let epochs = || running.metrics.status().epochs_in_flight;
    world.append(0..100);
    world.wait_for(&world.topic);
    world.wait_for(&world.collection);
    wait_until("nothing is in flight", || epochs().is_none());
    world.topic.troubles().be_away(true);
    world.append(100..104);
    wait_until("something is", || epochs().is_some());
    let (oldest, _) = epochs().unwrap();
    let next = Cell::new(104);
    wait_until("later epochs are, too", || {
        world.append(next.get()..next.get() + 4);
        next.set(next.get() + 4);
        epochs().is_some_and(|(still, newest)| still == oldest && newest.0 > oldest.0 + 3)
    });
    assert!(running.metrics.status().epoch >= epochs().unwrap().1);
    world.topic.troubles().be_away(false);
    world.wait_for(&world.topic);
    world.wait_for(&world.collection);
    wait_until("nothing is in flight again", || epochs().is_none());
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

/// Only a start that came later by chance read what was written to a partition that had been added meanwhile.
#[test]
fn partitions_that_are_added_while_it_runs_are_read_from_their_first_record() {
    let world = World::new();
    let running = world.start(2);
    world.append(0..100);
    world.wait_for(&world.topic);
    world.log.grow(2);
    let come = [World::PARTITIONS, World::PARTITIONS + 1].map(Partition);
    // The collection keeps one of each text.
    come.iter().for_each(|partition| _ = world.log.append(*partition, format!("first of {partition}")));
    assert_eq!(running.ended().unwrap(), Drained::LogGrew);
    let running = world.start(2);
    come.iter().for_each(|partition| _ = world.log.append(*partition, format!("second of {partition}")));
    world.append(100..200);
    for sink in [&world.topic, &world.collection, &world.files] {
        world.wait_for(sink);
    }
    assert_eq!(running.stop().unwrap(), Drained::Asked);
    world.check();
    let book = world.book();
    assert!(book.registered().values().all(|starts| come.iter().all(|partition| starts[partition] == Offset(0))));
}

#[test]
fn tools_are_told_how_far_all_required_sinks_are() {
    let world = World::new();
    let running = world.start(2);
    world.append(0..100);
    world.wait_for(&world.topic);
    world.wait_for(&world.collection);
    world.collection.troubles().be_away(true);
    world.append(100..200);
    world.wait_for(&world.topic);
    let far = |end| (0..World::PARTITIONS).map(|partition| (Partition(partition), Offset(end))).collect();
    wait_until("what both sinks have is told", || world.log.told() == far(25));
    world.collection.troubles().be_away(false);
    wait_until("and the rest, too", || world.log.told() == far(50));
    running.stop().unwrap();
}

/// A model that could not be loaded once was refused for ever, also when it was mended and wanted again.
#[test]
fn a_model_that_was_mended_takes_force_when_it_is_wanted_again() {
    let world = World::new();
    let running = world.start(2);
    world.append(0..100);
    world.wait_for(&world.topic);
    world.want_model("mended");
    wait_until("it is refused", || running.metrics.status().refused.is_some());
    world.want_model("m2");
    let bound = |model: &str| running.metrics.status().binding.is_some_and(|bound| *bound.model == *model);
    wait_until("another one is in force", || bound("m2"));
    world.want_model("mended");
    wait_until("it is in force", || bound("mended"));
    running.stop().unwrap();
}

/// Only their bytes were counted, and an empty record has none: the whole log was read into memory.
#[test]
fn empty_records_are_held_back_too() {
    let world = World::new();
    let running = world.start(1);
    world.append(0..4);
    world.wait_for(&world.topic);
    world.topic.troubles().be_away(true);
    for partition in (0..World::PARTITIONS).map(Partition) {
        (0..5000).for_each(|_| _ = world.log.append(partition, ""));
    }
    let sink = SinkName("topic".into());
    wait_until("the sink is away", || {
        running.metrics.status().sinks.get(&sink).is_some_and(|sink| sink.transient_faults > 0)
    });
    let read =
        |status: &StreamStatus| status.partitions.values().map(|partition| partition.in_flight_records).sum::<u64>();
    let status = running.metrics.status();
    let most = (world.limits.in_flight_bytes + World::PARTITIONS as usize * world.limits.read_batch_bytes) / 512;
    assert!(read(&status) <= most as u64, "{} records are under way", read(&status));
    world.topic.troubles().be_away(false);
    world.wait_for(&world.topic);
    running.stop().unwrap();
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
