//! The training dataflow, from files to a judged forest.
//!
//! ```text
//! input --read--> [gather] --> [settle keys] --> [roles] --> [index] --> [bin] --> [search] --> [grow] --> [judge]
//! test ---read--> [gather] ------------------------------------------------^                                  ^
//!                    flights and roles --> [bin] as the current model does -----------------------------------'
//! ```
//!
//! The last line is there only when the current model is judged, too, by the same held-out rows and the same operator;
//! the search only where candidates are judged by folds first. What is known in the end worker 0 knows.
//! Rows stay on the worker that read them. When the input is unfit no table leaves `gather`, all later stages end
//! empty, and every worker returns the same verdict.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use flightline_engine::named::map_named;
use flightline_engine::progress::Stage;
use flightline_operators::evaluate::judge_unseen;
use flightline_operators::flow::{VecStream, fold_at_end, join_at_end, pair_at_end, to_worker};
use flightline_operators::forest::FlatForest;
use flightline_operators::grow::{GrowInput, Layout, Tasks};
use flightline_operators::holdout::{HoldOut, assign_roles};
use flightline_operators::settle::settle_keys;
use flightline_operators::space::{IndexedFeatures, index_features};
use flightline_operators::table::{BinnedRows, Role, RoledRows};
use timely::dataflow::ProbeHandle;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Enter, Inspect, Leave, Probe};
use timely::worker::Worker;

use super::current::{CurrentModel, tell_current};
use super::end::{Results, TrainingEnd};
use super::facts::Facts;
use super::golden::choose_golden;
use super::growing::{grow, params_of, with_best};
use super::judging::{judge_all, unseen_input};
use super::plan::TrainPlan;
use super::promotion::Promote;
use super::rows::{Verdict, gather, labelled, test_rows};
use crate::failure::Failure;
use crate::flight::batch::FlightBatch;
use crate::flight::label::DelayClass;
use crate::input::Input;

/// The time of a batch dataflow: there is one moment, and then the end.
pub(super) type Once = u64;

/// Where each stage reports its progress.
#[derive(Clone, Debug)]
pub struct Stages {
    /// Reading and decoding files.
    pub read: Stage,
    /// Settling, hold-out, index and bins.
    pub index: Stage,
    /// Growing and judging candidates; there when the plan has some.
    pub search: Option<Stage>,
    /// Growing trees.
    pub grow: Stage,
    /// Judging rows.
    pub judge: Stage,
}

/// Trains on one worker, together with all others. `current` is what process 0 has read; it counts only there, and only
/// when models are compared.
pub fn run_worker(
    worker: &mut Worker,
    plan: &TrainPlan,
    input: &Input,
    test: Option<&Input>,
    current: &Result<Option<CurrentModel>, Failure>,
    stages: &Stages,
) -> TrainingEnd {
    let told = if plan.promote == Promote::IfBetter { tell_current(worker, current) } else { Ok(None) };
    let current = match told {
        Ok(current) => current,
        Err(failure) => return TrainingEnd { failure: Some(failure), ..TrainingEnd::default() },
    };
    let current_id = current.as_ref().map(|current| current.id());
    let results = Results::default();
    let done = ProbeHandle::new();
    worker.dataflow_named::<Once, _, _>("Train", |scope| {
        let gathered = |name: &str, input: &Input, verdict: &Rc<RefCell<Option<Verdict>>>| {
            gather(scope, name, input, &stages.read, plan.max_bad_rows, Rc::clone(verdict))
        };
        let flights = gathered("ReadRows", input, &results.verdict);
        let test_flights = test.map(|test| gathered("ReadTestRows", test, &results.test_verdict));
        let tests = test_flights.clone().map(|flights| {
            let features = plan.features.clone();
            map_named(flights, "LabelTestRows", move |flights| Rc::new(test_rows(&flights, &features)))
        });
        let test_facts = test_flights.clone().zip(tests.clone());
        let test_facts = test_facts.map(|(flights, tests)| gather_facts(flights, tests, "GatherTestFacts"));
        let tables = roled_tables(flights.clone(), plan, test.is_some(), &stages.index);
        let indexed = index_features(tables.clone(), plan.params.bins, plan.params.seed);
        let golden = choose_golden(flights.clone(), tables.clone(), plan.params.seed);
        let facts = gather_facts(flights.clone(), tables.clone(), "GatherFacts");
        let of_current = current.map(|current| {
            let (flights, tables) = test_flights.zip(tests.clone()).unwrap_or((flights, tables.clone()));
            pair_at_end(flights, tables, "BinForCurrent", move |flights, table| current.trial(&flights, &table))
        });

        let (inputs, sets) = bin(tables, tests, indexed.clone(), plan, stages, &results.verdict);
        let inputs = match plan.search.as_ref().zip(stages.search.as_ref()) {
            Some((rule, stage)) => with_best(inputs, rule, plan, stage, &results, &done),
            None => inputs,
        };
        let params = params_of(inputs.clone());
        let forest = grow(inputs, plan, stages, &results, &done);
        let flat = pair_at_end(forest.clone(), params.clone(), "FlattenForest", |forest, params| {
            Rc::new(FlatForest::new(&forest, params.smoothing))
        });
        let unseen = pair_at_end(flat.clone(), sets.clone(), "UnseenRows", unseen_input);
        let unseen = judge_unseen(unseen, Rc::new(plan.params.clone()));
        let tallies = judge_all(flat, sets, of_current, &stages.judge);
        scope.region_named("KeepForModel", |inner| {
            keep_last(indexed.enter(inner), &results.indexed, &done);
            keep_last(golden.enter(inner), &results.golden, &done);
            keep_last(facts.enter(inner), &results.facts, &done);
            if let Some(facts) = test_facts {
                keep_last(facts.enter(inner), &results.test_facts, &done);
            }
            keep_last(params.enter(inner), &results.params, &done);
            keep_last(forest.enter(inner), &results.forest, &done);
            keep_last(tallies.enter(inner), &results.tallies, &done);
            keep_last(unseen.enter(inner), &results.unseen, &done);
        });
    });
    while !done.done() {
        worker.step_or_park(None);
    }
    stages.judge.end();
    results.end(current_id)
}

