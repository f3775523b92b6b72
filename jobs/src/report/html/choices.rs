//! What was chosen: among candidates by folds, and between this model and the one that was current.

use maud::{Markup, html};

use super::table_of;
use crate::report::text::clean;
use crate::report::{SearchReport, TrainingReport, pictures, words};

/// Whether the model is the current one now, beside the one that was.
pub(super) fn promotion(report: &TrainingReport) -> Markup {
    html! {
        section aria-labelledby="promotion" {
            h2 id="promotion" { "Promotion" }
            p { (clean(&words::promotion(report))) }
            @if let Some(current) = &report.promotion.current {
                p.note {
                    "The model that was current: " code { (clean(&current.model)) } "."
                    @if current.test.is_some() {
                        " Both were judged by the same rows in the same run; its figures stand above as “current”. The lower "
                        "log loss is the better one."
                    }
                }
            }
        }
    }
}

/// What was judged by folds, and what was chosen; the picture and all figures stand among the pictures.
pub(super) fn folds(search: &SearchReport) -> Markup {
    html! {
        section aria-labelledby="folds" {
            h2 id="folds" { @if search.candidates.len() > 1 { "Search" } @else { "Cross-validation" } }
            p { (search.sentence()) }
            @if let Some(choice) = search.choice() { p { (clean(&choice)) } }
            (table_of(&pictures::best_candidates(search), "listing"))
            p.note {
                "The folds share the bins of all training rows. The forest of this model grew from all of them, by the "
                "parameters of the first line; the rows that judge it above were in no fold."
            }
        }
    }
}
