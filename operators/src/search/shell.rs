//! The timely shell of a search.
//!
//! ```text
//! rows --+--> [grow forests] --> [judge] --sums, to worker 0--> [choose] --> outcomes
//!        +-------------------------^                                +------> the best parameters, to all
//! ```

use std::rc::Rc;

use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::{Broadcast, Map};
use timely::dataflow::operators::{Enter, Leave};
use timely::progress::Timestamp;

use super::judge::{Judged, judge_task};
use super::outcome::{Outcome, best, outcomes};
use super::plan::SearchPlan;
use crate::flow::{VecStream, fold_at_end, to_worker};
use crate::forest::ForestParams;
use crate::grow::{GrowInput, Grown, grow_forests};

/// What comes out of a search.
#[derive(Debug)]
pub struct Searched<'scope, T: Timestamp> {
    /// How each candidate did; on worker 0 only.
    pub outcomes: VecStream<'scope, T, Vec<Outcome>>,
    /// The best parameters, on each worker. Nothing, when no row could judge.
    pub best: VecStream<'scope, T, ForestParams>,
}

/// Searches among the candidates of `plan`, whose tasks are those of `input`; that carries one element per worker, with
/// the blocks of its rows. `on_levels` hears of every settled level of a tree, and `on_given_up` on each worker of a forest
/// that had too many nodes, with which all ends: nothing comes out.
pub fn search<'scope, T: Timestamp>(
    input: VecStream<'scope, T, GrowInput>,
    plan: Rc<SearchPlan>,
    on_levels: impl Fn(u64) + 'static,
    on_given_up: impl Fn() + 'static,
) -> Searched<'scope, T> {
    let scope = input.scope();
    scope.region_named("Search", |inner| {
        let input = input.enter(inner);
        let forests = grow_forests(input.clone(), on_levels);
        let judged = judge_folds(input, forests, Rc::clone(&plan), on_given_up);
        let candidates = Rc::clone(&plan);
        let to_first = to_worker(|_: &Judged| 0);
        let outcomes = fold_at_end(judged, to_first, "AddFolds", Vec::new(), Vec::push, move |judged| {
            Some(outcomes(&plan, judged)).filter(|outcomes| !outcomes.is_empty()).into_iter().collect()
        });
        // All know the candidates: a place says enough.
        let chosen = outcomes.clone().flat_map(|outcomes: Vec<Outcome>| best(&outcomes)).broadcast();
        let chosen = chosen.flat_map(move |place| candidates.candidates().get(place).cloned());
        Searched { outcomes: outcomes.leave(scope), best: chosen.leave(scope) }
    })
}

/// Judges each forest as soon as it comes, so that no more than one need be kept.
fn judge_folds<'scope, T: Timestamp>(
    input: VecStream<'scope, T, GrowInput>,
    forests: VecStream<'scope, T, Grown>,
    plan: Rc<SearchPlan>,
    on_given_up: impl Fn() + 'static,
) -> VecStream<'scope, T, Judged> {
    input.binary(forests, Pipeline, Pipeline, "JudgeFolds", move |_capability, _info| {
        let mut rows = None;
        let mut early = Vec::new();
        move |inputs, forests, output| {
            inputs
                .for_each(|_time, inputs| rows = inputs.drain(..).next_back().map(|input| input.rows).or(rows.take()));
            forests.for_each(|time, forests| early.push((time.retain(0), std::mem::take(forests))));
            let Some(rows) = &rows else { return };
            for (time, forests) in early.drain(..) {
                forests.iter().filter(|grown: &&Grown| grown.forest.is_none()).for_each(|_| on_given_up());
                let judged = forests.iter().filter_map(|grown| Some((grown.task, grown.forest.as_deref()?)));
                let judged = judged.flat_map(|(task, forest)| judge_task(&plan, task, forest, rows));
                output.session(&time).give_iterator(judged);
            }
        }
    })
}
