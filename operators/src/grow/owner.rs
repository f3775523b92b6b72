//! The owner's part in growing: it adds up what all workers have of its nodes, and decides about each.

use serde::{Deserialize, Serialize};

use super::growing::may_split;
use super::histogram::HistogramBatch;
use super::layout::Layout;
use super::merge::{CellMerger, FilledBins};
use super::split::{BestSplit, class_counts};
use super::subset::FeatureDealer;
use crate::forest::{ClassCounts, ForestParams, NodeIndex, Split, TreeIndex};

/// What the owner of a node decided about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// The tree.
    pub tree: TreeIndex,
    /// The node.
    pub node: NodeIndex,
    /// Its rows over all workers.
    pub counts: ClassCounts,
    /// The split and the rows that it sends left; none makes the node a leaf.
    pub split: Option<(Split, ClassCounts)>,
}

/// Decides about nodes, with memory that it keeps between them.
#[derive(Debug)]
pub struct NodeOwner {
    layout: std::rc::Rc<Layout>,
    params: std::rc::Rc<ForestParams>,
    merger: CellMerger,
    dealer: FeatureDealer,
}

impl NodeOwner {
    /// An owner of nodes of a forest with these parameters.
    #[must_use]
    pub fn new(layout: std::rc::Rc<Layout>, params: std::rc::Rc<ForestParams>) -> Self {
        let merger = CellMerger::new(&layout);
        let dealer = FeatureDealer::new(&params, layout.features());
        Self { layout, params, merger, dealer }
    }

    /// Decides about all nodes of a round, of which `batches` have what every worker says, in any order.
    #[must_use]
    pub fn decide(&mut self, batches: &[HistogramBatch]) -> Vec<Decision> {
        match self.layout.classes() {
            ..=4 => self.decide_in::<4>(batches),
            5..=16 => self.decide_in::<16>(batches),
            _ => self.decide_in::<256>(batches),
        }
    }

    fn decide_in<const WIDTH: usize>(&mut self, batches: &[HistogramBatch]) -> Vec<Decision> {
        let mut parts: Vec<(TreeIndex, NodeIndex, &[u32])> =
            batches.iter().flat_map(HistogramBatch::histograms).collect();
        parts.sort_unstable_by_key(|(tree, node, _)| (*tree, *node));
        let mut filled = FilledBins::<WIDTH>::default();
        let mut of_node: Vec<&[u32]> = Vec::new();
        let mut decisions = Vec::new();
        for parts in parts.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            of_node.clear();
            of_node.extend(parts.iter().map(|(_, _, words)| *words));
            decisions.push(self.decide_node(parts[0].0, parts[0].1, &mut of_node, &mut filled));
        }
        decisions
    }

    fn decide_node<const WIDTH: usize>(
        &mut self,
        tree: TreeIndex,
        node: NodeIndex,
        parts: &mut [&[u32]],
        filled: &mut FilledBins<WIDTH>,
    ) -> Decision {
        let mut node_counts = [0.0; WIDTH];
        let mut best: Option<BestSplit<'_, WIDTH>> = None;
        for feature in self.dealer.deal(tree, node) {
            self.merger.merge(parts, self.layout.bins(*feature), filled);
            let best = best.get_or_insert_with(|| {
                node_counts = filled.total();
                BestSplit::of(node_counts, &self.layout, &self.params)
            });
            best.try_feature(*feature, filled);
        }
        let counts = class_counts(&node_counts, self.layout.classes());
        let split = best.filter(|_| may_split(node, &counts, &self.params)).and_then(BestSplit::finish);
        Decision { tree, node, counts, split }
    }
}