fn roled_tables<'scope>(
    flights: VecStream<'scope, Once, Rc<FlightBatch>>,
    plan: &TrainPlan,
    tested_elsewhere: bool,
    stage: &Stage,
) -> VecStream<'scope, Once, Rc<RoledRows>> {
    let (features, stage) = (plan.features.clone(), stage.clone());
    let identities = map_named(flights.clone(), "TakeIdentities", |flights| Arc::clone(&flights.identities));
    let rows = map_named(flights, "LabelRows", move |flights| {
        stage.start(flights.len() as u64);
        Rc::new(labelled(&flights, &features))
    });
    let keys = settle_keys(identities);
    let hold_out = if tested_elsewhere { HoldOut::None } else { plan.hold_out.0 };
    assign_roles(rows, keys, hold_out, plan.search.as_ref().map(|search| search.folds), plan.params.seed)
}

fn gather_facts<'scope>(
    flights: VecStream<'scope, Once, Rc<FlightBatch>>,
    tables: VecStream<'scope, Once, Rc<RoledRows>>,
    name: &str,
) -> VecStream<'scope, Once, Facts> {
    let scope = tables.scope();
    scope.region_named(name, |inner| {
        let facts = pair_at_end(flights.enter(inner), tables.enter(inner), "TakeFacts", |flights, table| {
            Facts::of(&table, &flights.identities)
        });
        let add = |all: &mut Option<Facts>, facts| match all {
            Some(all) => all.merge(&facts),
            None => *all = Some(facts),
        };
        fold_at_end(facts, to_worker(|_| 0), "AddFacts", None, add, |all| all.into_iter().collect()).leave(scope)
    })
}

type Binned<'scope> = (VecStream<'scope, Once, GrowInput>, VecStream<'scope, Once, Rc<Vec<Rc<BinnedRows>>>>);

/// Bins the rows of each worker: training rows for growing, and all that judges.
fn bin<'scope>(
    tables: VecStream<'scope, Once, Rc<RoledRows>>,
    tests: Option<VecStream<'scope, Once, Rc<RoledRows>>>,
    indexed: VecStream<'scope, Once, Rc<IndexedFeatures>>,
    plan: &TrainPlan,
    stages: &Stages,
    verdict: &Rc<RefCell<Option<Verdict>>>,
) -> Binned<'scope> {
    let scope = tables.scope();
    scope.region_named("Bin", |inner| {
        let tests = tests.map(|tests| tests.enter(inner));
        let (inputs, sets) = bin_in(tables.enter(inner), tests, indexed.enter(inner), plan, stages, verdict);
        (inputs.leave(scope), sets.leave(scope))
    })
}

fn bin_in<'scope>(
    tables: VecStream<'scope, Once, Rc<RoledRows>>,
    tests: Option<VecStream<'scope, Once, Rc<RoledRows>>>,
    indexed: VecStream<'scope, Once, Rc<IndexedFeatures>>,
    plan: &TrainPlan,
    stages: &Stages,
    verdict: &Rc<RefCell<Option<Verdict>>>,
) -> Binned<'scope> {
    let with_tests = match tests {
        Some(tests) => pair_at_end(tables, tests, "WithTests", |table, test| (table, Some(test))),
        None => tables.map(|table| (table, None)),
    };
    let (index, verdict) = (stages.index.clone(), Rc::clone(verdict));
    let (tasks, limits) = (Rc::new(Tasks::one(plan.params.clone())), plan.limits);
    let binned = join_at_end(with_tests, Pipeline, indexed, Pipeline, "BinRows", move |tables, indexed| {
        let rows_everywhere = verdict.borrow().as_ref().map_or(0, |verdict| verdict.counts.good);
        let mut inputs = Vec::new();
        for ((table, test), indexed) in tables.into_iter().zip(indexed) {
            let space = &indexed.space;
            let rows = table.rows.len() as u64;
            let [train, held_out, companion] =
                BinnedRows::by_role(table, space, [Role::Train, Role::HeldOut, Role::Companion]);
            let held_out = test.map_or(held_out, |test| {
                let [held_out] = BinnedRows::by_role(test, space, [Role::HeldOut]);
                held_out
            });
            let layout = Rc::new(Layout::new(space, DelayClass::COUNT));
            let train = Rc::new(train);
            let sets = Rc::new(vec![Rc::clone(&train), Rc::new(held_out), Rc::new(companion)]);
            let tasks = Rc::clone(&tasks);
            inputs.push((GrowInput { rows: train, layout, tasks, rows_everywhere, limits }, sets));
            index.add(rows);
            index.end();
        }
        inputs
    });
    (binned.clone().map(|(input, _)| input), binned.map(|(_, sets)| sets))
}

/// Keeps the last value; `done` waits for it, too.
pub(super) fn keep_last<D: Clone + 'static>(
    stream: VecStream<'_, Once, D>,
    cell: &Rc<RefCell<Option<D>>>,
    done: &ProbeHandle<Once>,
) {
    let cell = Rc::clone(cell);
    stream.inspect(move |value| *cell.borrow_mut() = Some(value.clone())).probe_with(done);
}
