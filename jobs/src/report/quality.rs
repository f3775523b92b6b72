//! The figures of all judged rows side by side, the same in the terminal and on the page.

use flightline_operators::evaluate::Quality;

use super::figures::{count, decimal, percent, signed_points};
use super::words::{current_quality, heading};
use super::{Judged, TrainingReport};

/// One set of rows that the forest was judged by.
pub(super) struct Column<'a> {
    /// Which rows they are, in two words.
    pub(super) heading: &'static str,
    /// What they are for.
    pub(super) role: &'static str,
    pub(super) quality: &'a Quality,
}

/// The sets of rows: those that it was grown from, then the others. What the current model did on the test rows stands
/// beside what the new one did.
pub(super) fn columns(report: &TrainingReport) -> Vec<Column<'_>> {
    let judged = |role, judged: &'_ Judged| (role, heading(judged.kind));
    let test = report.test.as_ref().map(|test| (judged("test", test), &test.quality));
    let current = report.test.as_ref().zip(current_quality(report)).map(|(test, of)| (judged("current", test), of));
    let companion = report.companion.as_ref().map(|companion| (judged("companion", companion), &companion.quality));
    let mut columns = vec![Column { heading: "training rows", role: "seen", quality: &report.train }];
    let out_of_bag = report.out_of_bag.as_ref().map(|quality| (("unseen", "out of bag"), quality));
    let others = [out_of_bag, test, current, companion].into_iter().flatten();
    columns.extend(others.map(|((role, heading), quality)| Column { heading, role, quality }));
    columns
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
        report.promotion.current = None;
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
    fn where_there_is_bagging_the_training_rows_judge_the_trees_that_do_not_know_them() {
        let mut report = sample::report();
        report.out_of_bag = Some(sample::quality(20_000, 30));
        let second = &columns(&report)[1];
        assert_eq!((second.heading, second.role, second.quality.rows), ("out of bag", "unseen", 20_000));
    }

    #[test]
    fn the_current_model_stands_beside_the_new_one_on_its_rows() {
        let report = sample::report();
        let columns = columns(&report);
        assert_eq!(
            columns.iter().map(|column| column.role).collect::<Vec<_>>(),
            ["seen", "test", "current", "companion"]
        );
        let (new, current) = (&columns[1], &columns[2]);
        assert_eq!((new.heading, new.quality.rows), (current.heading, current.quality.rows));
        assert!(new.quality.log_loss < current.quality.log_loss);
    }
}
