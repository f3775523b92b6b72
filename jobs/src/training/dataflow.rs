//! The training dataflow, from files to a judged forest.
//!
//! ```text
//! input --read--> [gather] --> [settle keys] --> [roles] --> [index] --> [bin] --> [grow] --> [judge] --> worker 0
//! test ---read--> [gather] ------------------------------------------------^                ^
//!                    flights and roles --> [bin] as the current model does -----------------'
//! ```
//!
//! The last line is there only when the current model is judged, too, by the same held-out rows and the same operator.
//! Rows stay on the worker that read them. When the input is unfit no table leaves `gather`, all later stages end
//! empty, and every worker returns the same verdict.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use flightline_engine::named::map_named;
use flightline_engine::progress::Stage;
use flightline_operators::evaluate::judge_unseen;
use flightline_operators::flow::{VecStream, fold_at_end, join_at_end, pair_at_end, to_worker};
use flightline_operators::forest::{FlatForest, Forest};
use flightline_operators::grow::{GrowInput, GrowLimits, Layout, LocalGrower, Traffic, grow_forest};
use flightline_operators::holdout::{HoldOut, assign_roles};
use flightline_operators::linfa::grow_with_linfa;
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
use super::judging::{judge_all, unseen_input};
use super::memory;
use super::plan::{Grower, TrainPlan};
use super::promotion::Promote;
use super::rows::{Verdict, gather, labelled, test_rows};
use crate::failure::{Failure, FailureKind};
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

        let (inputs, sets) = bin(tables, tests, indexed.clone(), plan.limits, stages, &results.verdict);
        let forest = grow(inputs, plan, stages, &results, &done);
        let smoothing = plan.params.smoothing;
        let flat =
            map_named(forest.clone(), "FlattenForest", move |forest| Rc::new(FlatForest::new(&forest, smoothing)));
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
    assign_roles(rows, keys, hold_out, plan.params.seed)
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
    limits: GrowLimits,
    stages: &Stages,
    verdict: &Rc<RefCell<Option<Verdict>>>,
) -> Binned<'scope> {
    let scope = tables.scope();
    scope.region_named("Bin", |inner| {
        let tests = tests.map(|tests| tests.enter(inner));
        let (inputs, sets) = bin_in(tables.enter(inner), tests, indexed.enter(inner), limits, stages, verdict);
        (inputs.leave(scope), sets.leave(scope))
    })
}

fn bin_in<'scope>(
    tables: VecStream<'scope, Once, Rc<RoledRows>>,
    tests: Option<VecStream<'scope, Once, Rc<RoledRows>>>,
    indexed: VecStream<'scope, Once, Rc<IndexedFeatures>>,
    limits: GrowLimits,
    stages: &Stages,
    verdict: &Rc<RefCell<Option<Verdict>>>,
) -> Binned<'scope> {
    let with_tests = match tests {
        Some(tests) => pair_at_end(tables, tests, "WithTests", |table, test| (table, Some(test))),
        None => tables.map(|table| (table, None)),
    };
    let (index, verdict) = (stages.index.clone(), Rc::clone(verdict));
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
            inputs.push((GrowInput { rows: train, layout, rows_everywhere, limits }, sets));
            index.add(rows);
            index.end();
        }
        inputs
    });
    (binned.clone().map(|(input, _)| input), binned.map(|(_, sets)| sets))
}

fn grow<'scope>(
    inputs: VecStream<'scope, Once, GrowInput>,
    plan: &TrainPlan,
    stages: &Stages,
    results: &Results,
    done: &ProbeHandle<Once>,
) -> VecStream<'scope, Once, Rc<Forest>> {
    let scope = inputs.scope();
    scope.region_named("Grow", |inner| grow_in(inputs.enter(inner), plan, stages, results, done).leave(scope))
}

fn grow_in<'scope>(
    inputs: VecStream<'scope, Once, GrowInput>,
    plan: &TrainPlan,
    stages: &Stages,
    results: &Results,
    done: &ProbeHandle<Once>,
) -> VecStream<'scope, Once, Rc<Forest>> {
    let params = Rc::new(plan.params.clone());
    let (start, add, end) = (stages.grow.clone(), stages.grow.clone(), stages.grow.clone());
    let (worker, peers) = (inputs.scope().index() as u32, inputs.scope().peers());
    let units = match plan.grower {
        Grower::Histogram => LocalGrower::levels(&params),
        Grower::Linfa => (worker..params.trees).step_by(peers).count() as u64,
    };
    let inputs = inputs.inspect(move |_| start.start(units));
    let forest = match plan.grower {
        Grower::Histogram => {
            let grown = grow_forest(inputs, params, move |levels| add.add(levels));
            let traffic = map_named(grown.clone(), "TakeTraffic", |grown| grown.traffic);
            let sum =
                fold_at_end(traffic, to_worker(|_| 0), "AddTraffic", Traffic::default(), add_traffic, |sum| vec![sum]);
            keep_last(sum, &results.traffic, done);
            let (failure, limits) = (Rc::clone(&results.grower_failure), plan.limits);
            let forest = map_named(grown, "TakeForest", |grown| grown.forest);
            fold_at_end(forest, Pipeline, "ForestOrFailure", Vec::new(), Vec::push, move |forests| {
                if forests.is_empty() {
                    *failure.borrow_mut() = Some(memory::too_large_a_forest(&limits));
                }
                forests
            })
        }
        Grower::Linfa => {
            let failure = Rc::clone(&results.grower_failure);
            grow_with_linfa(inputs, params, move |trees| add.add(trees)).flat_map(move |grown| match grown {
                Ok(forest) => Some(forest),
                Err(error) => {
                    *failure.borrow_mut() = Some(Failure::new(FailureKind::Bug, error.to_string()));
                    None
                }
            })
        }
    };
    forest.inspect(move |_| end.end())
}

fn add_traffic(sum: &mut Traffic, more: Traffic) {
    sum.merge(&more);
}

/// Keeps the last value; `done` waits for it, too.
fn keep_last<D: Clone + 'static>(
    stream: VecStream<'_, Once, D>,
    cell: &Rc<RefCell<Option<D>>>,
    done: &ProbeHandle<Once>,
) {
    let cell = Rc::clone(cell);
    stream.inspect(move |value| *cell.borrow_mut() = Some(value.clone())).probe_with(done);
}
