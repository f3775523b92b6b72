//! From the outcomes of a search to what a report says of its candidates.

use flightline_operators::evaluate::Quality;
use flightline_operators::forest::ForestParams;
use flightline_operators::search::Outcome;

use super::search::SearchRule;
use crate::report::{CandidateReport, FoldReport, Parameter, SearchReport};

/// What folds said, the best candidate first. Equally good ones stay in their order.
pub(super) fn candidates(rule: &SearchRule, outcomes: &[Outcome]) -> SearchReport {
    let varying = varying(outcomes);
    let candidate = |outcome: &Outcome| {
        let all = outcome.over_all().as_ref().and_then(Quality::of)?;
        let fold = |(fold, tally)| {
            let quality = Quality::of(tally)?;
            Some(FoldReport { fold, rows: quality.rows, log_loss: quality.log_loss, accuracy: quality.accuracy })
        };
        let parameters = of_forest(&outcome.params).into_iter();
        Some(CandidateReport {
            parameters: parameters.filter(|parameter| varying.contains(&parameter.name)).collect(),
            log_loss: all.log_loss,
            accuracy: all.accuracy,
            by_fold: (1..).zip(&outcome.by_fold).filter_map(fold).collect(),
        })
    };
    let mut candidates: Vec<CandidateReport> = outcomes.iter().filter_map(candidate).collect();
    candidates.sort_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    SearchReport { folds: rule.folds(), forests: rule.plan().tasks().forests().len() as u64, candidates }
}

/// The names of the parameters in which candidates differ.
fn varying(outcomes: &[Outcome]) -> Vec<String> {
    let of_first = outcomes.first().map(|outcome| of_forest(&outcome.params)).unwrap_or_default();
    let of_all: Vec<Vec<Parameter>> = outcomes.iter().map(|outcome| of_forest(&outcome.params)).collect();
    let differs = |parameter: &Parameter| of_all.iter().any(|others| !others.contains(parameter));
    of_first.into_iter().filter(differs).map(|parameter| parameter.name).collect()
}

/// The parameters of a forest, as on the command line.
pub(super) fn of_forest(params: &ForestParams) -> Vec<Parameter> {
    let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let json = |value: Result<serde_json::Value, serde_json::Error>| value.map(text).unwrap_or_default();
    let shown = [
        ("trees", params.trees.to_string()),
        ("depth", params.depth.to_string()),
        ("features-per-node", json(serde_json::to_value(params.features_per_node))),
        ("impurity", json(serde_json::to_value(params.impurity))),
        ("min-rows", params.min_rows.to_string()),
        ("bagging", params.bagging.to_string()),
        ("smoothing", params.smoothing.0.to_string()),
        ("bins", params.bins.0.to_string()),
    ];
    shown.into_iter().map(|(name, value)| Parameter { name: name.to_owned(), value }).collect()
}
