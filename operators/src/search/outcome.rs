//! How candidates did, and which is the best.

use super::judge::Judged;
use super::plan::SearchPlan;
use crate::evaluate::Tally;
use crate::forest::ForestParams;

/// How a candidate did.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its parameters.
    pub params: ForestParams,
    /// What the rows of each fold say, in order; nothing of a fold whose forest had no row to grow from.
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

/// The place of the candidate with the least log loss over all judged rows, which are the same for each; the first of
/// equals. `None` when there is no candidate, or a fold without rows to judge by or to grow from.
#[must_use]
pub fn best(outcomes: &[Outcome]) -> Option<usize> {
    if outcomes.iter().flat_map(|outcome| &outcome.by_fold).any(|fold| fold.rows() == 0) {
        return None;
    }
    let loss = |outcome: &Outcome| outcome.over_all().map(|tally| tally.log_loss_micros);
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
