//! Trees with exact class counts, in heap order.

use serde::{Deserialize, Serialize};

use super::Smoothing;
use crate::space::{Bin, FeatureIndex};

/// Number of a tree in its forest, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TreeIndex(pub u32);

/// Place of a node in its tree: the root is 1, the children of `i` are `2i` (left) and `2i + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeIndex(pub u64);

impl NodeIndex {
    /// The root.
    pub const ROOT: Self = Self(1);

    /// The child for rows that satisfy the rule.
    #[must_use]
    pub const fn left(self) -> Self {
        Self(self.0 * 2)
    }

    /// The child for all other rows.
    #[must_use]
    pub const fn right(self) -> Self {
        Self(self.0 * 2 + 1)
    }

    /// Edges between the root and this node.
    #[must_use]
    pub const fn depth(self) -> u8 {
        self.0.ilog2() as u8
    }
}

/// Rows per class, counted with bagging weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCounts(pub Box<[u64]>);

impl ClassCounts {
    /// No rows of any of `classes`.
    #[must_use]
    pub fn zero(classes: usize) -> Self {
        Self(vec![0; classes].into())
    }

    /// Rows of all classes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The counts as numbers to calculate with, exact below 2^53.
    #[must_use]
    pub fn to_numbers(&self) -> Vec<f64> {
        self.0.iter().map(|count| *count as f64).collect()
    }

    /// Whether at most one class has rows.
    #[must_use]
    pub fn is_pure(&self) -> bool {
        self.0.iter().filter(|count| **count > 0).count() <= 1
    }

    /// Adds the rows of `other`.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(count, more)| *count += more);
    }

    /// What is left without the rows of `part`, which must be among these.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        Self(self.0.iter().zip(&part.0).map(|(count, less)| count - less).collect())
    }
}

/// A set of bins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinSet(pub Box<[u64]>);

impl BinSet {
    /// The set of `bins`, all below `limit`.
    #[must_use]
    pub fn of(bins: impl IntoIterator<Item = Bin>, limit: usize) -> Self {
        let mut words = vec![0_u64; limit.div_ceil(64)];
        for bin in bins {
            words[usize::from(bin) / 64] |= 1 << (bin % 64);
        }
        Self(words.into())
    }

    /// All bins below `limit` that are not in this set.
    #[must_use]
    pub fn complement(&self, limit: usize) -> Self {
        Self::of((0..limit).map(|bin| bin as Bin).filter(|bin| !self.contains(*bin)), limit)
    }

    /// Whether `bin` is in the set.
    #[must_use]
    pub fn contains(&self, bin: Bin) -> bool {
        self.0.get(usize::from(bin) / 64).is_some_and(|word| word >> (bin % 64) & 1 == 1)
    }
}

/// Which rows go to the left child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// Those in this bin or a lower one.
    AtMost(Bin),
    /// Those in one of these bins; categories that the node did not see are in it when the left child is the larger.
    In(BinSet),
}

impl Rule {
    /// Whether a row with this bin goes to the left.
    #[must_use]
    pub fn goes_left(&self, bin: Bin) -> bool {
        match self {
            Self::AtMost(last) => bin <= *last,
            Self::In(set) => set.contains(bin),
        }
    }
}

/// How a node sends its rows to its children.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// The feature that is asked.
    pub feature: FeatureIndex,
    /// The question.
    pub rule: Rule,
    /// Decrease of impurity, in rows: see [`crate::grow::gain`].
    pub gain: f64,
}

/// A node with its training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its place.
    pub index: NodeIndex,
    /// Its training rows.
    pub counts: ClassCounts,
    /// How it goes on; a leaf does not.
    pub split: Option<Box<Split>>,
}

impl Node {
    /// Bytes that it takes, without what an allocator adds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let split = self.split.as_ref().map_or(0, |split| {
            let set = match &split.rule {
                Rule::AtMost(_) => 0,
                Rule::In(BinSet(words)) => size_of_val::<[u64]>(words),
            };
            size_of::<Split>() + set
        });
        (size_of::<Self>() + size_of_val::<[u64]>(&self.counts.0) + split) as u64
    }
}

/// A tree: its nodes in heap order, the root first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// Ascending by index; both children of a split node are present.
    pub nodes: Vec<Node>,
}

impl Tree {
    /// Where in `nodes` the left child of each split node is; its right sibling follows at once. 0 for leaves.
    ///
    /// In heap order the children of a level follow in the order of their parents, so one walk finds all.
    #[must_use]
    pub fn left_children(&self) -> Vec<u32> {
        let mut next = 1;
        let child = |node: &Node| {
            if node.split.is_none() {
                return 0;
            }
            let left = next;
            next += 2;
            left
        };
        self.nodes.iter().map(child).collect()
    }

    /// The class shares of every node, in node order, each mixed with its parent's as `smoothing` says.
    ///
    /// `(rows of the class + smoothing x parent's share) / (rows + smoothing)`, from the root down.
    #[must_use]
    pub fn class_shares(&self, smoothing: Smoothing) -> Vec<Box<[f64]>> {
        let children = self.left_children();
        let mut shares: Vec<Box<[f64]>> = Vec::with_capacity(self.nodes.len());
        let mut parents = vec![0_u32; self.nodes.len()];
        for (place, (node, left)) in self.nodes.iter().zip(&children).enumerate() {
            let total = node.counts.total() as f64;
            let prior = smoothing.0;
            let own: Box<[f64]> = if total == 0.0 {
                // The bag of a tiny table may come out empty: such a root knows nothing.
                vec![1.0 / node.counts.0.len() as f64; node.counts.0.len()].into()
            } else if place == 0 {
                node.counts.0.iter().map(|count| *count as f64 / total).collect()
            } else {
                let parent = &shares[parents[place] as usize];
                let mixed = node.counts.0.iter().zip(parent);
                mixed.map(|(count, parent)| (*count as f64 + prior * parent) / (total + prior)).collect()
            };
            shares.push(own);
            if *left > 0 {
                parents[*left as usize] = place as u32;
                parents[*left as usize + 1] = place as u32;
            }
        }
        shares
    }
}

/// A forest over a feature space, with classes `0..classes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    /// Number of classes.
    pub classes: u8,
    /// Its trees, in order.
    pub trees: Vec<Tree>,
}

impl Forest {
    /// Number of nodes in all trees.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.trees.iter().map(|tree| tree.nodes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_index_tells_the_depth() {
        assert_eq!(NodeIndex::ROOT.depth(), 0);
        assert_eq!(NodeIndex::ROOT.left().right().depth(), 2);
    }

    #[test]
    fn smoothing_shrinks_a_leaf_to_its_parent() {
        let node = |index, counts: [u64; 2], split: bool| Node {
            index: NodeIndex(index),
            counts: ClassCounts(counts.into()),
            split: split.then(|| Box::new(Split { feature: FeatureIndex(0), rule: Rule::AtMost(0), gain: 1.0 })),
        };
        let tree = Tree { nodes: vec![node(1, [2, 2], true), node(2, [2, 0], false), node(3, [0, 2], false)] };
        assert_eq!(tree.class_shares(Smoothing(0.0))[1].as_ref(), [1.0, 0.0]);
        assert_eq!(tree.class_shares(Smoothing(2.0))[1].as_ref(), [0.75, 0.25]);
        assert_eq!(tree.class_shares(Smoothing(2.0))[2].as_ref(), [0.25, 0.75]);
    }
}
