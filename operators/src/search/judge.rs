//! One worker's part in judging: the candidates of a family by the rows of one fold that are here.

use serde::{Deserialize, Serialize};

use super::plan::SearchPlan;
use crate::evaluate::Tally;
use crate::forest::{FlatForest, Forest, ForestSize, Tree};
use crate::table::BinnedRows;

/// Rows that are judged together.
const BATCH: usize = 1 << 14;

/// What a worker says of a candidate and a fold, by their places.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Judged {
    pub(super) candidate: usize,
    pub(super) fold: usize,
    pub(super) tally: Tally,
}

/// Judges all candidates that are cut out of the forest of a task; none of them, when it grew from nothing.
pub(super) fn judge_task(plan: &SearchPlan, task: usize, forest: &Forest, rows: &BinnedRows) -> Vec<Judged> {
    let is_empty = |tree: &Tree| tree.nodes.iter().all(|node| node.counts.total() == 0);
    if forest.trees.iter().all(is_empty) {
        return Vec::new();
    }
    let (family, fold) = plan.locate(task);
    let split = plan.folds()[fold];
    let judging: Vec<usize> = (0..rows.len()).filter(|row| split.is_judged_by(rows.blocks[*row])).collect();
    let judge = |candidate: &usize| {
        let params = &plan.candidates()[*candidate];
        let size = ForestSize { trees: params.trees, depth: params.depth };
        let flat = FlatForest::cut(forest, size, params.smoothing);
        let mut tally = Tally::empty(forest.classes);
        for batch in judging.chunks(BATCH) {
            tally.merge(&Tally::of(&flat, &rows.take(batch), |_| ()));
        }
        Judged { candidate: *candidate, fold, tally }
    };
    family.members.iter().map(judge).collect()
}
