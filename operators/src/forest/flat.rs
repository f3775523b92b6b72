//! The forest in a form that predicts many rows at once.
//!
//! Rows come in blocks. A few trees at a time are asked by their crowns ([`Crowns`]), then each by what is below
//! ([`Nodes`]); a forest of depth 5 is crowns alone. Class shares are added in tree order and divided once, so a row's answer
//! does not depend on the block that it came in, nor on the way in which its leaves are found.

use std::borrow::Cow;
use std::ops::Range;

use super::below::{Nodes, Place};
use super::block::BinBlock;
use super::crown::{Crowns, LANES, Open};
use super::{Forest, ForestSize, Node, Smoothing, Tree, TreeIndex};
use crate::table::BinColumn;

/// Classes that are added up together.
const QUAD: usize = 4;

/// The shares of some classes.
type Quad = [f64; QUAD];

/// A forest that is ready to predict.
#[derive(Clone, Debug)]
pub struct FlatForest {
    classes: usize,
    trees: usize,
    groups: Vec<Group>,
    nodes: Nodes,
    /// By leaf, then class, filled up with classes that have no share. Leaf 0 has nothing at all: it is that of no tree.
    shares: Vec<Quad>,
}

/// Trees that are asked together.
#[derive(Clone, Debug)]
struct Group {
    crowns: Crowns,
    /// Which of the trees go on below their crowns.
    deep: [bool; LANES],
}

/// Room to work in for one block of rows.
#[derive(Debug, Default)]
struct Scratch {
    open: Vec<Open>,
    places: [Vec<u32>; LANES],
    active: Vec<u32>,
    sums: Vec<Quad>,
}

impl FlatForest {
    /// Lays out a forest.
    #[must_use]
    pub fn new(forest: &Forest, smoothing: Smoothing) -> Self {
        Self::cut(forest, ForestSize { trees: forest.trees.len() as u32, depth: u8::MAX }, smoothing)
    }

    /// Lays out what is left of a forest when it is cut down.
    #[must_use]
    pub fn cut(forest: &Forest, size: ForestSize, smoothing: Smoothing) -> Self {
        let classes = usize::from(forest.classes);
        let trees = &forest.trees[..forest.trees.len().min(size.trees as usize)];
        let mut flat = Self {
            classes,
            trees: trees.len(),
            groups: Vec::new(),
            nodes: Nodes::default(),
            shares: vec![Quad::default(); classes.div_ceil(QUAD)],
        };
        for trees in trees.chunks(LANES) {
            let trees: Vec<Cow<'_, Tree>> = trees.iter().map(|tree| tree.cut(size.depth)).collect();
            let laid: Vec<Vec<Place>> = trees.iter().map(|tree| flat.lay_out(tree, smoothing)).collect();
            let mut deep = [false; LANES];
            let crowns = Crowns::new(&trees, Place::leaf(0).bits(), |lane, node| {
                let place = laid[lane][node];
                deep[lane] |= !place.is_leaf();
                place.bits()
            });
            flat.groups.push(Group { crowns, deep });
        }
        flat
    }

