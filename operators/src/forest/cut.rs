//! A smaller forest out of a larger one.
//!
//! How a tree grows depends neither on how many others there are nor on how deep it may become: a node asks about its
//! depth only when it could be split. So the first trees of a forest, cut at a depth, are the forest that would have grown
//! with those limits, and a search needs to grow only the largest.

use std::borrow::Cow;

use super::{Node, Tree};

/// How large a forest may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForestSize {
    /// Its number of trees.
    pub trees: u32,
    /// The largest depth of one.
    pub depth: u8,
}

impl Tree {
    /// The tree without what is deeper than `depth`.
    #[must_use]
    pub fn cut(&self, depth: u8) -> Cow<'_, Self> {
        let kept = self.nodes.partition_point(|node| node.index.depth() <= depth);
        if kept == self.nodes.len() {
            return Cow::Borrowed(self);
        }
        let node = |node: &Node| {
            let split = node.split.as_ref().filter(|_| node.index.depth() < depth);
            Node { index: node.index, counts: node.counts.clone(), split: split.cloned() }
        };
        Cow::Owned(Self { nodes: self.nodes[..kept].iter().map(node).collect() })
    }
}
