//! How candidates did when parts of the training rows judged them in turn.

use serde::{Deserialize, Serialize};

use super::Parameter;
use super::figures::{count, counted, decimal};

/// Cross-validation, and the search that it decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchReport {
    /// How rows are dealt and how often, as on the command line: `forward:5`.
    pub folds: String,
    /// Forests that were grown for it.
    pub forests: u64,
    /// The candidates by rising log loss: the first is the one that was chosen.
    pub candidates: Vec<CandidateReport>,
}

/// How a candidate did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// The parameters in which candidates differ.
    pub parameters: Vec<Parameter>,
    /// Mean log loss over all judged rows, in nats.
    pub log_loss: f64,
    /// Share of all judged rows that it is right about.
    pub accuracy: f64,
    /// What each fold says that has rows, in order.
    pub by_fold: Vec<FoldReport>,
}

/// What the rows of a fold say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldReport {
    /// Which fold, from 1.
    pub fold: u64,
    /// Rows that judge.
    pub rows: u64,
    /// Their mean log loss, in nats.
    pub log_loss: f64,
    /// The share of them that is predicted right.
    pub accuracy: f64,
}

impl CandidateReport {
    /// In what it differs from others: `depth 16, trees 50`.
    pub(super) fn name(&self) -> String {
        let named: Vec<String> = self.parameters.iter().map(|p| format!("{} {}", p.name, p.value)).collect();
        if named.is_empty() { "as given".to_owned() } else { named.join(", ") }
    }

    /// The least and the greatest log loss of a fold.
    pub(super) fn range(&self) -> (f64, f64) {
        let losses = self.by_fold.iter().map(|fold| fold.log_loss);
        losses.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), loss| (least.min(loss), most.max(loss)))
    }
}

impl SearchReport {
    /// What was done, in a sentence.
    pub(super) fn sentence(&self) -> String {
        let rows = self.candidates.first().map_or(0, |best| best.by_fold.iter().map(|fold| fold.rows).sum());
        let folds = self.folds.split_once(':').map_or("", |(_, folds)| folds);
        let how = match self.folds.split_once(':') {
            Some(("forward", _)) => "stretches of days in turn, each by a forest of all training rows before it",
            Some(("days", _)) => "parts in turn that share no day, each by a forest of the other training rows",
            _ => "parts in turn, each by a forest of the other training rows",
        };
        let all = counted(self.candidates.len() as u64, "candidate");
        let forests = counted(self.forests, "forest");
        format!("{} rows judged {all}, in {folds} {how}: {forests} grown.", count(rows))
    }

    /// What was chosen, and how far the next one is behind.
    pub(super) fn choice(&self) -> Option<String> {
        let [best, next, ..] = self.candidates.as_slice() else { return None };
        let behind = match next.log_loss - best.log_loss {
            less if less < 0.001 => "less than 0.001".to_owned(),
            behind => decimal(behind),
        };
        Some(format!("Chosen for the least log loss: {}. The next is behind by {behind}.", best.name()))
    }
}

#[cfg(test)]
mod tests {
    use crate::report::sample;

    #[test]
    fn what_was_done_and_chosen_is_said_in_sentences() {
        let search = sample::search();
        assert_eq!(
            search.sentence(),
            "200,000 rows judged 24 candidates, in 4 stretches of days in turn, each by a forest of all training rows \
             before it: 24 forests grown."
        );
        let choice = search.choice().unwrap();
        assert_eq!(choice, "Chosen for the least log loss: depth 16, min-rows 20. The next is behind by 0.004.");
        let mut one = search;
        one.candidates[1].log_loss = one.candidates[0].log_loss + 0.0004;
        assert!(one.choice().unwrap().ends_with("behind by less than 0.001."));
        one.candidates.truncate(1);
        assert_eq!(one.choice(), None);
    }
}
