//! The pictures of the page: which figures each of them shows, and what it says in a sentence.
//!
//! A [`Figure`] is a drawing, a caption that says what to see in it, and the same numbers as a table.

mod bars;
mod columns;
mod confusion;
mod reliability;
mod search;
mod shuffled;

use maud::Markup;

use super::figures::{count, percent, points, seconds, share, whole_percent};
use super::{SearchReport, TrainingReport, quality, text};
use bars::{Bars, Group, Series};

/// A picture on the page.
pub(super) struct Figure {
    pub(super) title: &'static str,
    pub(super) caption: String,
    pub(super) drawing: Markup,
    pub(super) table: Table,
}

/// Numbers as text, the first column being names.
pub(super) struct Table {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// All pictures of a report, in the order of the page; those without figures are left out.
pub(super) fn all(report: &TrainingReport) -> Vec<Figure> {
    let mut figures = vec![confusion::figure(report), by_class(report), reliability::figure(report), shares(report)];
    figures.extend(search::figure(report));
    figures.extend((!report.features.is_empty()).then(|| importances(report)));
    figures.extend(shuffled::figure(report));
    figures.extend((!report.stages.is_empty()).then(|| time(report)));
    figures.extend((!report.rows.per_worker.is_empty()).then(|| columns::rows_per_worker(report)));
    figures
}

fn by_class(report: &TrainingReport) -> Figure {
    let (name, quality) = report.shown();
    let groups = quality
        .classes
        .iter()
        .enumerate()
        .map(|(class, of)| Group { name: report.class_name(class), values: vec![of.precision, of.recall, of.f1] });
    let bars = Bars {
        id: "by-class",
        title: "Precision, recall and F1 by class",
        series: vec![Series("precision", "first"), Series("recall", "second"), Series("F1", "third")],
        groups: groups.collect(),
        largest: Some(1.0),
        format: percent,
    };
    let best = (0..quality.classes.len()).max_by(|a, b| quality.classes[*a].f1.total_cmp(&quality.classes[*b].f1));
    let worst = (0..quality.classes.len()).min_by(|a, b| quality.classes[*a].f1.total_cmp(&quality.classes[*b].f1));
    let extremes = best.zip(worst).map_or_else(String::new, |(best, worst)| {
        format!(" Best at “{}”, worst at “{}”.", report.class_name(best), report.class_name(worst))
    });
    let caption = format!(
        "Precision: how often the model is right when it says the class. Recall: how much of the class it finds. On \
         {name}.{extremes}"
    );
    bars.figure(caption, "Class")
}

fn shares(report: &TrainingReport) -> Figure {
    const NOTEWORTHY: f64 = 0.01;
    let (name, quality) = report.shown();
    let said = |class: usize| quality.confusion.iter().map(|actual| actual[class]).sum::<u64>();
    let of_all = |rows: u64| share(rows as f64, quality.rows as f64);
    let groups = (0..quality.classes.len()).map(|class| Group {
        name: report.class_name(class),
        values: vec![
            report.classes.get(class).map_or(0.0, |class| class.training_share),
            of_all(quality.classes[class].rows),
            of_all(said(class)),
        ],
    });
    let bars = Bars {
        id: "shares",
        title: "Class shares",
        series: vec![Series("training", "third"), Series("actual", "first"), Series("predicted", "second")],
        groups: groups.collect(),
        largest: None,
        format: percent,
    };
    let excess = |class: usize| of_all(said(class)) - of_all(quality.classes[class].rows);
    let most = (0..quality.classes.len()).max_by(|a, b| excess(*a).total_cmp(&excess(*b)));
    let most = most.filter(|class| excess(*class) >= NOTEWORTHY).map_or_else(String::new, |class| {
        format!(" It says “{}” too often, by {}.", report.class_name(class), points(excess(class)))
    });
    let caption = format!("In the training rows, and on {name} as they were and as the model says.{most}");
    bars.figure(caption, "Class")
}

fn importances(report: &TrainingReport) -> Figure {
    let features = report.features_by_importance();
    let groups =
        features.iter().map(|feature| Group { name: text::clean(&feature.name), values: vec![feature.importance] });
    let bars = Bars {
        id: "importances",
        title: "Importance of the features",
        series: vec![Series("importance", "first")],
        groups: groups.collect(),
        largest: None,
        format: percent,
    };
    let caption =
        "Share in the decrease of impurity over all splits. It favours features with many values: a hint, not a cause.";
    let mut figure = bars.figure(caption.to_owned(), "Feature");
    figure.table.header.extend(["kind".to_owned(), "values".to_owned()]);
    for (row, feature) in figure.table.rows.iter_mut().zip(&features) {
        row.extend([text::clean(&feature.kind), count(feature.values)]);
    }
    figure
}

fn time(report: &TrainingReport) -> Figure {
    let stages = report.time_spent();
    let longest = stages.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let caption = longest.map_or_else(String::new, |stage| {
        let part = whole_percent(share(stage.seconds, report.wall_seconds));
        format!(
            "{} from start to saved model; “{}” takes {part}.",
            seconds(report.wall_seconds),
            text::clean(&stage.name)
        )
    });
    let caption = report.reading.map_or(caption.clone(), |reading| format!("{caption} Read {}.", reading.words()));
    let groups = stages.iter().map(|stage| Group { name: text::clean(&stage.name), values: vec![stage.seconds] });
    let bars = Bars {
        id: "time",
        title: "Where the time went",
        series: vec![Series("time", "first")],
        groups: groups.collect(),
        largest: None,
        format: seconds,
    };
    bars.figure(caption, "Stage")
}

/// The candidates of a search that did best.
pub(super) fn best_candidates(report: &SearchReport) -> Table {
    const MOST: usize = 10;
    let mut table = search::table(report);
    table.rows.truncate(MOST);
    table
}

/// The figures of all judged rows, side by side.
pub(super) fn quality_table(report: &TrainingReport) -> Table {
    let judged = quality::columns(report);
    let heading = |column: &quality::Column| match column.role {
        "seen" => column.heading.to_owned(),
        role => format!("{role}: {}", column.heading),
    };
    let row = |(name, figure): &(&str, quality::Figure)| {
        std::iter::once((*name).to_owned()).chain(judged.iter().map(|column| figure(column.quality))).collect()
    };
    Table {
        header: std::iter::once(String::new()).chain(judged.iter().map(heading)).collect(),
        rows: quality::FIGURES.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_table_has_a_cell_for_each_heading() {
        let report = sample::report();
        let tables = all(&report).into_iter().map(|figure| (figure.title, figure.table));
        for (title, table) in tables.chain([("quality", quality_table(&report))]) {
            assert!(!table.rows.is_empty(), "{title}");
            assert!(table.rows.iter().all(|row| row.len() == table.header.len()), "{title}");
        }
    }

    #[test]
    fn shares_of_classes_add_up() {
        let table = shares(&sample::report()).table;
        for column in 1..=3 {
            let sum: f64 = table.rows.iter().map(|row| row[column].trim_end_matches('%').parse::<f64>().unwrap()).sum();
            assert!((sum - 100.0).abs() < 0.3, "column {column}: {sum}");
        }
    }
}
