//! What is below the crowns: nodes in 16 bytes, walked by many rows at a time.
//!
//! Rows go down one tree level by level. A step is loads and selections only: it has no branch that a row could make the
//! processor guess wrong, and while one row waits for memory others go on. Rows that have come to a leaf are left out.

use super::block::BinBlock;
use super::{Rule, Split};
use crate::space::Bin;

/// A leaf's number, or the place of a node among [`Nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    const LEAF: u32 = 1 << 31;

    /// The leaf of this number, below 2^31.
    pub(super) const fn leaf(number: u32) -> Self {
        Self(number | Self::LEAF)
    }

    /// The node at this place, below 2^31.
    pub(super) const fn node(place: u32) -> Self {
        Self(place)
    }

    /// A place as it was stored by [`Place::bits`].
    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }

    pub(super) const fn is_leaf(self) -> bool {
        self.0 & Self::LEAF != 0
    }

    /// The leaf's number, or the node's place.
    pub(super) const fn index(self) -> usize {
        (self.0 & !Self::LEAF) as usize
    }
}

/// A node in 16 bytes.
#[derive(Clone, Copy, Debug)]
struct FlatNode {
    left: Place,
    right: Place,
    /// Of a set rule, its first word in the arena and [`FlatNode::IS_SET`]; else 0.
    set: u32,
    feature: u16,
    /// The last bin that goes left; of a set rule the last one that the set could hold.
    last: Bin,
}

impl FlatNode {
    const IS_SET: u32 = 1 << 31;
}

/// The split nodes below all crowns of a forest.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    nodes: Vec<FlatNode>,
    /// The words of all set rules, after one that every other rule may look at.
    sets: Vec<u64>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { nodes: Vec::new(), sets: vec![0] }
    }
}

impl Nodes {
    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Appends a node.
    pub(super) fn push(&mut self, split: &Split, left: Place, right: Place) {
        let (set, last) = match &split.rule {
            Rule::AtMost(last) => (0, *last),
            Rule::In(bins) => {
                let first = self.sets.len();
                self.sets.extend_from_slice(&bins.0);
                // Even a set without a word has one to look at.
                self.sets.resize(self.sets.len().max(first + 1), 0);
                let last = Bin::try_from((self.sets.len() - first) * 64 - 1).unwrap_or(Bin::MAX);
                (first as u32 | FlatNode::IS_SET, last)
            }
        };
        self.nodes.push(FlatNode { left, right, set, feature: split.feature.0, last });
    }

    /// Takes each row of the block from its place to its leaf. `active` is room to work in.
    pub(super) fn descend(&self, block: &BinBlock, places: &mut [u32], active: &mut Vec<u32>) {
        active.clear();
        active.extend(0..places.len() as u32);
        let mut left = compact(active, |row| !Place::from_bits(places[row as usize]).is_leaf());
        while left > 0 {
            left = compact(&mut active[..left], |row| {
                let place = &mut places[row as usize];
                let next = self.step(block, row as usize, Place::from_bits(*place).index());
                *place = next.bits();
                !next.is_leaf()
            });
        }
    }

    fn step(&self, block: &BinBlock, row: usize, place: usize) -> Place {
        let node = &self.nodes[place];
        let bin = block.get(node.feature, row);
        let is_set = node.set >> 31;
        // Without a branch: a rule that is no set looks at word 0 and does not listen.
        let word = (node.set & !FlatNode::IS_SET) + ((u32::from(bin.min(node.last)) / 64) & is_set.wrapping_neg());
        let listed = (self.sets[word as usize] >> (bin % 64)) as u32 | (is_set ^ 1);
        if listed & u32::from(bin <= node.last) & 1 == 1 { node.left } else { node.right }
    }
}

/// Moves those rows to the front that are to stay, in their order; returns how many.
fn compact(rows: &mut [u32], mut stays: impl FnMut(u32) -> bool) -> usize {
    let mut kept = 0;
    for at in 0..rows.len() {
        let row = rows[at];
        rows[kept] = row;
        kept += usize::from(stays(row));
    }
    kept
}
