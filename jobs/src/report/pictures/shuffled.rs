//! What is lost when a feature says nothing.

use super::Figure;
use super::bars::{Bars, Group, Series};
use crate::report::figures::{count, percent, signed_decimal};
use crate::report::text::clean;
use crate::report::{FeatureReport, ShuffledReport, TrainingReport};

/// The features by falling loss; `None` when no row could tell it.
pub(super) fn figure(report: &TrainingReport) -> Option<Figure> {
    let told = |feature: &'_ FeatureReport| feature.shuffled.map(|shuffled| (clean(&feature.name), shuffled));
    let mut features: Vec<(String, ShuffledReport)> = report.features.iter().filter_map(told).collect();
    let rows = features.first()?.1.rows;
    features.sort_by(|a, b| b.1.log_loss_added.total_cmp(&a.1.log_loss_added).then_with(|| a.0.cmp(&b.0)));
    // Less than nothing is chance, and no bar is shorter than none; the table has the figure.
    let group = |(name, shuffled): &(String, ShuffledReport)| Group {
        name: name.clone(),
        values: vec![shuffled.log_loss_added.max(0.0)],
    };
    let bars = Bars {
        id: "shuffled",
        title: "What each feature is worth on unseen rows",
        series: vec![Series("log loss added", "second")],
        groups: features.iter().map(group).collect(),
        largest: None,
        format: signed_decimal,
    };
    let judges = if report.out_of_bag.is_some() { "out of bag" } else { "held out" };
    let caption = format!(
        "By how much the log loss rises when the values of the feature are shuffled among {} rows that are {judges}. \
         Features that say the same share the loss.",
        count(rows)
    );
    let mut figure = bars.figure(caption, "Feature");
    figure.table.header.push("accuracy lost".to_owned());
    for (row, (_, shuffled)) in figure.table.rows.iter_mut().zip(&features) {
        row[1] = signed_decimal(shuffled.log_loss_added);
        row.push(percent(shuffled.accuracy_lost));
    }
    Some(figure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_feature_that_is_missed_most_comes_first_and_nothing_is_shown_of_what_nobody_told() {
        let mut report = sample::report();
        assert!(figure(&report).is_none());
        for (feature, added) in report.features.iter_mut().zip([0.01, 0.4, -0.002]) {
            feature.shuffled = Some(ShuffledReport { rows: 900, accuracy_lost: added / 4.0, log_loss_added: added });
        }
        let figure = figure(&report).unwrap();
        let first: Vec<&str> = figure.table.rows.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(first, ["+0.400", "+0.010", "-0.002"]);
        assert!(figure.caption.contains("900 rows that are held out"));
    }
}
