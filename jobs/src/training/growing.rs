//! The middle of the training dataflow: a search for parameters, where one is wanted, and the forest.

use std::rc::Rc;

use flightline_engine::named::map_named;
use flightline_engine::progress::Stage;
use flightline_operators::flow::{VecStream, fold_at_end, pair_at_end, to_worker};
use flightline_operators::forest::{Forest, ForestParams};
use flightline_operators::grow::{GrowInput, Tasks, Traffic, grow_forests};
use flightline_operators::linfa::grow_with_linfa;
use flightline_operators::search::search;
use timely::dataflow::ProbeHandle;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Enter, Inspect, Leave};

use super::dataflow::{Once, Stages, keep_last};
use super::end::Results;
use super::memory;
use super::plan::{Grower, TrainPlan};
use super::search::SearchRule;
use crate::failure::{Failure, FailureKind};

/// The same input with the parameters that a search finds best; nothing, when no row could judge.
pub(super) fn with_best<'scope>(
    inputs: VecStream<'scope, Once, GrowInput>,
    rule: &SearchRule,
    plan: &TrainPlan,
    stage: &Stage,
    results: &Results,
    done: &ProbeHandle<Once>,
) -> VecStream<'scope, Once, GrowInput> {
    let searching = Rc::new(rule.plan());
    let tasks = Rc::new(searching.tasks());
    let (start, add, end) = (stage.clone(), stage.clone(), stage.clone());
    let candidates = map_named(inputs.clone(), "WithCandidates", move |input| {
        start.start(tasks.levels());
        GrowInput { tasks: Rc::clone(&tasks), ..input }
    });
    let searched = search(candidates, searching, move |levels| add.add(levels), give_up(plan, results));
    keep_last(searched.outcomes, &results.outcomes, done);
    pair_at_end(inputs, searched.best, "WithBest", move |input, params| {
        end.end();
        GrowInput { tasks: Rc::new(Tasks::one(params)), ..input }
    })
}

/// The parameters that each worker grows its forest by.
pub(super) fn params_of(inputs: VecStream<'_, Once, GrowInput>) -> VecStream<'_, Once, Rc<ForestParams>> {
    inputs.flat_map(|input: GrowInput| input.tasks.forests().first().map(|task| Rc::new(task.params.clone())))
}

/// The forest; every worker gets all of it.
pub(super) fn grow<'scope>(
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
    let (start, add, end) = (stages.grow.clone(), stages.grow.clone(), stages.grow.clone());
    let (worker, peers) = (inputs.scope().index() as u32, inputs.scope().peers());
    let grower = plan.grower;
    let inputs = inputs.inspect(move |input| {
        start.start(match grower {
            Grower::Histogram => input.tasks.levels(),
            Grower::Linfa => (worker..input.tasks.trees()).step_by(peers).count() as u64,
        });
    });
    let forest = match grower {
        Grower::Histogram => {
            let grown = grow_forests(inputs, move |levels| add.add(levels));
            let traffic = map_named(grown.clone(), "TakeTraffic", |grown| grown.traffic);
            let sum =
                fold_at_end(traffic, to_worker(|_| 0), "AddTraffic", Traffic::default(), add_traffic, |sum| vec![sum]);
            keep_last(sum, &results.traffic, done);
            let give_up = give_up(plan, results);
            grown.flat_map(move |grown| {
                if grown.forest.is_none() {
                    give_up();
                }
                grown.forest
            })
        }
        Grower::Linfa => {
            let failure = Rc::clone(&results.grower_failure);
            let params = Rc::new(plan.params.clone());
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

/// What to do when a forest takes more than there is room for.
fn give_up(plan: &TrainPlan, results: &Results) -> impl Fn() + 'static {
    let (failure, limits) = (Rc::clone(&results.grower_failure), plan.limits);
    move || *failure.borrow_mut() = Some(memory::too_large_a_forest(&limits))
}

fn add_traffic(sum: &mut Traffic, more: Traffic) {
    sum.merge(&more);
}
