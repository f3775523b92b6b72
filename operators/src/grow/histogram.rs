//! Histograms as they travel: how many rows there are for each feature, bin and class of a node.
//!
//! The histograms of many nodes share one flat message, so that neither counting nor the wire pays per node. Of a feature
//! all cells are written, a word each, where the node has a row for every four of them; else only those with rows,
//! ascending. So a node of 40 rows costs 160 words a feature at most, and 40 when a vocabulary has thousands of names.

use super::tasks::QueuedTree;
use crate::forest::NodeIndex;

/// Words after which a message goes out: 256 KiB. So a worker's peers hear of its first nodes while it counts others, and
/// no message takes more memory than it must.
pub(super) const FULL_WORDS: usize = 1 << 16;

/// A cell and its rows share a word where both are below this.
const PACKED: u32 = 1 << 16;

/// What one worker has of some nodes, for the worker that decides about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramBatch {
    /// Who decides about these nodes.
    pub owner: u32,
    /// The nodes, each with the place in `words` where its histogram ends.
    pub nodes: Vec<NodeEnd>,
    /// One feature after the other, of one node after the other: `push_dense` and `SparseCells` write it.
    pub words: Vec<u32>,
}

/// A node of a [`HistogramBatch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeEnd {
    /// The tree.
    pub tree: QueuedTree,
    /// The node.
    pub node: NodeIndex,
    /// One past its last word.
    pub end: u32,
}

impl HistogramBatch {
    /// An empty message to `owner`.
    pub(super) fn to(owner: u32) -> Self {
        Self { owner, ..Self::default() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.words.len() >= FULL_WORDS
    }

    /// Ends the histogram whose features were pushed last.
    pub(super) fn end_node(&mut self, tree: QueuedTree, node: NodeIndex) {
        self.nodes.push(NodeEnd { tree, node, end: self.words.len() as u32 });
    }

    /// Every node with its words.
    pub(super) fn histograms(&self) -> impl Iterator<Item = (QueuedTree, NodeIndex, &[u32])> {
        let starts = std::iter::once(0).chain(self.nodes.iter().map(|node| node.end));
        self.nodes
            .iter()
            .zip(starts)
            .map(|(node, start)| (node.tree, node.node, &self.words[start as usize..node.end as usize]))
    }
}

/// How the cells of a feature are written: the upper two bits of a head word, of which the others are the length.
const DENSE: u32 = 0;
const SPARSE: u32 = 1 << 30;
const LONG: u32 = 2 << 30;
const LENGTH: u32 = (1 << 30) - 1;

/// Appends all cells of a feature.
pub(super) fn push_dense(words: &mut Vec<u32>, cells: &[u32]) {
    words.push(DENSE | cells.len() as u32);
    words.extend_from_slice(cells);
}

/// Appends the cells of a feature that have rows, one by one.
#[derive(Debug)]
pub(super) struct SparseCells<'a> {
    words: &'a mut Vec<u32>,
    head: usize,
    packed: bool,
}

impl<'a> SparseCells<'a> {
    /// Begins a feature with this many cells, in which none can have more rows than `most`.
    pub(super) fn begin(words: &'a mut Vec<u32>, cells: usize, most: usize) -> Self {
        let head = words.len();
        words.push(0);
        Self { words, head, packed: cells <= PACKED as usize && most < PACKED as usize }
    }

    /// Appends a cell; they ascend.
    pub(super) fn push(&mut self, cell: usize, rows: u32) {
        if self.packed {
            self.words.push((cell as u32) << 16 | rows);
        } else {
            self.words.extend([cell as u32, rows]);
        }
    }

    pub(super) fn end(self) {
        let length = (self.words.len() - self.head - 1) as u32;
        self.words[self.head] = length | if self.packed { SPARSE } else { LONG };
    }
}

/// The cells of one feature of one node on one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeatureCells<'a> {
    /// The rows of every cell.
    Dense(&'a [u32]),
    /// Cells with rows, ascending: the cell in the upper half of a word, its rows in the lower.
    Sparse(&'a [u32]),
    /// The same in two words each.
    Long(&'a [u32]),
}

impl FeatureCells<'_> {
    /// Takes the next feature off the words of a node.
    pub(super) fn take<'a>(words: &mut &'a [u32]) -> FeatureCells<'a> {
        let Some((head, rest)) = words.split_first() else { return FeatureCells::Sparse(&[]) };
        let (cells, rest) = rest.split_at((head & LENGTH) as usize);
        *words = rest;
        match head & !LENGTH {
            DENSE => FeatureCells::Dense(cells),
            SPARSE => FeatureCells::Sparse(cells),
            _ => FeatureCells::Long(cells),
        }
    }

    /// Calls `each` with every cell that has rows, and its rows, ascending.
    pub(super) fn for_each(&self, mut each: impl FnMut(usize, u32)) {
        match self {
            Self::Dense(cells) => {
                for (cell, rows) in cells.iter().enumerate().filter(|(_, rows)| **rows > 0) {
                    each(cell, *rows);
                }
            }
            Self::Sparse(cells) => cells.iter().for_each(|word| each((word >> 16) as usize, word & (PACKED - 1))),
            Self::Long(cells) => cells.chunks_exact(2).for_each(|pair| each(pair[0] as usize, pair[1])),
        }
    }
}
