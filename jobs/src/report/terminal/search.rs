//! What folds said of the candidates, for a terminal.

use super::Block;
use super::line::{Line, Style};
use super::sections::{paragraph, title};
use crate::report::TrainingReport;
use crate::report::figures::{decimal, percent};
use crate::report::search::CandidateReport;
use crate::report::text::columns;

/// Candidates that get a line.
const MOST_LINES: usize = 8;

/// Columns of a figure.
const FIGURE: usize = 10;

/// Columns of the least and the greatest log loss of a fold.
const RANGE: usize = 16;

/// The best candidates; nothing without folds.
pub(super) fn search(report: &TrainingReport, width: usize) -> Block {
    let Some(search) = report.search.as_ref().filter(|search| !search.candidates.is_empty()) else {
        return Block::new();
    };
    let shown = &search.candidates[..search.candidates.len().min(MOST_LINES)];
    let with_range = width >= 2 * FIGURE + RANGE + 20;
    let figures = 2 * FIGURE + if with_range { RANGE } else { 0 };
    let longest = shown.iter().map(|candidate| columns(&candidate.name())).max().unwrap_or(0);
    let name = longest.max(columns("By folds")).min(width - figures);
    let row = |style, first: &str, candidate: [String; 3]| {
        let [loss, accuracy, range] = candidate;
        let line = Line::default().left(style, first, name).right(style, &loss, FIGURE).right(style, &accuracy, FIGURE);
        if with_range { line.right(Style::Faint, &range, RANGE) } else { line }
    };
    let mut lines = vec![if shown.len() > 1 { title("Search") } else { title("Folds") }];
    lines.extend(paragraph(Style::Faint, &search.sentence(), width));
    lines.push(row(Style::Faint, "", ["log loss", "accuracy", "by fold"].map(str::to_owned)));
    lines.extend(shown.iter().enumerate().map(|(place, candidate): (usize, &CandidateReport)| {
        let (least, most) = candidate.range();
        let range = format!("{} to {}", decimal(least), decimal(most));
        let style = if place == 0 { Style::Strong } else { Style::Plain };
        row(style, &candidate.name(), [decimal(candidate.log_loss), percent(candidate.accuracy), range])
    }));
    if search.candidates.len() > MOST_LINES {
        let text = format!("{} others: see the report's page.", search.candidates.len() - MOST_LINES);
        lines.extend(paragraph(Style::Faint, &text, width));
    }
    lines
}
