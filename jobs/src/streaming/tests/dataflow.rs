//! The dataflow on several workers settles every record once, as the plain loops do.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use flightline_engine::contract::{TableRows, table_changes};
use flightline_engine::ledger::Seq;
use flightline_engine::stream::{
    Bindings, BoundRecord, Epoch, JobInputs, ReadyBinding, Settled, StreamJob, TableChange, TableSpread,
};
use proptest::prelude::*;
use timely::dataflow::operators::{Input, Inspect, Probe};
use timely::worker::Worker;

use super::world::World;
use crate::model::Registry;
use crate::streaming::FlightsJob;

/// What all workers settled, by partition and offset.
fn by_dataflow(world: &Arc<World>, workers: usize, spread: TableSpread) -> Vec<Settled> {
    let given = Arc::clone(world);
    let config = timely::Config::process(workers);
    let results = timely::execute(config, move |worker| run(worker, &given, spread)).unwrap().join();
    let mut settled: Vec<Settled> = results.into_iter().flat_map(Result::unwrap).collect();
    settled.sort_by_key(|settled| (settled.partition, settled.offset));
    settled
}

fn run(worker: &mut Worker, world: &World, spread: TableSpread) -> Vec<Settled> {
    let job = FlightsJob::new(Registry::in_folder("nowhere"));
    let bindings = Bindings::default();
    for (number, binding) in (0..).zip(&world.bindings) {
        let ready = Arc::new(Arc::clone(&world.models[&binding.model]));
        bindings.insert(Seq(number), ReadyBinding { binding: binding.clone(), ready });
    }
    let oldest_table: Rc<Cell<Epoch>> = Rc::default();
    let settled: Rc<RefCell<Vec<Settled>>> = Rc::default();
    let (hold, seen) = (Rc::clone(&oldest_table), Rc::clone(&settled));
    let (mut table, mut records, done) = worker.dataflow::<Epoch, _, _>(|scope| {
        let (table, changes) = scope.new_input::<Vec<TableChange>>();
        let (records, stream) = scope.new_input::<Vec<BoundRecord>>();
        let inputs = JobInputs { records: stream, table: changes, spread, bindings, oldest_table: hold };
        let (done, _) = job.build(scope, inputs).inspect(move |one| seen.borrow_mut().push(one.clone())).probe();
        (table, records, done)
    });
    let (index, peers) = (worker.index(), worker.peers());
    let mut before = TableRows::new();
    for epoch in 0..=world.last_epoch().0 {
        let epoch = Epoch(epoch);
        for (_, rows) in world.tables.values().filter(|(from, _)| *from == epoch) {
            // Every change comes in on one worker, whichever that is.
            let mine = table_changes(&before, rows).enumerate().filter(|(number, _)| number % peers == index);
            mine.for_each(|(_, (row, change))| table.send((row, epoch, change)));
            before = rows.clone();
        }
        for given in &world.records {
            if given.epoch == epoch && given.partition.0 as usize % peers == index {
                let (partition, record, binding) = (given.partition, given.record.clone(), given.binding);
                records.send(BoundRecord { partition, record, binding, as_of: world.as_of(binding) });
            }
        }
        records.advance_to(epoch.next());
        (0..2).for_each(|_| _ = worker.step());
        table.advance_to(epoch.next());
        (0..2).for_each(|_| _ = worker.step());
        // What no worker has settled yet, and what is to come, may still ask for these.
        let settled_below = done.with_frontier(|frontier| frontier.first().copied()).unwrap_or(epoch);
        let open = world.records.iter().filter(|given| given.epoch >= settled_below);
        oldest_table.set(open.map(|given| world.as_of(given.binding)).min().unwrap_or(settled_below));
    }
    drop((table, records));
    while !done.done() {
        worker.step_or_park(None);
    }
    settled.take()
}

/// The same by plain loops, binding by binding.
fn by_recompute(world: &World) -> Vec<Settled> {
    let recompute = world.recompute();
    let mut records: BTreeMap<Seq, Vec<_>> = BTreeMap::new();
    for given in &world.records {
        records.entry(given.binding).or_default().push((given.partition, given.record.clone()));
    }
    let settle =
        |(number, records): (Seq, Vec<_>)| recompute.settle(records, &world.bindings[number.0 as usize]).unwrap();
    let mut settled: Vec<Settled> = records.into_iter().flat_map(settle).collect();
    settled.sort_by_key(|settled| (settled.partition, settled.offset));
    settled
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_number_of_workers_and_both_spreads_settle_as_the_plain_loops_do(seed: u64, workers in 1_usize..5) {
        let world = Arc::new(World::new(seed, 60));
        let expected = by_recompute(&world);
        let given: Vec<_> = world.records.iter().map(|given| (given.partition, given.record.offset)).collect();
        let settled: Vec<_> = expected.iter().map(|settled| (settled.partition, settled.offset)).collect();
        prop_assert_eq!(settled, given, "each record once");
        for spread in [TableSpread::Everywhere, TableSpread::ByKey] {
            prop_assert_eq!(&by_dataflow(&world, workers, spread), &expected, "{:?}", spread);
        }
    }
}

#[test]
fn the_worlds_hold_what_they_should() {
    // Otherwise the property above would say little.
    let worlds: Vec<World> = (0..20).map(|seed| World::new(seed, 60)).collect();
    let settled: Vec<Settled> = worlds.iter().flat_map(by_recompute).collect();
    let text = |settled: &Settled| settled.answer.as_ref().map(|line| String::from_utf8(line.body.to_vec()).unwrap());
    let answers: Vec<String> = settled.iter().filter_map(text).collect();
    let count = |part: &str| answers.iter().filter(|line| line.contains(part)).count();
    assert!(count("\"Status\":\"OK\"") > 200);
    assert!(count("unknown route") > 20);
    assert!(count("not a day of the calendar") > 5);
    assert!(count("has no Origin") > 5);
    assert!(settled.iter().filter(|settled| settled.answer.is_none()).count() > 20);
    assert!(
        worlds.iter().any(|world| world.records.iter().any(|given| given.epoch > world.as_of(given.binding).next()))
    );
    let models: std::collections::BTreeSet<&str> = worlds[0].models.keys().map(|model| &**model).collect();
    assert_eq!(models.len(), 2);
}
