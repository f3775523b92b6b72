//! The candidates of a search, the best above: a dot for each fold, and a line at the mean of all rows.

use maud::html;

use super::{Figure, Table};
use crate::report::TrainingReport;
use crate::report::figures::{decimal, percent};
use crate::report::search::{CandidateReport, SearchReport};
use crate::report::svg::{Anchor, WIDTH, dot, label, line, picture, text};
use crate::report::text::clean;

/// Candidates that are drawn; the table has all.
const MOST_DRAWN: usize = 16;

/// Units of a candidate: a line of text above its dots.
const ROW: f64 = 30.0;

/// Units below the last one, for the axis.
const AXIS: f64 = 24.0;

/// Units left and right of the axis.
const MARGIN: f64 = 8.0;

/// The picture; nothing without folds.
pub(super) fn figure(report: &TrainingReport) -> Option<Figure> {
    let search = report.search.as_ref().filter(|search| !search.candidates.is_empty())?;
    let drawn = &search.candidates[..search.candidates.len().min(MOST_DRAWN)];
    let ranges = drawn.iter().map(CandidateReport::range);
    let (least, most) = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let across = |loss: f64| MARGIN + (loss - least) / (most - least).max(1e-9) * (WIDTH - 2.0 * MARGIN);
    let height = ROW * drawn.len() as f64 + AXIS;
    let bottom = height - AXIS;
    let body = html! {
        (line((MARGIN, bottom), (WIDTH - MARGIN, bottom), "grid"))
        (text(MARGIN, bottom + 14.0, Anchor::Start, "tick", &decimal(least)))
        (text(WIDTH / 2.0, bottom + 14.0, Anchor::Middle, "tick", "log loss, lower is better"))
        (text(WIDTH - MARGIN, bottom + 14.0, Anchor::End, "tick", &decimal(most)))
        @for (place, candidate) in drawn.iter().enumerate() {
            @let top = ROW * place as f64;
            @let y = top + 22.0;
            @let class = if place == 0 { "first" } else { "third" };
            @let (from, to) = candidate.range();
            @let named = format!("{} · {}", decimal(candidate.log_loss), clean(&candidate.name()));
            (label(MARGIN, top + 12.0, WIDTH - 2.0 * MARGIN, Anchor::Start, if place == 0 { "" } else { "faint" }, &named))
            (line((across(from), y), (across(to), y), "grid"))
            @for fold in &candidate.by_fold {
                (dot(across(fold.log_loss), y, 3.0, class, &format!("fold {}: {}", fold.fold, decimal(fold.log_loss))))
            }
            (line((across(candidate.log_loss), y - 6.0), (across(candidate.log_loss), y + 6.0), "mean"))
        }
    };
    let title = if search.candidates.len() > 1 { "Candidates by folds" } else { "Folds" };
    Some(Figure {
        title,
        caption: caption(search),
        drawing: picture("search", title, &search.sentence(), height, &body),
        table: table(search),
    })
}

fn caption(search: &SearchReport) -> String {
    let more = search.candidates.len().saturating_sub(MOST_DRAWN);
    let left = if more > 0 { format!(" The other {more} stand in the table.") } else { String::new() };
    let choice = search.choice().map(|choice| format!(" {choice}")).unwrap_or_default();
    format!("{}{choice} A dot is a fold, the line the mean of all rows.{left}", search.sentence())
}

/// All candidates with what each fold says.
pub(super) fn table(search: &SearchReport) -> Table {
    let folds: Vec<u64> =
        search.candidates.first().map(|best| best.by_fold.iter().map(|fold| fold.fold).collect()).unwrap_or_default();
    let header = ["Candidate", "log loss", "accuracy"].map(str::to_owned).into_iter();
    let row = |candidate: &CandidateReport| {
        let figures = [clean(&candidate.name()), decimal(candidate.log_loss), percent(candidate.accuracy)];
        figures.into_iter().chain(candidate.by_fold.iter().map(|fold| decimal(fold.log_loss))).collect()
    };
    Table {
        header: header.chain(folds.iter().map(|fold| format!("fold {fold}"))).collect(),
        rows: search.candidates.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_best_are_drawn_and_all_stand_in_the_table() {
        let mut report = sample::report();
        assert!(figure(&report).is_none(), "nothing without folds");
        report.search = Some(sample::search());
        let figure = figure(&report).unwrap();
        let drawn = figure.drawing.into_string();
        assert_eq!(drawn.matches("<circle").count(), MOST_DRAWN * 4, "a dot for each fold");
        assert_eq!(drawn.matches("class=\"mean\"").count(), MOST_DRAWN);
        assert_eq!(figure.table.rows.len(), 24);
        assert!(figure.table.rows.iter().all(|row| row.len() == figure.table.header.len()));
        assert!(figure.caption.ends_with("The other 8 stand in the table."), "{}", figure.caption);
    }
}
