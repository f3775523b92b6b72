//! Judging a forest by its own training rows, each row by those trees alone whose sample does not have it.
//!
//! No row needs to be kept from training for that (Breiman, "Out-of-bag estimation", 1996). Which trees know a row
//! follows from its key ([`bagging_weight`]), so nothing has to be remembered while the forest grows. Of many rows those
//! with the smallest hashes stand for all: 262,144 tell an accuracy to a tenth of a point.
//!
//! A forest without bagging has no such rows.

use super::Tally;
use crate::forest::{FlatForest, ForestParams, TreeIndex};
use crate::grow::bagging_weight;
use crate::identity::{Purpose, RowKey, Seed, Share};
use crate::table::BinnedRows;

/// Rows that stand for all, about.
const ENOUGH_ROWS: u64 = 1 << 18;

/// Rows that are judged together, so that what is known of them fits the cache.
const BATCH: usize = 4096;

/// Judges a forest by this worker's training rows; `rows_everywhere` is the number of training rows of all workers.
///
/// Rows that every tree has seen are left out.
#[must_use]
pub fn out_of_bag(forest: &FlatForest, rows: &BinnedRows, rows_everywhere: u64, params: &ForestParams) -> Tally {
    let mut tally = Tally::empty(forest.classes() as u8);
    let chosen = choose(rows, rows_everywhere, ENOUGH_ROWS, Purpose::OutOfBag, params.seed);
    for batch in chosen.chunks(BATCH) {
        add_out_of_bag(&mut tally, forest, &rows.take(batch), params);
    }
    tally
}

/// Adds `rows` to a tally, each as the trees see it whose sample does not have it.
pub(super) fn add_out_of_bag(tally: &mut Tally, forest: &FlatForest, rows: &BinnedRows, params: &ForestParams) {
    let unknown = |tree: TreeIndex, row: usize| bagging_weight(params.seed, tree, rows.keys[row]) == 0;
    let (probabilities, trees) = forest.probabilities_by(&rows.columns, 0..rows.len(), unknown);
    let judged = rows.classes.iter().zip(probabilities.chunks(forest.classes())).zip(trees);
    for ((actual, probabilities), _) in judged.filter(|(_, trees)| *trees > 0) {
        tally.add(*actual, probabilities);
    }
}

/// About `enough` of all rows: those of this worker whose hash is small, or all when there are no more. Rows without
/// keys can't be chosen from.
pub(super) fn choose(rows: &BinnedRows, rows_everywhere: u64, enough: u64, purpose: Purpose, seed: Seed) -> Vec<usize> {
    let share = Share::new(enough as f64 / rows_everywhere.max(1) as f64);
    let is_chosen = |key: RowKey| share.is_none_or(|share| share.holds(seed.draw(purpose, [key.0])));
    rows.keys.iter().enumerate().filter(|(_, key)| is_chosen(**key)).map(|(row, _)| row).collect()
}
