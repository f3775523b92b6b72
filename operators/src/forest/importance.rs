//! How much each feature contributes to a forest.

use super::Forest;

/// The share of each of `features` in the decrease of impurity over all splits; they sum to 1 unless nothing is split.
///
/// Breiman's "mean decrease impurity" (2001); gains are in rows, so a large node counts for more. Summed in the order
/// of trees and nodes. Favours features with many values: read it as a hint, not as a cause.
#[must_use]
pub fn importances(forest: &Forest, features: usize) -> Vec<f64> {
    let mut gains = vec![0.0; features];
    for split in forest.trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| node.split.as_deref()) {
        gains[split.feature.index()] += split.gain;
    }
    let total: f64 = gains.iter().sum();
    if total > 0.0 {
        gains.iter_mut().for_each(|gain| *gain /= total);
    }
    gains
}