    /// Lays out a tree; returns the place of each of its nodes.
    fn lay_out(&mut self, tree: &Tree, smoothing: Smoothing) -> Vec<Place> {
        let children = tree.left_children();
        let quads = self.quads();
        let mut nodes = self.nodes.len();
        let mut leaves = self.shares.len() / quads;
        let place = |node: &Node| {
            let next = if node.split.is_some() { &mut nodes } else { &mut leaves };
            *next += 1;
            let number = (*next - 1) as u32;
            if node.split.is_some() { Place::node(number) } else { Place::leaf(number) }
        };
        let places: Vec<Place> = tree.nodes.iter().map(place).collect();
        for ((node, shares), left) in tree.nodes.iter().zip(tree.class_shares(smoothing)).zip(children) {
            match &node.split {
                Some(split) => self.nodes.push(split, places[left as usize], places[left as usize + 1]),
                None => {
                    let start = self.shares.len();
                    self.shares.resize(start + quads, Quad::default());
                    let own = self.shares[start..].as_flattened_mut();
                    own.iter_mut().zip(&shares).for_each(|(own, share)| *own = *share);
                }
            }
        }
        places
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many rows a block should have, where there are so many.
    ///
    /// Crowns are small, and the block has to stay in the cache beside them. A tree that goes on below its crown is too large
    /// for that; then many rows must share each of its nodes while it is there.
    #[must_use]
    pub fn rows_at_once(&self) -> usize {
        if self.nodes.len() == 0 { 512 } else { 16_384 }
    }

    fn quads(&self) -> usize {
        self.classes.div_ceil(QUAD)
    }

    /// Class probabilities of some rows, row-major (rows x classes): the mean of the trees' class shares.
    ///
    /// `columns` holds one column per feature, in schema order, each with all of `rows`.
    #[must_use]
    pub fn probabilities(&self, columns: &[BinColumn], rows: Range<usize>) -> Vec<f64> {
        let mut probabilities = Vec::with_capacity(rows.len() * self.classes);
        let (mut block, mut scratch) = (BinBlock::default(), Scratch::default());
        for start in rows.clone().step_by(self.rows_at_once()) {
            block.take(columns, start..rows.end.min(start + self.rows_at_once()));
            self.predict(&block, &mut scratch, &mut probabilities);
        }
        probabilities
    }

    /// The same by those trees alone that `asks` names for a row (counted from the first of `rows`), and how many they are.
    /// A row for which no tree is asked has probabilities of 0.
    #[must_use]
    pub fn probabilities_by(
        &self,
        columns: &[BinColumn],
        rows: Range<usize>,
        asks: impl Fn(TreeIndex, usize) -> bool,
    ) -> (Vec<f64>, Vec<u32>) {
        let (mut block, mut scratch) = (BinBlock::default(), Scratch::default());
        block.take(columns, rows);
        let mut asked = vec![0; block.rows()];
        self.add_leaves(&block, &mut scratch, |tree, leaves| {
            for (row, (leaf, asked)) in leaves.iter_mut().zip(&mut asked).enumerate() {
                let is_asked = asks(TreeIndex(tree), row);
                *leaf = if is_asked { *leaf } else { Place::leaf(0).bits() };
                *asked += u32::from(is_asked);
            }
        });
        let mut probabilities = Vec::with_capacity(block.rows() * self.classes);
        for (sums, asked) in scratch.sums.chunks_exact(self.quads()).zip(&asked) {
            let trees = f64::from((*asked).max(1));
            probabilities.extend(sums.as_flattened()[..self.classes].iter().map(|sum| sum / trees));
        }
        (probabilities, asked)
    }

    /// Class probabilities of the rows of a block, row-major, as [`FlatForest::probabilities`].
    #[must_use]
    pub fn of_block(&self, block: &BinBlock) -> Vec<f64> {
        let mut probabilities = Vec::with_capacity(block.rows() * self.classes);
        self.predict(block, &mut Scratch::default(), &mut probabilities);
        probabilities
    }

    fn predict(&self, block: &BinBlock, scratch: &mut Scratch, probabilities: &mut Vec<f64>) {
        self.add_leaves(block, scratch, |_, _| ());
        let trees = self.trees as f64;
        for sums in scratch.sums.chunks_exact(self.quads()) {
            probabilities.extend(sums.as_flattened()[..self.classes].iter().map(|sum| sum / trees));
        }
    }

    /// Leaves in `scratch` the sums of the shares of the leaves that each row comes to. `choose` may put leaf 0, which has
    /// none, in the place of those of a tree.
    fn add_leaves(&self, block: &BinBlock, scratch: &mut Scratch, mut choose: impl FnMut(u32, &mut [u32])) {
        let Scratch { open, places, active, sums } = scratch;
        sums.clear();
        sums.resize(block.rows() * self.quads(), Quad::default());
        for (first, Group { crowns, deep }) in (0..).step_by(LANES).zip(&self.groups) {
            crowns.exits(block, open, places);
            for (places, _) in places.iter_mut().zip(deep).filter(|(_, deep)| **deep) {
                self.nodes.descend(block, places, active);
            }
            for (tree, places) in (first..self.trees as u32).zip(places.iter_mut()) {
                choose(tree, places);
            }
            self.add(places, sums);
        }
    }

    /// Adds the shares of the leaves that the rows have come to, in tree order.
    fn add(&self, [a, b, c, d]: &[Vec<u32>; LANES], sums: &mut [Quad]) {
        let quads = self.quads();
        let leaves = a.iter().zip(b).zip(c).zip(d);
        for (sums, (((a, b), c), d)) in sums.chunks_exact_mut(quads).zip(leaves) {
            for leaf in [a, b, c, d] {
                let first = Place::from_bits(*leaf).index() * quads;
                for (sum, shares) in sums.iter_mut().zip(&self.shares[first..first + quads]) {
                    sum.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
                }
            }
        }
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
