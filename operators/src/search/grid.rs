//! The candidates of a search: all combinations of some values, or as many of them drawn by chance.

use crate::forest::{FeatureSubset, ForestParams, Smoothing};
use crate::identity::{Purpose, Seed};

/// The values that a search tries; of a parameter without any, that of the base.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// Numbers of trees.
    pub trees: Vec<u32>,
    /// Largest depths.
    pub depth: Vec<u8>,
    /// Features that compete at a node.
    pub features_per_node: Vec<FeatureSubset>,
    /// Smallest numbers of rows in a child.
    pub min_rows: Vec<u32>,
    /// Rows' worth of trust in the parent.
    pub smoothing: Vec<Smoothing>,
}

impl Grid {
    /// Number of combinations.
    #[must_use]
    pub fn len(&self) -> usize {
        let values = [
            self.trees.len(),
            self.depth.len(),
            self.features_per_node.len(),
            self.min_rows.len(),
            self.smoothing.len(),
        ];
        values.into_iter().fold(1, |all: usize, values| all.saturating_mul(values.max(1)))
    }

    /// Whether there is nothing but the base.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All combinations with the other parameters of `base`, in the order of the values, the last of them fastest.
    #[must_use]
    pub fn candidates(&self, base: &ForestParams) -> Vec<ForestParams> {
        let mut all = vec![base.clone()];
        all = varied(&all, &self.features_per_node, |params, value| params.features_per_node = *value);
        all = varied(&all, &self.min_rows, |params, value| params.min_rows = *value);
        all = varied(&all, &self.smoothing, |params, value| params.smoothing = *value);
        all = varied(&all, &self.depth, |params, value| params.depth = *value);
        varied(&all, &self.trees, |params, value| params.trees = *value)
    }

    /// At most `count` of the combinations, each set of so many as likely as any other; in the same order.
    #[must_use]
    pub fn draw(&self, base: &ForestParams, count: usize, seed: Seed) -> Vec<ForestParams> {
        let all = self.candidates(base);
        let mut by_chance: Vec<usize> = (0..all.len()).collect();
        by_chance.sort_by_key(|place| (seed.draw(Purpose::Search, [*place as u64]), *place));
        let mut drawn = by_chance[..count.min(all.len())].to_vec();
        drawn.sort_unstable();
        drawn.into_iter().map(|place| all[place].clone()).collect()
    }
}

/// Each of `all` with each of the values, or as it is when there is no value.
fn varied<V>(all: &[ForestParams], values: &[V], set: impl Fn(&mut ForestParams, &V)) -> Vec<ForestParams> {
    if values.is_empty() {
        return all.to_vec();
    }
    let with = |params: &ForestParams, value: &V| {
        let mut params = params.clone();
        set(&mut params, value);
        params
    };
    all.iter().flat_map(|params| values.iter().map(move |value| with(params, value))).collect()
}
