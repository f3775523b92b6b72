//! How candidates did, and which is the best.

use serde::{Deserialize, Serialize};

use super::judge::Judged;
use super::plan::SearchPlan;
use crate::evaluate::Tally;
use crate::forest::ForestParams;

/// How a candidate did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its parameters.
    pub params: ForestParams,
    /// What the rows of each fold say, in order; a fold may have none.
    pub by_fold: Vec<Tally>,
}

impl Outcome {
    /// The rows of all folds together.
    #[must_use]
    pub fn over_all(&self) -> Option<Tally> {
        let mut folds = self.by_fold.iter().cloned();
        let first = folds.next()?;
        Some(folds.fold(first, |mut sum, fold| {
            sum.merge(&fold);
            sum
        }))
    }
}

/// The candidate with the least log loss over all judged rows, which are the same for each; the first of equals. `None`
/// when there is no candidate or no judged row.
#[must_use]
pub fn best(outcomes: &[Outcome]) -> Option<usize> {
    let loss =
        |outcome: &Outcome| outcome.over_all().filter(|tally| tally.rows() > 0).map(|tally| tally.log_loss_micros);
    let losses = outcomes.iter().enumerate().filter_map(|(place, outcome)| Some((loss(outcome)?, place)));
    losses.min().map(|(_, place)| place)
}

/// Adds up what the workers say, in any order.
pub(super) fn outcomes(plan: &SearchPlan, judged: Vec<Judged>) -> Vec<Outcome> {
    let Some(classes) = judged.first().map(|judged| judged.tally.classes) else { return Vec::new() };
    let empty = |params: &ForestParams| Outcome {
        params: params.clone(),
        by_fold: vec![Tally::empty(classes); plan.folds().len()],
    };
    let mut outcomes: Vec<Outcome> = plan.candidates().iter().map(empty).collect();
    for Judged { candidate, fold, tally } in judged {
        outcomes[candidate].by_fold[fold].merge(&tally);
    }
    outcomes
}
