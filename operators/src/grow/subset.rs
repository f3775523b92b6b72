//! Which features compete at a node.

use super::tasks::Tasks;
use crate::forest::{ForestParams, NodeIndex, TreeIndex};
use crate::identity::{Purpose, Seed};
use crate::space::FeatureIndex;

/// Deals features to nodes.
///
/// Consecutive trees share a shuffled deck at each place of a node and are dealt their features from it in turn: every
/// subset is as likely as any other, but within a round of the deck no feature comes twice. A small forest therefore
/// asks its strongest feature about as often as a large one does.
#[derive(Debug)]
pub struct FeatureDealer {
    seed: Seed,
    features: u16,
    count: usize,
    deck: Vec<(u64, FeatureIndex)>,
    dealt: Vec<FeatureIndex>,
}

impl FeatureDealer {
    /// A dealer for a forest with these parameters over `features` features.
    #[must_use]
    pub fn new(params: &ForestParams, features: u16) -> Self {
        let count = params.features_per_node.count(usize::from(features));
        Self { seed: params.seed, features, count, deck: Vec::new(), dealt: Vec::new() }
    }

    /// A dealer for each of some forests.
    pub(super) fn of_tasks(tasks: &Tasks, features: u16) -> Vec<Self> {
        tasks.forests().iter().map(|task| Self::new(&task.params, features)).collect()
    }

    /// The features that compete at a node, ascending.
    pub fn deal(&mut self, tree: TreeIndex, node: NodeIndex) -> &[FeatureIndex] {
        let hands = (usize::from(self.features) / self.count).max(1) as u32;
        let (deck, hand) = (u64::from(tree.0 / hands), (tree.0 % hands) as usize);
        let hash = |feature: u16| self.seed.draw(Purpose::FeatureSubset, [deck, node.0, u64::from(feature)]);
        self.deck.clear();
        self.deck.extend((0..self.features).map(|feature| (hash(feature), FeatureIndex(feature))));
        self.deck.sort_unstable();
        self.dealt.clear();
        self.dealt.extend(self.deck[hand * self.count..][..self.count].iter().map(|(_, feature)| *feature));
        self.dealt.sort_unstable();
        &self.dealt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forest::{FeatureSubset, Impurity, Smoothing};
    use crate::space::BinLimit;

    fn dealer(features: u16, count: u16) -> FeatureDealer {
        let params = ForestParams {
            trees: 1,
            depth: 1,
            features_per_node: FeatureSubset::Count(count),
            impurity: Impurity::Gini,
            min_rows: 1,
            bagging: true,
            smoothing: Smoothing(0.0),
            bins: BinLimit::default(),
            seed: Seed(1),
        };
        FeatureDealer::new(&params, features)
    }

    #[test]
    fn every_feature_gets_its_turn() {
        let mut seen = [0; 9];
        let mut dealer = dealer(9, 3);
        for node in 1..3000 {
            let subset = dealer.deal(TreeIndex(0), NodeIndex(node));
            assert_eq!(subset.len(), 3);
            assert!(subset.is_sorted());
            subset.iter().for_each(|feature| seen[feature.index()] += 1);
        }
        assert!(seen.iter().all(|turns| (850..1150).contains(turns)), "{seen:?}");
    }

    #[test]
    fn trees_that_share_a_deck_ask_different_features() {
        let mut three_of_nine = dealer(9, 3);
        let mut dealt: Vec<FeatureIndex> =
            (6..9).flat_map(|tree| three_of_nine.deal(TreeIndex(tree), NodeIndex::ROOT).to_vec()).collect();
        dealt.sort_unstable();
        assert_eq!(dealt, (0..9).map(FeatureIndex).collect::<Vec<_>>());
        assert_eq!(dealer(4, 4).deal(TreeIndex(5), NodeIndex(9)).len(), 4);
        assert_eq!(dealer(5, 3).deal(TreeIndex(5), NodeIndex(9)).len(), 3);
    }
}
