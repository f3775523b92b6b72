//! Models are promoted and the table changes under load: a binding takes force at one exact offset of each partition, which
//! the ledger says, and every answer is by the binding of its offset.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flightline_connectors::files::{StoreBlobs, Stores};
use flightline_engine::ledger::Entry;
use flightline_engine::ledger::{Binding, Book, EntryBody, LedgerLog};
use flightline_engine::log::{Offset, Partition};
use flightline_tests::Chance;
use flightline_tests::job::{PARTITIONS, Shape, World};
use flightline_tests::wait_until;
use serde_json::Value;

/// Model and table of an answer.
type By = (String, u64);

/// Runs a job under load, lets the model and the table change, and holds every answer against the ledger.
fn swap_under_load(shape: &Shape) {
    let world = World::new();
    let job = world.start(shape);
    job.wait_until_running();
    let load = world.load(job.requests(), Chance::new());
    for round in 1..=4_usize {
        let sent = load.sent();
        wait_until("the job takes requests", || load.sent() > sent + 200);
        let wanted = &world.models()[round % 2];
        if round % 2 == 0 {
            world.change_table(round as u64);
        }
        world.promote(round % 2);
        job.wait_until_bound("the promoted model is in force", |binding| *binding.model == **wanted);
    }
    let sent = load.sent();
    wait_until("the job takes requests", || load.sent() > sent + 200);
    load.stop();
    job.wait_until_done();
    job.stop();
    let holdings = world.holdings();
    assert_eq!(holdings.check(), Ok(()));

    let answers: BTreeMap<(u64, u64), By> = holdings.answers().iter().map(|(at, line)| (*at, by(line))).collect();
    let book = book(&world);
    for ((partition, offset), answer) in &answers {
        let bound = book.at(Partition(*partition as u32), Offset(*offset)).expect("what is answered is bound");
        let binding = book.binding(bound.number).expect("a bound entry has a binding");
        assert_eq!(*answer, of(binding), "partition {partition}, offset {offset}");
    }
    let cuts = cuts(&world);
    assert!(cuts.len() >= 3, "{} cuts", cuts.len());
    // Where a partition was cut again at the same place, the last counts: a model may come and go while none of its requests is
    // read, and then the bindings before and after it are the same.
    let mut in_force: BTreeMap<Partition, BTreeMap<u64, By>> = BTreeMap::new();
    for (partition, at, binding) in cuts.into_iter().flatten() {
        in_force.entry(partition).or_default().insert(at.0, of(&binding));
    }
    let mut changed = BTreeSet::new();
    for (partition, bindings) in &in_force {
        for ((_, earlier), (at, later)) in bindings.iter().zip(bindings.iter().skip(1)) {
            let answered = |offset: u64| answers.get(&(u64::from(partition.0), offset));
            // A partition in which nothing was answered since shows nothing.
            if let (Some(before), Some(after)) = (answered(at - 1), answered(*at)) {
                assert_eq!((before, after), (earlier, later), "the cut before offset {at} of partition {partition}");
                if before != after {
                    changed.insert(partition);
                }
            }
        }
    }
    assert_eq!(changed.len(), PARTITIONS as usize, "a change was seen on {changed:?} only");
}

fn by(line: &[u8]) -> By {
    let line: Value = serde_json::from_slice(line).expect("an answer is JSON");
    (line["Model"].as_str().expect("it names its model").to_owned(), line["Table"].as_u64().expect("and its table"))
}

fn of(binding: &Binding) -> By {
    (binding.model.to_string(), binding.table.0)
}

fn book(world: &World) -> Book {
    let state = world.folder().join("state").display().to_string();
    let blobs = StoreBlobs::open(&Stores::new().expect("stores"), &state).expect("the state folder");
    LedgerLog::new(Arc::new(blobs)).load().expect("a ledger")
}

/// The cuts of the ledger: on each partition, from where on which binding.
fn cuts(world: &World) -> Vec<Vec<(Partition, Offset, Binding)>> {
    let entries = world
        .folder()
        .files("state/ledger")
        .into_iter()
        .map(|file| Entry::from_line(world.folder().read(format!("state/ledger/{file}"))).expect("an entry"));
    let cut = |entry: Entry| match entry.body {
        EntryBody::Cut { binding, at, .. } => {
            Some(at.into_iter().map(|(partition, at)| (partition, at, binding.clone())).collect())
        }
        _ => None,
    };
    entries.filter_map(cut).collect()
}

#[test]
fn bindings_take_force_at_exact_offsets_under_load() {
    swap_under_load(&Shape::of(1, 2));
}

#[test]
fn bindings_take_force_at_exact_offsets_over_two_processes() {
    swap_under_load(&Shape::of(2, 1));
}
