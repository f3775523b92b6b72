//! The report at a glance, for whoever waits at a terminal: about a screen of aligned lines.
//!
//! Sections are blocks of lines that fit the width they are given; a wide terminal gets them in two columns.

mod line;
mod search;
mod sections;
#[cfg(test)]
mod tests;

use line::Line;
use search::search;
use sections::{by_class, head, importances, outlook, quality, rows, time, unusable_rows};

use super::TrainingReport;

/// Narrower terminals get lines that are too wide for them.
const NARROWEST: usize = 40;

/// Wider ones are not filled: lines would be hard to follow.
const WIDEST: usize = 150;

/// From here on there are two columns.
const TWO_COLUMNS: usize = 120;

/// Between two columns.
const GUTTER: usize = 4;

/// A section: a few lines that belong together.
type Block = Vec<Line>;

/// The report in lines of at most `width` columns.
pub(super) fn render(report: &TrainingReport, width: usize, colour: bool) -> String {
    let width = width.clamp(NARROWEST, WIDEST);
    let mut blocks = vec![head(report, width), outlook(report, width)];
    if width >= TWO_COLUMNS {
        let left = sections::TABLE_NEEDS.max(width / 2);
        let right = width - left - GUTTER;
        let tables = [quality(report, left), by_class(report, left), search(report, left), unusable_rows(report, left)];
        let bars = [importances(report, right), time(report, right), rows(report, right)];
        blocks.push(beside(stacked(tables), stacked(bars), left + GUTTER));
    } else {
        blocks.extend([quality(report, width), by_class(report, width), importances(report, width)]);
        blocks.extend([search(report, width), unusable_rows(report, width), rows(report, width), time(report, width)]);
    }
    let lines = stacked(blocks).into_iter().map(|line| line.clipped(width).render(colour) + "\n");
    lines.collect()
}

/// The blocks one below the other, an empty line between them.
fn stacked(blocks: impl IntoIterator<Item = Block>) -> Block {
    let filled = blocks.into_iter().filter(|block| !block.is_empty());
    let mut lines = filled.fold(Block::new(), |mut lines, block| {
        lines.extend(block);
        lines.push(Line::default());
        lines
    });
    lines.pop();
    lines
}

/// Two blocks side by side, the second from column `start` on.
fn beside(left: Block, right: Block, start: usize) -> Block {
    let height = left.len().max(right.len());
    let filled = |block: Block| block.into_iter().chain(std::iter::repeat_with(Line::default));
    filled(left).zip(filled(right)).take(height).map(|(left, right)| left.beside(right, start)).collect()
}
