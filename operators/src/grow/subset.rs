//! Which features compete at a node.

use crate::forest::{NodeIndex, TreeIndex};
use crate::identity::{Purpose, Seed};
use crate::space::FeatureIndex;

/// `count` of `features` features, ascending by index.
///
/// Consecutive trees share a shuffled deck at each place of a node and are dealt their features from it in turn: every
/// subset is as likely as any other, but within a round of the deck no feature comes twice. A small forest therefore
/// asks its strongest feature about as often as a large one does.
#[must_use]
pub fn feature_subset(seed: Seed, tree: TreeIndex, node: NodeIndex, features: u16, count: usize) -> Vec<FeatureIndex> {
    let hands = (usize::from(features) / count).max(1) as u32;
    let (deck, hand) = (u64::from(tree.0 / hands), (tree.0 % hands) as usize);
    let hash = |feature: u16| seed.draw(Purpose::FeatureSubset, [deck, node.0, u64::from(feature)]);
    let mut shuffled: Vec<(u64, u16)> = (0..features).map(|feature| (hash(feature), feature)).collect();
    shuffled.sort_unstable();
    let mut subset: Vec<FeatureIndex> =
        shuffled.into_iter().skip(hand * count).take(count).map(|(_, feature)| FeatureIndex(feature)).collect();
    subset.sort_unstable();
    subset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_gets_its_turn() {
        let mut seen = [0; 9];
        for node in 1..3000 {
            let subset = feature_subset(Seed(1), TreeIndex(0), NodeIndex(node), 9, 3);
            assert_eq!(subset.len(), 3);
            assert!(subset.is_sorted());
            subset.iter().for_each(|feature| seen[feature.index()] += 1);
        }
        assert!(seen.iter().all(|turns| (850..1150).contains(turns)), "{seen:?}");
    }

    #[test]
    fn trees_that_share_a_deck_ask_different_features() {
        let mut dealt: Vec<FeatureIndex> =
            (6..9).flat_map(|tree| feature_subset(Seed(1), TreeIndex(tree), NodeIndex::ROOT, 9, 3)).collect();
        dealt.sort_unstable();
        assert_eq!(dealt, (0..9).map(FeatureIndex).collect::<Vec<_>>());
        assert_eq!(feature_subset(Seed(1), TreeIndex(5), NodeIndex(9), 4, 4).len(), 4);
        assert_eq!(feature_subset(Seed(1), TreeIndex(5), NodeIndex(9), 5, 3).len(), 3);
    }
}
