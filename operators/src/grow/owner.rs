//! The owner's part in growing: it adds up what all workers have of its nodes, and decides about each.

use serde::{Deserialize, Serialize};

use super::growing::may_split;
use super::histogram::HistogramBatch;
use super::layout::Layout;
use super::merge::{CellMerger, FilledBins};
use super::split::{BestSplit, class_counts};
use super::subset::FeatureDealer;
use super::tasks::{QueuedTree, Tasks};
use crate::forest::{ClassCounts, NodeIndex, Split};

/// What the owner of a node decided about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// The tree.
    pub tree: QueuedTree,
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
    tasks: std::rc::Rc<Tasks>,
    merger: CellMerger,
    /// One for each forest.
    dealers: Vec<FeatureDealer>,
}

impl NodeOwner {
    /// An owner of nodes of these forests.
    #[must_use]
    pub fn new(layout: std::rc::Rc<Layout>, tasks: std::rc::Rc<Tasks>) -> Self {
        let merger = CellMerger::new(&layout);
        let dealers = FeatureDealer::of_tasks(&tasks, layout.features());
        Self { layout, tasks, merger, dealers }
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
        let mut parts: Vec<(QueuedTree, NodeIndex, &[u32])> =
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
        tree: QueuedTree,
        node: NodeIndex,
        parts: &mut [&[u32]],
        filled: &mut FilledBins<WIDTH>,
    ) -> Decision {
        let of_task = self.tasks.locate(tree);
        let params = &self.tasks.forests()[of_task.task].params;
        let mut node_counts = [0.0; WIDTH];
        let mut best: Option<BestSplit<'_, WIDTH>> = None;
        for feature in self.dealers[of_task.task].deal(of_task.tree, node) {
            self.merger.merge(parts, self.layout.bins(*feature), filled);
            let best = best.get_or_insert_with(|| {
                node_counts = filled.total();
                BestSplit::of(node_counts, &self.layout, params)
            });
            best.try_feature(*feature, filled);
        }
        let counts = class_counts(&node_counts, self.layout.classes());
        let split = best.filter(|_| may_split(node, &counts, params)).and_then(BestSplit::finish);
        Decision { tree, node, counts, split }
    }
}
