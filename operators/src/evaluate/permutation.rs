//! How much worse a forest is when one feature says nothing: its values are shuffled among the rows that judge.
//!
//! Unlike the decrease of impurity this does not favour features with many values, and it is about rows that the trees
//! have not seen: out-of-bag rows where there is bagging, else held-out ones (Breiman, "Random Forests", 2001, section
//! 10). A few thousand rows tell it; they come to one worker, which puts them into the order of their keys and shuffles
//! each feature by hashes, so the figures do not depend on who held which row. Features that say the same share the
//! loss: the importance of each of two copies is small.

use serde::{Deserialize, Serialize};

use super::Tally;
use super::out_of_bag::{add_out_of_bag, choose};
use crate::forest::{FlatForest, ForestParams};
use crate::identity::{Purpose, RowKey};
use crate::space::{Bin, FeatureIndex};
use crate::table::{BinColumn, BinnedRows, Class};

/// Rows that stand for all, about.
const ENOUGH_ROWS: u64 = 1 << 14;

/// A row on its way to the worker that shuffles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SampledRow {
    key: RowKey,
    class: Class,
    bins: Box<[Bin]>,
}

/// The rows of this worker that stand for all; `rows_everywhere` is the number of such rows of all workers.
#[must_use]
pub fn sample(rows: &BinnedRows, rows_everywhere: u64, params: &ForestParams) -> Vec<SampledRow> {
    let sampled = |row: usize| SampledRow {
        key: rows.keys[row],
        class: rows.classes[row],
        bins: rows.columns.iter().map(|column| column.get(row)).collect(),
    };
    choose(rows, rows_everywhere, ENOUGH_ROWS, Purpose::Permutation, params.seed).into_iter().map(sampled).collect()
}

/// How a forest judges the sampled rows as they are, and with the values of one feature shuffled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permuted {
    /// As they are.
    pub as_they_are: Tally,
    /// With each feature in turn shuffled, in schema order.
    pub shuffled: Vec<Tally>,
}

/// Shuffles the sampled rows of all workers, which come in any order.
#[must_use]
pub fn permute(forest: &FlatForest, mut rows: Vec<SampledRow>, features: u16, params: &ForestParams) -> Permuted {
    rows.sort_unstable();
    let mut table = BinnedRows {
        columns: (0..usize::from(features))
            .map(|f| BinColumn::Wide(rows.iter().map(|row| row.bins[f]).collect()))
            .collect(),
        classes: rows.iter().map(|row| row.class).collect(),
        keys: rows.iter().map(|row| row.key).collect(),
        blocks: Vec::new(),
    };
    let judge = |table: &BinnedRows| {
        let mut tally = Tally::empty(forest.classes() as u8);
        if params.bagging {
            add_out_of_bag(&mut tally, forest, table, params);
        } else {
            tally.merge(&Tally::of(forest, table, |_| ()));
        }
        tally
    };
    let as_they_are = judge(&table);
    let shuffled = (0..features).map(FeatureIndex).map(|feature| {
        let shuffled = shuffled(&table, feature, params);
        let own = std::mem::replace(&mut table.columns[feature.index()], shuffled);
        let tally = judge(&table);
        table.columns[feature.index()] = own;
        tally
    });
    let shuffled = shuffled.collect();
    Permuted { as_they_are, shuffled }
}

/// The values of a feature in an order of hashes: each row has that of another, or its own by chance.
fn shuffled(table: &BinnedRows, feature: FeatureIndex, params: &ForestParams) -> BinColumn {
    let place = |key: &RowKey| params.seed.draw(Purpose::Permutation, [key.0, u64::from(feature.0)]);
    let mut order: Vec<(u64, usize)> = table.keys.iter().map(place).zip(0..).collect();
    order.sort_unstable();
    let column = &table.columns[feature.index()];
    BinColumn::Wide(order.into_iter().map(|(_, row)| column.get(row)).collect())
}
