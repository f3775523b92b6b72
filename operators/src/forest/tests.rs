//! The flat forest against a plain walk through the trees as they are.

use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::identity::{Purpose, Seed};
use crate::space::{Bin, FeatureIndex};
use crate::table::BinColumn;

/// Bins of a random feature: of one, few, a word's, a byte's, and more than a byte's.
const BINS: [u64; 6] = [1, 2, 64, 65, 256, 700];

/// The same numbers for the same seed.
struct Dice(Seed, u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.1 += 1;
        self.0.draw(Purpose::Bagging, [self.1]) % limit
    }
}

/// A forest, and rows to ask it for, some of them in bins that no rule names.
#[derive(Debug)]
struct Case {
    forest: Forest,
    columns: Vec<BinColumn>,
    rows: usize,
    smoothing: Smoothing,
}

impl Case {
    fn random(seed: u64) -> Self {
        let dice = &mut Dice(Seed(seed), 0);
        let features: Vec<u64> = (0..1 + dice.below(7)).map(|_| BINS[dice.below(6) as usize]).collect();
        let classes = 1 + dice.below(9) as u8;
        let trees = (0..1 + dice.below(11)).map(|_| tree(dice, &features, usize::from(classes))).collect();
        let rows = 1 + dice.below(90) as usize;
        let columns = features.iter().map(|bins| column(dice, *bins, rows)).collect();
        Self { forest: Forest { classes, trees }, columns, rows, smoothing: Smoothing(dice.below(3) as f64 / 2.0) }
    }

    fn flat(&self) -> FlatForest {
        FlatForest::new(&self.forest, self.smoothing)
    }

    /// Row by row, tree by tree, node by node.
    fn walked(&self, rows: Range<usize>) -> Vec<u64> {
        let of_row = |row| {
            let mut sums = vec![0.0; usize::from(self.forest.classes)];
            for tree in &self.forest.trees {
                let place = self.leaf(tree, row);
                let shares = &tree.class_shares(self.smoothing)[place];
                sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
            }
            sums.into_iter().map(|sum: f64| (sum / self.forest.trees.len() as f64).to_bits())
        };
        rows.flat_map(of_row).collect()
    }

    fn leaf(&self, tree: &Tree, row: usize) -> usize {
        let mut index = NodeIndex::ROOT;
        loop {
            let place = tree.nodes.iter().position(|node| node.index == index).unwrap();
            let Some(split) = &tree.nodes[place].split else { return place };
            let bin = self.columns[split.feature.index()].get(row);
            index = if split.rule.goes_left(bin) { index.left() } else { index.right() };
        }
    }
}

/// A tree of any shape: a lone root, one long branch, or deeper than a crown in some places only.
fn tree(dice: &mut Dice, features: &[u64], classes: usize) -> Tree {
    let (mut open, mut nodes) = (vec![NodeIndex::ROOT], Vec::new());
    let (deepest, splits) = (dice.below(10) as u8, 1 + dice.below(8));
    while !open.is_empty() {
        let mut next = Vec::new();
        for index in open {
            let splits_on = index.depth() < deepest && dice.below(8) < splits && nodes.len() < 300;
            if splits_on {
                next.extend([index.left(), index.right()]);
            }
            let counts = ClassCounts((0..classes).map(|_| dice.below(20)).collect());
            let split = splits_on.then(|| Box::new(split(dice, features)));
            nodes.push(Node { index, counts, split });
        }
        open = next;
    }
    Tree { nodes }
}

fn split(dice: &mut Dice, features: &[u64]) -> Split {
    let feature = dice.below(features.len() as u64) as usize;
    let bins = features[feature];
    let rule = if dice.below(2) == 0 {
        Rule::AtMost(dice.below(bins) as Bin)
    } else {
        // Sometimes of fewer words than there are bins.
        let limit = 1 + dice.below(bins);
        let chosen: Vec<Bin> = (0..limit as Bin).filter(|_| dice.below(2) == 0).collect();
        Rule::In(BinSet::of(chosen, limit as usize))
    };
    Split { feature: FeatureIndex(feature as u16), rule, gain: 1.0 }
}

fn column(dice: &mut Dice, bins: u64, rows: usize) -> BinColumn {
    // The last bin stands for what was never seen.
    let bin = |dice: &mut Dice| if dice.below(5) == 0 { bins - 1 } else { dice.below(bins) };
    if bins <= 256 {
        BinColumn::Narrow((0..rows).map(|_| bin(dice) as u8).collect())
    } else {
        BinColumn::Wide((0..rows).map(|_| bin(dice) as Bin).collect())
    }
}

fn bits(probabilities: Vec<f64>) -> Vec<u64> {
    probabilities.into_iter().map(f64::to_bits).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_flat_forest_answers_as_its_trees_do(seed: u64) {
        let case = Case::random(seed);
        prop_assert_eq!(bits(case.flat().probabilities(&case.columns, 0..case.rows)), case.walked(0..case.rows));
    }

    #[test]
    fn blocks_of_any_size_give_the_same_bits(seed: u64, rows_of_a_block in 1_usize..40) {
        let case = Case::random(seed);
        let (flat, mut block, mut answers) = (case.flat(), BinBlock::default(), Vec::new());
        for start in (0..case.rows).step_by(rows_of_a_block) {
            block.take(&case.columns, start..case.rows.min(start + rows_of_a_block));
            answers.extend(bits(flat.of_block(&block)));
        }
        prop_assert_eq!(answers, case.walked(0..case.rows));
    }

    #[test]
    fn a_block_that_is_filled_value_by_value_is_that_of_columns(seed: u64) {
        let case = Case::random(seed);
        let mut by_value = BinBlock::new(case.columns.len(), case.rows);
        for (column, feature) in case.columns.iter().zip(0..) {
            by_value.feature_mut(feature).iter_mut().enumerate().for_each(|(row, bin)| *bin = column.get(row));
        }
        let mut by_columns = BinBlock::default();
        by_columns.take(&case.columns, 0..case.rows);
        prop_assert_eq!(by_value, by_columns);
    }
}

#[test]
fn more_rows_than_a_block_has_are_answered_in_order() {
    let deep = (0..).map(Case::random).find(|case| case.forest.trees.iter().any(|tree| tree.nodes.len() > 100));
    let mut case = deep.unwrap();
    let at_once = case.flat().rows_at_once();
    let (once, often) = (case.rows, at_once + 7);
    let repeated = |column: &BinColumn| BinColumn::Wide((0..often).map(|row| column.get(row % once)).collect());
    let expected = case.walked(0..once);
    case.columns = case.columns.iter().map(repeated).collect();
    let answers = bits(case.flat().probabilities(&case.columns, 3..often));
    let of_row = usize::from(case.forest.classes);
    let expected: Vec<u64> = (3..often).flat_map(|row| &expected[row % once * of_row..][..of_row]).copied().collect();
    assert_eq!(answers, expected);
}
