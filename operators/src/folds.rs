//! Folds: the parts of the training rows that take turns in judging forests grown from the others.
//!
//! A service predicts days to come, so beside folds of random rows and of random days there are folds that roll forward
//! in time: each is judged by one stretch of days, and grown from all days before it. The block of a row is a hash of
//! its key or of its day, or a function of its day and the rows of all days: never of who read it.
//!
//! Folds share one set of bins, made from all training rows: the edges of numbers and the names of categories know
//! those that judge, their labels are known to no split.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::columns::Code;
use crate::holdout::DayCounts;
use crate::identity::{Purpose, RowKey, Seed};
use crate::table::LabelledRows;

/// Part of the training rows, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Block(pub u8);

/// How rows are dealt to folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FoldKind {
    /// Row by row.
    Random,
    /// All rows of a day together.
    Days,
    /// Stretches of days of about as many rows; each but the first is judged by a forest of those before.
    Forward,
}

/// Number of folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldCount(u8);

impl FoldCount {
    /// What is usual.
    pub const FIVE: Self = Self(5);

    /// A number of folds from 2 to 50; `None` for any other.
    #[must_use]
    pub fn new(folds: u8) -> Option<Self> {
        (2..=50).contains(&folds).then_some(Self(folds))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// How training rows judge forests in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldRule {
    /// How rows are dealt.
    pub kind: FoldKind,
    /// How often they are.
    pub folds: FoldCount,
}

/// One fold: which rows judge it, and which it is grown from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldSplit {
    judged: Block,
    only_before: bool,
}

impl FoldSplit {
    /// Whether the forest of this fold is grown from rows of a block.
    #[must_use]
    #[inline]
    pub fn sees(self, block: Block) -> bool {
        if self.only_before { block < self.judged } else { block != self.judged }
    }

    /// Whether rows of a block judge it.
    #[must_use]
    #[inline]
    pub fn is_judged_by(self, block: Block) -> bool {
        block == self.judged
    }
}

impl FoldRule {
    /// All folds, in order.
    #[must_use]
    pub fn splits(self) -> Vec<FoldSplit> {
        let only_before = self.kind == FoldKind::Forward;
        let first = u8::from(only_before);
        (first..first + self.folds.0).map(|block| FoldSplit { judged: Block(block), only_before }).collect()
    }

    fn blocks(self) -> u8 {
        self.folds.0 + u8::from(self.kind == FoldKind::Forward)
    }
}

/// The block of each row. `counts` are the rows of all workers on each day that has training rows.
#[must_use]
pub fn blocks(rows: &LabelledRows, keys: &[RowKey], counts: &DayCounts, rule: FoldRule, seed: Seed) -> Vec<Block> {
    let by_chance = |part: u64| Block(scaled(seed.draw(Purpose::Fold, [part]), rule.blocks()));
    let stretches = if rule.kind == FoldKind::Forward { stretches(counts, rule.blocks()) } else { BTreeMap::new() };
    let last = Block(rule.blocks() - 1);
    let of_days: Vec<Block> = match rule.kind {
        FoldKind::Random => Vec::new(),
        FoldKind::Days => rows.days.values().iter().map(|day| by_chance(day.0 as u64)).collect(),
        // A day without training rows has no stretch, and nobody looks at the block of its rows.
        FoldKind::Forward => rows.days.values().iter().map(|day| *stretches.get(day).unwrap_or(&last)).collect(),
    };
    let mut blocks = Vec::with_capacity(rows.len());
    let block = |row: usize, code: Code| match rule.kind {
        FoldKind::Random => by_chance(keys[row].0),
        FoldKind::Days | FoldKind::Forward => of_days[code.index()],
    };
    rows.days.codes().for_each(|row, code| blocks.push(block(row, code)));
    blocks
}

/// A uniform number as one of `0..limit`.
fn scaled(draw: u64, limit: u8) -> u8 {
    ((u128::from(draw) * u128::from(limit)) >> 64) as u8
}

/// Days in their order, cut into stretches of about as many rows: a day belongs where its middle row lies.
fn stretches<D: Ord + Copy>(counts: &BTreeMap<D, u64>, blocks: u8) -> BTreeMap<D, Block> {
    let all: u64 = counts.values().sum();
    let mut before = 0;
    let stretch = |(day, rows): (&D, &u64)| {
        let twice_the_middle = u128::from(2 * before + rows);
        before += rows;
        let block = twice_the_middle * u128::from(blocks) / u128::from(2 * all).max(1);
        (*day, Block((block as u8).min(blocks - 1)))
    };
    counts.iter().map(stretch).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(kind: FoldKind, folds: u8) -> FoldRule {
        FoldRule { kind, folds: FoldCount::new(folds).unwrap() }
    }

    #[test]
    fn every_block_judges_once_and_a_fold_that_rolls_forward_knows_no_later_day() {
        for kind in [FoldKind::Random, FoldKind::Days, FoldKind::Forward] {
            let rule = rule(kind, 4);
            let splits = rule.splits();
            assert_eq!(splits.len(), 4);
            for block in (0..rule.blocks()).map(Block) {
                let judging: Vec<_> = splits.iter().filter(|split| split.is_judged_by(block)).collect();
                assert_eq!(judging.len(), usize::from(kind != FoldKind::Forward || block > Block(0)), "{block:?}");
                assert!(judging.iter().all(|split| !split.sees(block)), "{block:?} judges what it grew");
            }
            if kind == FoldKind::Forward {
                let seen: Vec<u8> = (0..5).filter(|block| splits[1].sees(Block(*block))).collect();
                assert_eq!(seen, [0, 1]);
            }
        }
    }

    proptest! {
        #[test]
        fn stretches_follow_the_days_and_hold_about_as_many_rows(
            counts in prop::collection::btree_map(0_i32..5000, 0_u64..1000, 1..400), blocks in 2_u8..9,
        ) {
            let stretches = stretches(&counts, blocks);
            prop_assert!(stretches.values().is_sorted());
            let largest = counts.values().copied().max().unwrap();
            let all: u64 = counts.values().sum();
            for block in (0..blocks).map(Block) {
                let rows: u64 = counts.iter().filter(|(day, _)| stretches[day] == block).map(|(_, rows)| rows).sum();
                prop_assert!(rows.abs_diff(all / u64::from(blocks)) <= largest + 1, "{} of {}", rows, all);
            }
        }

        #[test]
        fn chance_reaches_every_block_alike(seed in any::<u64>(), blocks in 2_u8..9) {
            let mut rows = vec![0_u32; usize::from(blocks)];
            for row in 0..9000 {
                rows[usize::from(scaled(Seed(seed).draw(Purpose::Fold, [row]), blocks))] += 1;
            }
            let fair = 9000 / u32::from(blocks);
            prop_assert!(rows.iter().all(|rows| rows.abs_diff(fair) < 400), "{:?}", rows);
        }
    }
}
