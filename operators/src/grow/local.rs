//! One worker's part in growing: its rows of every node, counted, and sent down as the owners decide.
//!
//! Trees grow in groups that bound the memory: a group needs 5 bytes a row and tree. All workers hold equal lists of
//! open nodes, because all apply the same decisions; a worker without rows in a node says nothing about it.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::bagging::bagging_weight;
use super::histogram::{CellCounter, NodeHistogram, WeightedRows};
use super::split::Layout;
use super::subset::feature_subset;
use crate::forest::{ClassCounts, Forest, ForestParams, Node, NodeIndex, Rule, Split, Tree, TreeIndex};
use crate::table::{BinColumn, BinnedRows};

/// Rows times trees that grow at once, over all workers.
const ROW_TREES_AT_ONCE: u64 = 6_000_000;

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

/// A worker's state while a forest grows.
#[derive(Debug)]
pub struct LocalGrower {
    data: Rc<BinnedRows>,
    layout: Rc<Layout>,
    params: Rc<ForestParams>,
    trees_at_once: u32,
    growing: Vec<GrowingTree>,
    grown: Vec<Tree>,
    counter: CellCounter,
}

#[derive(Debug)]
struct GrowingTree {
    index: TreeIndex,
    rows: Vec<u32>,
    weights: Vec<u8>,
    open: Vec<OpenNode>,
    nodes: Vec<Node>,
}

/// A node that awaits its decision, with the place of its rows in those of the tree.
#[derive(Debug)]
struct OpenNode {
    index: NodeIndex,
    rows: std::ops::Range<usize>,
}

impl LocalGrower {
    /// A grower over this worker's rows. `rows_everywhere` is the number of rows of all workers, the same on each.
    #[must_use]
    pub fn new(data: Rc<BinnedRows>, layout: Rc<Layout>, params: Rc<ForestParams>, rows_everywhere: u64) -> Self {
        let trees_at_once = (ROW_TREES_AT_ONCE / rows_everywhere.max(1)).clamp(1, u64::from(params.trees)) as u32;
        Self { data, layout, params, trees_at_once, growing: vec![], grown: vec![], counter: CellCounter::default() }
    }

    /// Levels of all trees together: the work units of [`LocalGrower::decide`].
    #[must_use]
    pub fn levels(params: &ForestParams) -> u64 {
        u64::from(params.trees) * (u64::from(params.depth) + 1)
    }

    /// Gives `say` this worker's histogram of every open node. `false` when the forest is grown.
    pub fn count(&mut self, mut say: impl FnMut(NodeHistogram)) -> bool {
        if self.growing.is_empty() {
            self.start_group();
        }
        let features = self.layout.features();
        let competing = self.params.features_per_node.count(usize::from(features));
        for tree in &self.growing {
            for open in tree.open.iter().filter(|open| !open.rows.is_empty()) {
                let subset = feature_subset(self.params.seed, tree.index, open.index, features, competing);
                let rows =
                    WeightedRows { rows: &tree.rows[open.rows.clone()], weights: &tree.weights[open.rows.clone()] };
                let cells = self.counter.count(&self.data, &self.layout, &subset, rows);
                say(NodeHistogram { tree: tree.index, node: open.index, cells });
            }
        }
        !self.growing.is_empty()
    }

    /// Applies the owners' decisions on all open nodes, in any order; returns how many levels that settles.
    pub fn decide(&mut self, mut decisions: Vec<Decision>) -> u64 {
        decisions.sort_unstable_by_key(|decision| (decision.tree, decision.node));
        let mut decisions = decisions.into_iter().peekable();
        let mut levels = 0;
        for tree in &mut self.growing {
            let level = tree.open.first().map_or(0, |open| open.index.depth());
            for open in std::mem::take(&mut tree.open) {
                let decision = decisions.next_if(|decision| (decision.tree, decision.node) == (tree.index, open.index));
                match decision {
                    Some(decision) => tree.settle(open, decision, &self.data, &self.params),
                    None => tree.nodes.push(Node { index: open.index, counts: empty(&self.layout), split: None }),
                }
            }
            levels += if tree.open.is_empty() { u64::from(self.params.depth - level) + 1 } else { 1 };
        }
        if self.growing.iter().all(|tree| tree.open.is_empty()) {
            self.grown.extend(self.growing.drain(..).map(GrowingTree::finish));
        }
        levels
    }

