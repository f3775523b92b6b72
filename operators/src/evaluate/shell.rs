//! The timely shell of evaluation: every worker judges its own rows, one adds up.

use std::rc::Rc;

use timely::dataflow::channels::pact::Pipeline;
use timely::progress::Timestamp;

use super::Tally;
use crate::flow::{VecStream, fold_at_end, join_at_end, to_worker};
use crate::forest::FlatForest;
use crate::table::BinnedRows;

/// Judges a forest by the rows of all workers; worker 0 gets the tally of each set of rows, in the order of the sets.
///
/// `forest` and `sets` carry one element per worker; `on_rows` hears of judged rows.
pub fn judge<'scope, T: Timestamp>(
    forest: VecStream<'scope, T, Rc<FlatForest>>,
    sets: VecStream<'scope, T, Rc<Vec<Rc<BinnedRows>>>>,
    on_rows: impl Fn(u64) + 'static,
) -> VecStream<'scope, T, Vec<Tally>> {
    let tallies = join_at_end(forest, Pipeline, sets, Pipeline, "JudgeRows", move |forests, sets| {
        let judged = |(forest, sets): (Rc<FlatForest>, Rc<Vec<Rc<BinnedRows>>>)| -> Vec<Tally> {
            sets.iter().map(|rows| Tally::of(&forest, rows, &on_rows)).collect()
        };
        forests.into_iter().zip(sets).map(judged).collect()
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
