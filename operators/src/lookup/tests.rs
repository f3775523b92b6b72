//! The lookup against a plain map, against the join that the field has, and what the trace holds on to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use differential_dataflow::Config;
use differential_dataflow::input::{Input, InputSession};
use differential_dogs3::operators::half_join2;
use proptest::prelude::*;
use timely::WorkerConfig;
use timely::communication::Config as Communication;
use timely::dataflow::operators::{Input as _, Inspect, Probe};

use super::*;

/// How far into the past a request may look.
const MEMORY: u64 = 3;

/// A request: a key, and how far into the past it looks, 0 to [`MEMORY`].
type Asked = (u8, u64);

/// What happens at one time: changes of the table (key, new value or none), then requests.
type Step = (Vec<(u8, Option<u16>)>, Vec<Asked>);

/// A request on its way: who it is, its own time, the time as of which it reads, and its key.
type Request = (usize, u64, u64, u8);

/// The request, and what it was told.
type Answer = (Request, Option<u16>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let changes = prop::collection::vec((0_u8..6, prop::option::of(0_u16..50)), 0..4);
    let requests = prop::collection::vec((0_u8..8, 0..=MEMORY), 0..6);
    prop::collection::vec((changes, requests), 1..8)
}

/// The requests of each time, numbered in order.
fn requests(steps: &[Step]) -> Vec<Vec<Request>> {
    let mut number = 0..;
    let of_step = |(time, (_, asked)): (u64, &Step)| {
        let request = |((key, back), number): (&Asked, usize)| (number, time, time.saturating_sub(*back), *key);
        asked.iter().zip(number.by_ref()).map(request).collect()
    };
    (0..).zip(steps).map(of_step).collect()
}

/// A map for each time.
fn oracle(steps: &[Step]) -> Vec<Answer> {
    let mut table = BTreeMap::new();
    let mut tables = Vec::new();
    for (changes, _) in steps {
        for (key, value) in changes {
            match value {
                Some(value) => table.insert(*key, *value),
                None => table.remove(key),
            };
        }
        tables.push(table.clone());
    }
    let told = |request: Request| (request, tables[request.2 as usize].get(&request.3).copied());
    requests(steps).into_iter().flatten().map(told).collect()
}

/// Feeds changes of a map to a collection.
#[derive(Default)]
struct Table(BTreeMap<u8, u16>);

impl Table {
    fn change(&mut self, input: &mut InputSession<u64, (u8, u16), isize>, changes: &[(u8, Option<u16>)]) {
        for (key, value) in changes {
            if let Some(old) = self.0.remove(key) {
                input.remove((*key, old));
            }
            if let Some(new) = *value {
                self.0.insert(*key, new);
                input.insert((*key, new));
            }
        }
    }
}

/// The same through the operator; the table runs ahead of the requests, or they wait for it.
fn looked_up(steps: Vec<Step>, table_first: bool) -> Vec<Answer> {
    timely::execute_directly(move |worker| {
        let (answers, oldest) = (Rc::<RefCell<Vec<Answer>>>::default(), Rc::<Cell<u64>>::default());
        let (seen, hold) = (Rc::clone(&answers), Rc::clone(&oldest));
        let (mut table, mut asked, answered) = worker.dataflow::<u64, _, _>(|scope| {
            let (table, changes) = scope.new_collection::<(u8, u16), isize>();
            let (asked, stream) = scope.new_input::<Vec<Request>>();
            let key = |(.., key): &Request| *key;
            let as_of = |(_, _, as_of, _): &Request| *as_of;
            let told = |request, value: Option<&u16>| (request, value.copied());
            let arranged = changes.arrange_by_key();
            let (probe, _) = left_lookup(stream, arranged, "Lookup", key, as_of, move || hold.get(), told)
                .inspect(move |answer| seen.borrow_mut().push(*answer))
                .probe();
            (table, asked, probe)
        });
        let mut rows = Table::default();
        for ((time, (changes, _)), requests) in (0_u64..).zip(&steps).zip(requests(&steps)) {
            requests.into_iter().for_each(|request| asked.send(request));
            if !table_first {
                asked.advance_to(time + 1);
                (0..3).for_each(|_| _ = worker.step());
            }
            rows.change(&mut table, changes);
            table.advance_to(time + 1);
            table.flush();
            (0..3).for_each(|_| _ = worker.step());
            asked.advance_to(time + 1);
            // Whatever is on its way is not older than the oldest time without all its answers.
            let unanswered = answered.with_frontier(|frontier| frontier.first().copied());
            oldest.set(unanswered.unwrap_or(time).saturating_sub(MEMORY));
        }
        drop((table, asked));
        while worker.step() {}
        answers.take()
    })
}

/// The answers to those whose key is known, by the join that reacts to requests only. It reads the table as of the time
/// at which a request comes, so here a request comes at the time as of which it reads.
fn half_joined(steps: Vec<Step>) -> BTreeMap<usize, u16> {
    timely::execute_directly(move |worker| {
        let sums: Rc<RefCell<BTreeMap<(usize, u16), isize>>> = Rc::default();
        let seen = Rc::clone(&sums);
        let (mut table, mut asked) = worker.dataflow::<u64, _, _>(|scope| {
            let (table, changes) = scope.new_collection::<(u8, u16), isize>();
            let (asked, stream) = scope.new_collection::<(u8, usize, u64), isize>();
            half_join2(
                stream,
                changes.arrange_by_key(),
                |time, needed| _ = needed.insert(*time),
                |changed, asked| changed <= asked,
                |_key, number: &usize, value: &u16| (*number, *value),
            )
            .inspect(move |((told, _), _, copies)| *seen.borrow_mut().entry(*told).or_default() += copies);
            (table, asked)
        });
        let all: Vec<Request> = requests(&steps).into_iter().flatten().collect();
        let mut rows = Table::default();
        for (time, (changes, _)) in (0_u64..).zip(&steps) {
            for (number, _, as_of, key) in all.iter().filter(|(_, _, as_of, _)| *as_of == time) {
                asked.insert((*key, *number, *as_of));
            }
            rows.change(&mut table, changes);
            table.advance_to(time + 1);
            asked.advance_to(time + 1);
            table.flush();
            asked.flush();
            worker.step();
        }
        drop((table, asked));
        while worker.step() {}
        sums.take().into_iter().filter(|(_, copies)| *copies > 0).map(|(told, _)| told).collect()
    })
}

