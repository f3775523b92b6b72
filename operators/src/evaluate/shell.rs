//! The timely shell of evaluation: every worker judges its own rows, one adds up.

use std::rc::Rc;

use timely::dataflow::channels::pact::Pipeline;
use timely::progress::Timestamp;

use super::Tally;
use crate::flow::{VecStream, fold_at_end, to_worker};
use crate::forest::FlatForest;
use crate::table::BinnedRows;

/// A forest, and one worker's share of the rows that judge it, in the bins of that forest.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Who is judged.
    pub forest: Rc<FlatForest>,
    /// By what.
    pub rows: Rc<BinnedRows>,
}

/// Judges forests by the rows of all workers; worker 0 gets the tally of each trial, in the order of the trials.
///
/// `trials` carries one element per worker, with the same trials in the same order on each; `on_rows` hears of judged
/// rows.
pub fn judge<'scope, T: Timestamp>(
    trials: VecStream<'scope, T, Vec<Trial>>,
    on_rows: impl Fn(u64) + 'static,
) -> VecStream<'scope, T, Vec<Tally>> {
    let tallies = fold_at_end(trials, Pipeline, "JudgeRows", Vec::new(), Vec::push, move |trials: Vec<Vec<Trial>>| {
        let judged = |trials: Vec<Trial>| -> Vec<Tally> {
            trials.iter().map(|trial| Tally::of(&trial.forest, &trial.rows, &on_rows)).collect()
        };
        trials.into_iter().map(judged).collect()
    });
    let to_first = to_worker(|_: &Vec<Tally>| 0);
    fold_at_end(tallies, to_first, "AddTallies", Vec::<Vec<Tally>>::new(), Vec::push, |all| {
        let merged = all.into_iter().reduce(|mut sums, more| {
            sums.iter_mut().zip(&more).for_each(|(sum, more)| sum.merge(more));
            sums
        });
        merged.into_iter().collect()
    })
}
