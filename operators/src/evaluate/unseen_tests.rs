//! Out-of-bag judging against plain loops, and shuffling that must find out which feature matters.

use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::forest::{FeatureSubset, FlatForest, Forest, ForestParams, Impurity, Smoothing, TreeIndex};
use crate::grow::{Crew, Layout, LocalGrower, bagging_weight, grow_alone};
use crate::identity::{Purpose, RowKey, Seed};
use crate::space::{Bin, BinLimit, FeatureBins, FeatureSpace};
use crate::table::{BinColumn, BinnedRows, Class};

fn params(seed: u64, bagging: bool) -> ForestParams {
    ForestParams {
        trees: 6,
        depth: 4,
        features_per_node: FeatureSubset::All,
        impurity: Impurity::Gini,
        min_rows: 1,
        bagging,
        smoothing: Smoothing(1.0),
        bins: BinLimit::default(),
        seed: Seed(seed),
    }
}

/// The class is the first feature's parity, most of the time; the second feature is noise.
fn rows(count: u64) -> BinnedRows {
    let draw = |row: u64, part: u64| Seed(9).draw(Purpose::Golden, [row, part]);
    let column = |part| (0..count).map(|row| (draw(row, part) % 8) as Bin).collect::<Vec<Bin>>();
    let telling = column(1);
    let class = |(row, bin): (u64, &Bin)| Class(((u64::from(*bin) + u64::from(draw(row, 3) % 10 == 0)) % 2) as u8);
    BinnedRows {
        classes: (0..).zip(&telling).map(class).collect(),
        columns: vec![BinColumn::Wide(telling), BinColumn::Wide(column(2))],
        keys: (0..count).map(|row| RowKey(draw(row, 4))).collect(),
    }
}

fn grown(rows: &BinnedRows, params: &ForestParams) -> Forest {
    let space = FeatureSpace { features: vec![FeatureBins::Numeric { cuts: (1..8).map(i32::into).collect() }; 2] };
    let (layout, params) = (Rc::new(Layout::new(&space, 2)), Rc::new(params.clone()));
    let crew = Crew { worker: 0, workers: 1, rows: rows.len() as u64 };
    let grower = LocalGrower::new(Rc::new(rows.clone()), Rc::clone(&layout), Rc::clone(&params), crew);
    grow_alone(grower, &layout, &params).0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_row_is_judged_by_the_trees_that_do_not_know_it(seed in any::<u64>(), count in 1_u64..300) {
        let (rows, params) = (rows(count), params(seed, true));
        let forest = grown(&rows, &params);
        let mut expected = Tally::empty(2);
        for (row, key) in rows.keys.iter().enumerate() {
            let unknown = |tree: &u32| bagging_weight(params.seed, TreeIndex(*tree), *key) == 0;
            let trees: Vec<_> = (0..params.trees).filter(unknown).map(|tree| forest.trees[tree as usize].clone()).collect();
            if !trees.is_empty() {
                let few = FlatForest::new(&Forest { classes: 2, trees }, params.smoothing);
                expected.add(rows.classes[row], &few.probabilities(&rows.columns, row..row + 1));
            }
        }
        let flat = FlatForest::new(&forest, params.smoothing);
        prop_assert_eq!(out_of_bag(&flat, &rows, count, &params), expected);
    }

    #[test]
    fn the_order_in_which_sampled_rows_come_changes_nothing(seed in any::<u64>(), cut in 0_usize..200) {
        let (rows, params) = (rows(200), params(seed, true));
        let flat = FlatForest::new(&grown(&rows, &params), params.smoothing);
        let sampled = sample(&rows, 200, &params);
        let mut turned = sampled.clone();
        turned.rotate_left(cut);
        prop_assert_eq!(permute(&flat, turned, 2, &params), permute(&flat, sampled, 2, &params));
    }
}

#[test]
fn only_the_feature_that_tells_something_is_missed() {
    for bagging in [true, false] {
        let (rows, params) = (rows(2000), params(5, bagging));
        let flat = FlatForest::new(&grown(&rows, &params), params.smoothing);
        let permuted = permute(&flat, sample(&rows, 2000, &params), 2, &params);
        let loss = |tally: &Tally| tally.log_loss_micros as f64 / tally.rows() as f64;
        let [telling, noise] = [0, 1].map(|f| loss(&permuted.shuffled[f]) - loss(&permuted.as_they_are));
        assert!(telling > 0.2e6 && noise.abs() < 0.1e6, "bagging {bagging}: {telling} and {noise} millionths");
    }
}

#[test]
fn rows_without_keys_are_not_sampled() {
    let mut rows = rows(50);
    rows.keys.clear();
    assert!(sample(&rows, 50, &params(1, false)).is_empty());
}
