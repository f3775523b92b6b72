//! The end of the training dataflow: forests are judged, by rows that were kept from them and by those that were not.

use std::rc::Rc;

use flightline_engine::progress::Stage;
use flightline_operators::evaluate::{Tally, Trial, UnseenInput, judge};
use flightline_operators::flow::{VecStream, pair_at_end};
use flightline_operators::forest::FlatForest;
use flightline_operators::table::BinnedRows;
use timely::dataflow::operators::{Enter, Inspect, Leave};

use super::dataflow::Once;

/// Judges the new forest, and the current one if there is any; worker 0 gets the tallies.
pub(super) fn judge_all<'scope>(
    forest: VecStream<'scope, Once, Rc<FlatForest>>,
    sets: VecStream<'scope, Once, Rc<Vec<Rc<BinnedRows>>>>,
    of_current: Option<VecStream<'scope, Once, Trial>>,
    stage: &Stage,
) -> VecStream<'scope, Once, Vec<Tally>> {
    let scope = forest.scope();
    scope.region_named("Judge", |inner| {
        let of_current = of_current.map(|trial| trial.enter(inner));
        let judging = stage.clone();
        let trials = trials(forest.enter(inner), sets.enter(inner), of_current)
            .inspect(move |trials| judging.start(trials.iter().map(|trial| trial.rows.len() as u64).sum()));
        let judging = stage.clone();
        judge(trials, move |rows| judging.add(rows)).leave(scope)
    })
}

/// The training and the held-out rows of the `sets`, for rows to judge by that trees have not seen.
pub(super) fn unseen_input(forest: Rc<FlatForest>, sets: Rc<Vec<Rc<BinnedRows>>>) -> UnseenInput {
    UnseenInput { forest, train: Rc::clone(&sets[0]), held_out: Rc::clone(&sets[1]) }
}

/// What is judged on each worker: the new forest by each of its sets of rows, then the current one, if there is any.
fn trials<'scope>(
    forest: VecStream<'scope, Once, Rc<FlatForest>>,
    sets: VecStream<'scope, Once, Rc<Vec<Rc<BinnedRows>>>>,
    of_current: Option<VecStream<'scope, Once, Trial>>,
) -> VecStream<'scope, Once, Vec<Trial>> {
    let of_new = pair_at_end(forest, sets, "TrialsOfNew", move |forest, sets: Rc<Vec<Rc<BinnedRows>>>| {
        sets.iter().map(|rows| Trial { forest: Rc::clone(&forest), rows: Rc::clone(rows) }).collect::<Vec<_>>()
    });
    match of_current {
        None => of_new,
        Some(of_current) => pair_at_end(of_new, of_current, "WithCurrent", |mut trials, of_current| {
            trials.push(of_current);
            trials
        }),
    }
}
