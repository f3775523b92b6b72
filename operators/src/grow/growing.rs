//! A tree while it grows: its settled nodes, its open ones, and this worker's rows of each.

use std::ops::Range;

use super::bag::{Bag, WeightedRow};
use super::owner::Decision;
use super::tasks::{QueuedTree, Tasks, TreeOfTask};
use crate::forest::{ClassCounts, ForestParams, Node, NodeIndex, Tree};
use crate::table::BinnedRows;

/// A tree that is not finished.
#[derive(Debug)]
pub(super) struct GrowingTree {
    queued: QueuedTree,
    of_task: TreeOfTask,
    bag: Bag,
    open: Vec<OpenNode>,
    nodes: Vec<Node>,
    bytes: u64,
}

/// A node that awaits its decision, with the place of its rows in the bag.
#[derive(Debug)]
pub(super) struct OpenNode {
    pub(super) index: NodeIndex,
    pub(super) rows: Range<usize>,
}

impl GrowingTree {
    /// A tree with an open root.
    pub(super) fn plant(queued: QueuedTree, data: &BinnedRows, tasks: &Tasks) -> Self {
        let of_task = tasks.locate(queued);
        let bag = Bag::draw(of_task.tree, data, &tasks.forests()[of_task.task]);
        let root = OpenNode { index: NodeIndex::ROOT, rows: 0..bag.len() };
        Self { queued, of_task, bag, open: vec![root], nodes: vec![], bytes: 0 }
    }

    /// Its place in the queue of all trees.
    pub(super) fn queued(&self) -> QueuedTree {
        self.queued
    }

    /// Its forest, and its number in it.
    pub(super) fn of_task(&self) -> TreeOfTask {
        self.of_task
    }

    /// Bytes of its settled nodes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The nodes that await a decision: ascending, all of one level.
    pub(super) fn open(&self) -> &[OpenNode] {
        &self.open
    }

    /// The same to be settled, with their level; those of the next are opened by [`GrowingTree::settle`].
    pub(super) fn take_open(&mut self) -> (u8, Vec<OpenNode>) {
        let level = self.open.first().map_or(0, |open| open.index.depth());
        (level, std::mem::take(&mut self.open))
    }

    pub(super) fn rows(&self, places: Range<usize>) -> &[WeightedRow] {
        self.bag.rows(places)
    }

    /// Makes an open node a leaf, or splits it and opens those of its children that may split again.
    pub(super) fn settle(
        &mut self,
        open: OpenNode,
        decision: Decision,
        data: &BinnedRows,
        params: &ForestParams,
        spare: &mut Vec<WeightedRow>,
    ) {
        let Some((split, left)) = decision.split else {
            self.keep(Node { index: open.index, counts: decision.counts, split: None });
            return;
        };
        let right = decision.counts.without(&left);
        let children = [(open.index.left(), left), (open.index.right(), right)];
        let may_split = children.each_ref().map(|(index, counts)| may_split(*index, counts, params));
        // Rows of leaves are not looked at again.
        let middle = if may_split == [false; 2] {
            open.rows.end
        } else {
            self.bag.partition(open.rows.clone(), &data.columns[split.feature.index()], &split.rule, spare)
        };
        let places = [open.rows.start..middle, middle..open.rows.end];
        for (((index, counts), may_split), rows) in children.into_iter().zip(may_split).zip(places) {
            if may_split {
                self.open.push(OpenNode { index, rows });
            } else {
                self.keep(Node { index, counts, split: None });
            }
        }
        self.keep(Node { index: open.index, counts: decision.counts, split: Some(Box::new(split)) });
    }

    /// Makes an open node a leaf of which no worker has a row: the bag of a tiny table may come out empty.
    pub(super) fn settle_empty(&mut self, open: OpenNode, none: ClassCounts) {
        self.keep(Node { index: open.index, counts: none, split: None });
    }

    fn keep(&mut self, node: Node) {
        self.bytes += node.bytes();
        self.nodes.push(node);
    }

    pub(super) fn finish(mut self) -> Tree {
        self.nodes.sort_unstable_by_key(|node| node.index);
        Tree { nodes: self.nodes }
    }
}

/// Whether a node may be split at all: the same question for a worker that opens it and for an owner that decides.
pub(super) fn may_split(node: NodeIndex, counts: &ClassCounts, params: &ForestParams) -> bool {
    node.depth() < params.depth && !counts.is_pure() && counts.total() >= 2 * u64::from(params.min_rows)
}
