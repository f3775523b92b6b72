//! The forest as flat arrays, for predicting many rows at once.
//!
//! A batch is predicted tree by tree, so that one tree at a time is in the cache; class shares are added in tree order
//! and divided once, so a row's answer does not depend on the batch it came in.

use std::ops::Range;

use super::{Forest, Rule, Smoothing};
use crate::space::Bin;
use crate::table::BinColumn;

/// A node in 16 bytes.
#[derive(Clone, Copy, Debug)]
struct FlatNode {
    /// The left child, whose right sibling follows; for a leaf, the place of its class shares.
    next: u32,
    /// The first word of a set rule in the arena.
    set: u32,
    feature: u16,
    /// The last bin that goes left.
    last: Bin,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Leaf,
    AtMost,
    In,
}

/// A forest that is ready to predict.
#[derive(Clone, Debug)]
pub struct FlatForest {
    classes: usize,
    roots: Vec<u32>,
    nodes: Vec<FlatNode>,
    sets: Vec<u64>,
    shares: Vec<f64>,
}

impl FlatForest {
    /// Lays out a forest.
    #[must_use]
    pub fn new(forest: &Forest, smoothing: Smoothing) -> Self {
        let mut flat =
            Self { classes: usize::from(forest.classes), roots: vec![], nodes: vec![], sets: vec![], shares: vec![] };
        for tree in &forest.trees {
            let root = flat.nodes.len() as u32;
            flat.roots.push(root);
            let children = tree.left_children();
            let shares = tree.class_shares(smoothing);
            for (place, node) in tree.nodes.iter().enumerate() {
                let flat_node = match &node.split {
                    None => flat.leaf(&shares[place]),
                    Some(split) => flat.split(root + children[place], split.feature.0, &split.rule),
                };
                flat.nodes.push(flat_node);
            }
        }
        flat
    }

    fn leaf(&mut self, shares: &[f64]) -> FlatNode {
        let next = (self.shares.len() / self.classes) as u32;
        self.shares.extend_from_slice(shares);
        FlatNode { next, set: 0, feature: 0, last: 0, kind: Kind::Leaf }
    }

    fn split(&mut self, next: u32, feature: u16, rule: &Rule) -> FlatNode {
        match rule {
            Rule::AtMost(last) => FlatNode { next, set: 0, feature, last: *last, kind: Kind::AtMost },
            Rule::In(bins) => {
                let set = self.sets.len() as u32;
                self.sets.extend_from_slice(&bins.0);
                FlatNode { next, set, feature, last: 0, kind: Kind::In }
            }
        }
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Class probabilities of some rows, row-major (rows x classes): the mean of the trees' class shares.
    ///
    /// `columns` holds one column per feature, in schema order, each with all of `rows`.
    #[must_use]
    pub fn probabilities(&self, columns: &[BinColumn], rows: Range<usize>) -> Vec<f64> {
        let mut sums = vec![0.0; rows.len() * self.classes];
        for root in &self.roots {
            for (row, sum) in rows.clone().zip(sums.chunks_exact_mut(self.classes)) {
                let leaf = self.leaf_of(*root, |feature| columns[usize::from(feature)].get(row));
                sum.iter_mut().zip(leaf).for_each(|(sum, share)| *sum += share);
            }
        }
        let trees = self.roots.len() as f64;
        sums.iter_mut().for_each(|sum| *sum /= trees);
        sums
    }

    fn leaf_of(&self, root: u32, bin: impl Fn(u16) -> Bin) -> &[f64] {
        let mut node = self.nodes[root as usize];
        loop {
            let left = match node.kind {
                Kind::Leaf => break,
                Kind::AtMost => bin(node.feature) <= node.last,
                Kind::In => {
                    let bin = bin(node.feature);
                    self.sets[node.set as usize + usize::from(bin) / 64] >> (bin % 64) & 1 == 1
                }
            };
            node = self.nodes[node.next as usize + usize::from(!left)];
        }
        let start = node.next as usize * self.classes;
        &self.shares[start..start + self.classes]
    }
}

/// The most probable class; ties go to the lower one.
#[must_use]
pub fn most_probable(probabilities: &[f64]) -> u8 {
    let mut best = 0;
    for (class, probability) in probabilities.iter().enumerate().skip(1) {
        if *probability > probabilities[best] {
            best = class;
        }
    }
    best as u8
}