proptest! {
    #[test]
    fn every_request_meets_the_table_of_the_time_it_names_in_order(steps in steps(), table_first in any::<bool>()) {
        let mut found = looked_up(steps.clone(), table_first);
        // Who looks far back need not wait for the table, and may overtake requests of another time, not of its own.
        found.sort_by_key(|((_, time, ..), _)| *time);
        prop_assert_eq!(found, oracle(&steps));
    }

    #[test]
    fn on_known_keys_it_is_the_half_join(steps in steps()) {
        let known = |((number, ..), value): Answer| Some((number, value?));
        let found: BTreeMap<usize, u16> = looked_up(steps.clone(), true).into_iter().filter_map(known).collect();
        prop_assert_eq!(found, half_joined(steps));
    }
}

/// What is held of a table of `ROWS` rows, all of which change at every time.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    /// Updates in the trace while the first time may still be asked for.
    pinned: usize,
    /// Updates after it was given up, and one more row has come.
    released: usize,
}

const ROWS: u64 = 500;
const VERSIONS: u64 = 20;

fn held() -> Held {
    let mut config = WorkerConfig::default();
    differential_dataflow::configure(&mut config, &Config::default().idle_merge_effort(Some(1000)));
    let workers = timely::execute(timely::Config { communication: Communication::Thread, worker: config }, |worker| {
        let oldest: Rc<Cell<u64>> = Rc::default();
        let hold = Rc::clone(&oldest);
        let (mut table, mut asked, mut trace, answered) = worker.dataflow::<u64, _, _>(|scope| {
            let (table, changes) = scope.new_collection::<(u64, u64), isize>();
            let (asked, stream) = scope.new_input::<Vec<u64>>();
            let arranged = changes.arrange_by_key();
            let trace = arranged.trace.clone();
            let (probe, _) = left_lookup(
                stream,
                arranged,
                "Lookup",
                |key| *key,
                |_| VERSIONS,
                move || hold.get(),
                |key, value: Option<&u64>| (key, value.copied()),
            )
            .inspect(|(key, value)| assert_eq!(*value, Some(*key + VERSIONS)))
            .probe();
            (table, asked, trace, probe)
        });
        // This reader must not hold anything itself.
        trace.set_logical_compaction(Antichain::new().borrow());
        trace.set_physical_compaction(Antichain::new().borrow());
        let mut step_to = |table: &mut InputSession<u64, (u64, u64), isize>, time: u64| {
            table.advance_to(time);
            table.flush();
            asked.advance_to(time);
            (0..200).for_each(|_| _ = worker.step());
        };
        for version in 0..=VERSIONS {
            for key in 0..ROWS {
                if version > 0 {
                    table.remove((key, key + version - 1));
                }
                table.insert((key, key + version));
            }
            step_to(&mut table, version + 1);
        }
        let pinned = updates(&mut trace);
        oldest.set(VERSIONS);
        step_to(&mut table, VERSIONS + 2);
        table.insert((ROWS, 0));
        step_to(&mut table, VERSIONS + 3);
        let released = updates(&mut trace);
        (0..ROWS).for_each(|key| asked.send(key));
        drop((table, asked));
        while worker.step() {}
        assert!(answered.done());
        Held { pinned, released }
    });
    workers.unwrap().join().pop().unwrap().unwrap()
}

fn updates(trace: &mut TableTrace<u64, u64, u64>) -> usize {
    let (mut cursor, storage) = trace.cursor();
    cursor.to_vec(&storage, |key| *key, |value| *value).iter().map(|(_, changes)| changes.len()).sum()
}

#[test]
fn what_nobody_may_ask_for_any_more_is_let_go() {
    let all = ROWS * (2 * VERSIONS + 1);
    assert_eq!(held(), Held { pinned: all as usize, released: ROWS as usize + 1 });
}

#[test]
#[should_panic(expected = "which nobody was to ask for any more")]
fn a_time_that_was_given_up_is_not_answered_wrongly() {
    timely::execute_directly(|worker| {
        let (mut table, mut asked) = worker.dataflow::<u64, _, _>(|scope| {
            let (table, changes) = scope.new_collection::<(u8, u16), isize>();
            let (asked, stream) = scope.new_input::<Vec<u8>>();
            let told = |key, value: Option<&u16>| (key, value.copied());
            left_lookup(stream, changes.arrange_by_key(), "Lookup", |key| *key, |_| 1, || 2, told);
            (table, asked)
        });
        table.advance_to(5);
        asked.advance_to(5);
        table.flush();
        (0..3).for_each(|_| _ = worker.step());
        asked.send(0);
        asked.flush();
        table.insert((0, 0));
        (0..3).for_each(|_| _ = worker.step());
    });
}
