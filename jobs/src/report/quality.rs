//! The figures of all judged rows side by side, the same in the terminal and on the page.

use flightline_operators::evaluate::Quality;

use super::TrainingReport;
use super::figures::{count, decimal, percent, signed_points};
use super::words::{current_quality, heading};

/// One set of rows that the forest was judged by.
pub(super) struct Column<'a> {
    /// Which rows they are, in two words.
    pub(super) heading: &'static str,
    /// What they are for.
    pub(super) role: &'static str,
    pub(super) quality: &'a Quality,
}

/// The sets of rows: those that it was grown from, then the others.
pub(super) fn columns(report: &TrainingReport) -> Vec<Column<'_>> {
    let mut columns = vec![Column { heading: "training rows", role: "seen", quality: &report.train }];
    let judged = [("test", &report.test), ("companion", &report.companion)];
    columns.extend(judged.into_iter().filter_map(|(role, judged)| {
        let judged = judged.as_ref()?;
        Some(Column { heading: heading(judged.kind), role, quality: &judged.quality })
    }));
    columns
}

/// The new model and the one that was current before, on the same rows; nothing when they were not compared.
pub(super) fn beside_current(report: &TrainingReport) -> Vec<Column<'_>> {
    let (Some(new), Some(current)) = (&report.test, current_quality(report)) else { return Vec::new() };
    let role = heading(new.kind);
    let column = |heading, quality| Column { heading, role, quality };
    vec![column("new", &new.quality), column("current", current)]
}

/// A figure of a quality, as text.
pub(super) type Figure = fn(&Quality) -> String;

/// What is said of each set of rows, in the order of reading.
pub(super) const FIGURES: [(&str, Figure); 7] = [
    ("Rows", |quality| count(quality.rows)),
    ("Accuracy", |quality| percent(quality.accuracy)),
    ("Always the same", |quality| percent(quality.base_rate)),
    ("Points above that", |quality| signed_points(quality.accuracy - quality.base_rate)),
    ("Log loss", |quality| decimal(quality.log_loss)),
    ("Macro F1", |quality| decimal(quality.macro_f1)),
    ("Calibration error", |quality| percent(quality.calibration_error)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn there_is_a_column_for_what_was_judged() {
        let mut report = sample::report();
        let headings =
            |report: &TrainingReport| columns(report).iter().map(|column| column.heading).collect::<Vec<_>>();
        assert_eq!(headings(&report), ["training rows", "last days", "random rows"]);
        report.test = None;
        assert_eq!(headings(&report), ["training rows", "random rows"]);
        assert_eq!(columns(&report)[1].role, "companion");
        report.companion = None;
        assert_eq!(headings(&report), ["training rows"]);
    }

    #[test]
    fn the_current_model_stands_beside_the_new_one_on_its_rows() {
        let mut report = sample::report();
        let columns = beside_current(&report);
        assert_eq!(columns.iter().map(|column| column.heading).collect::<Vec<_>>(), ["new", "current"]);
        assert!(columns.iter().all(|column| column.role == "last days" && column.quality.rows == 6_547));
        report.promotion.current = None;
        assert!(beside_current(&report).is_empty());
    }
}
