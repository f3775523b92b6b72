//! The rows of a tree with their weights, four bytes each, in the order of its nodes.
//!
//! The rows of a node lie side by side and keep the order in which they were read, so a pass over a node goes through
//! each column in one direction. A worker holds at most [`MOST_ROWS`] rows.

use std::ops::Range;

use super::bagging::bagging_weight;
use super::tasks::ForestTask;
use crate::forest::{Rule, TreeIndex};
use crate::table::{BinColumn, BinnedRows};

/// The most rows that one worker may read to train.
pub const MOST_ROWS: usize = 1 << ROW_BITS;

const ROW_BITS: u32 = 28;

/// No row weighs more: see [`bagging_weight`], which ends at 12.
pub const MOST_WEIGHT: u32 = (1 << (u32::BITS - ROW_BITS)) - 1;

/// A row of the worker and its weight, which is at most [`MOST_WEIGHT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WeightedRow(u32);

impl WeightedRow {
    pub(super) const fn new(row: u32, weight: u8) -> Self {
        Self((weight as u32) << ROW_BITS | row)
    }

    pub(super) const fn row(self) -> usize {
        (self.0 & (MOST_ROWS as u32 - 1)) as usize
    }

    pub(super) const fn weight(self) -> u32 {
        self.0 >> ROW_BITS
    }
}

/// The rows of one tree that are on this worker.
#[derive(Debug)]
pub(super) struct Bag(Vec<WeightedRow>);

impl Bag {
    /// Draws the sample of a tree of a forest: each row that the forest sees as often as its weight says, or once.
    pub(super) fn draw(tree: TreeIndex, data: &BinnedRows, task: &ForestTask) -> Self {
        let drawn = |row: usize| bagging_weight(task.params.seed, tree, data.keys[row]);
        let seen = |row: usize| task.fold.map_or(1, |fold| u8::from(fold.sees(data.blocks[row])));
        match (task.params.bagging, task.fold) {
            (true, None) => Self::of_weights(data.len(), drawn),
            (true, Some(_)) => Self::of_weights(data.len(), |row| drawn(row) * seen(row)),
            (false, _) => Self::of_weights(data.len(), seen),
        }
    }

    fn of_weights(rows: usize, weight: impl Fn(usize) -> u8) -> Self {
        let mut bag = vec![WeightedRow::default(); rows];
        let mut length = 0;
        for row in 0..rows {
            // Always written, and kept by moving on: a third of the rows is not drawn, which no branch can foretell.
            let weight = weight(row);
            bag[length] = WeightedRow::new(row as u32, weight);
            length += usize::from(weight > 0);
        }
        bag.truncate(length);
        bag.shrink_to_fit();
        Self(bag)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The rows at some places.
    pub(super) fn rows(&self, places: Range<usize>) -> &[WeightedRow] {
        &self.0[places]
    }

    /// Moves the rows that go left before the others, each part in its old order; returns where the right part begins.
    pub(super) fn partition(
        &mut self,
        places: Range<usize>,
        column: &BinColumn,
        rule: &Rule,
        spare: &mut Vec<WeightedRow>,
    ) -> usize {
        let rows = &mut self.0[places.clone()];
        let left = match column {
            BinColumn::Narrow(bins) => partition_by_rule(rows, bins, rule, spare),
            BinColumn::Wide(bins) => partition_by_rule(rows, bins, rule, spare),
        };
        places.start + left
    }
}

fn partition_by_rule<B: Copy + Into<u16>>(
    rows: &mut [WeightedRow],
    bins: &[B],
    rule: &Rule,
    spare: &mut Vec<WeightedRow>,
) -> usize {
    match rule {
        Rule::AtMost(last) => partition_by(rows, spare, |row| bins[row].into() <= *last),
        Rule::In(set) => partition_by(rows, spare, |row| set.contains(bins[row].into())),
    }
}

/// Writes every row to both parts and moves on in one of them: no branch that can be foretold wrongly.
fn partition_by(rows: &mut [WeightedRow], spare: &mut Vec<WeightedRow>, goes_left: impl Fn(usize) -> bool) -> usize {
    if spare.len() < rows.len() {
        spare.resize(rows.len(), WeightedRow::default());
    }
    let (mut left, mut right) = (0, 0);
    for place in 0..rows.len() {
        let row = rows[place];
        let to_left = goes_left(row.row());
        rows[left] = row;
        spare[right] = row;
        left += usize::from(to_left);
        right += usize::from(!to_left);
    }
    rows[left..].copy_from_slice(&spare[..right]);
    left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forest::BinSet;

    proptest! {
        /// The oracle: the library's stable partition of whole rows.
        #[test]
        fn rows_go_where_the_rule_sends_them_and_keep_their_order(
            bins in prop::collection::vec(0_u8..9, 1..80), last in 0_u16..9, set in prop::collection::vec(0_u16..9, 0..9),
            by_set in any::<bool>(), from in 0_usize..80, to in 0_usize..80,
        ) {
            let rule = if by_set { Rule::In(BinSet::of(set, 9)) } else { Rule::AtMost(last) };
            let all: Vec<WeightedRow> =
                (0..bins.len() as u32).map(|row| WeightedRow::new(row, 1 + (row % 12) as u8)).collect();
            let from = from.min(bins.len());
            let places = from..to.clamp(from, bins.len());
            let (left, right): (Vec<_>, Vec<_>) =
                all[places.clone()].iter().partition(|row| rule.goes_left(bins[row.row()].into()));
            let mut bag = Bag(all.clone());
            let middle = bag.partition(places.clone(), &BinColumn::Narrow(bins), &rule, &mut Vec::new());
            prop_assert_eq!(middle, places.start + left.len());
            let expected: Vec<WeightedRow> = [&all[..places.start], &left, &right, &all[places.end..]].concat();
            prop_assert_eq!(bag.0, expected);
        }
    }
}