    /// The grown forest.
    #[must_use]
    pub fn finish(self) -> Forest {
        Forest { classes: self.layout.classes() as u8, trees: self.grown }
    }

    fn start_group(&mut self) {
        let first = self.grown.len() as u32;
        let end = self.params.trees.min(first + self.trees_at_once);
        self.growing = (first..end).map(|tree| GrowingTree::plant(TreeIndex(tree), &self.data, &self.params)).collect();
    }
}

impl GrowingTree {
    fn plant(index: TreeIndex, data: &BinnedRows, params: &ForestParams) -> Self {
        let weight = |row: usize| if params.bagging { bagging_weight(params.seed, index, data.keys[row]) } else { 1 };
        let (rows, weights): (Vec<u32>, Vec<u8>) =
            (0..data.len()).map(|row| (row as u32, weight(row))).filter(|(_, weight)| *weight > 0).unzip();
        let root = OpenNode { index: NodeIndex::ROOT, rows: 0..rows.len() };
        Self { index, rows, weights, open: vec![root], nodes: vec![] }
    }

    /// Makes an open node a leaf, or splits it and opens those of its children that may split again.
    fn settle(&mut self, open: OpenNode, decision: Decision, data: &BinnedRows, params: &ForestParams) {
        let Some((split, left)) = decision.split else {
            self.nodes.push(Node { index: open.index, counts: decision.counts, split: None });
            return;
        };
        let middle = self.partition(open.rows.clone(), &data.columns[split.feature.index()], &split.rule);
        let right = decision.counts.without(&left);
        let children =
            [(open.index.left(), left, open.rows.start..middle), (open.index.right(), right, middle..open.rows.end)];
        for (index, counts, rows) in children {
            if may_split(index, &counts, params) {
                self.open.push(OpenNode { index, rows });
            } else {
                self.nodes.push(Node { index, counts, split: None });
            }
        }
        self.nodes.push(Node { index: open.index, counts: decision.counts, split: Some(Box::new(split)) });
    }

    /// Moves the rows that go left before the others, each part in its old order; returns where the right part begins.
    fn partition(&mut self, range: std::ops::Range<usize>, column: &BinColumn, rule: &Rule) -> usize {
        let mut right: Vec<(u32, u8)> = Vec::new();
        let mut middle = range.start;
        for place in range {
            let (row, weight) = (self.rows[place], self.weights[place]);
            if rule.goes_left(column.get(row as usize)) {
                self.rows[middle] = row;
                self.weights[middle] = weight;
                middle += 1;
            } else {
                right.push((row, weight));
            }
        }
        for (place, (row, weight)) in (middle..).zip(right) {
            self.rows[place] = row;
            self.weights[place] = weight;
        }
        middle
    }

    fn finish(mut self) -> Tree {
        self.nodes.sort_unstable_by_key(|node| node.index);
        Tree { nodes: self.nodes }
    }
}

/// The counts of a node of which no worker has a row: the bag of a tiny table may come out empty.
fn empty(layout: &Layout) -> ClassCounts {
    ClassCounts::zero(layout.classes())
}

/// Whether a node may be split at all: the same question for a worker that opens it and for an owner that decides.
pub(super) fn may_split(node: NodeIndex, counts: &ClassCounts, params: &ForestParams) -> bool {
    node.depth() < params.depth && !counts.is_pure() && counts.total() >= 2 * u64::from(params.min_rows)
}
