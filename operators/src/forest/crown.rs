//! The top levels of some trees, asked all at once and without a branch.
//!
//! A tree's crown is its nodes of the first [`LEVELS`] levels. Below it are at most [`EXITS`] exits, numbered from left to
//! right, a bit each. A split that sends a row to the right closes all exits below its left child; the exit that the row
//! takes is then the leftmost one that no split of the crown has closed, whether or not the row passes that split
//! (QuickScorer: Lucchese et al., SIGIR 2015). What the splits by one feature close is known for each bin beforehand. So a
//! row costs a look-up per feature, for numbers and sets alike, for [`LANES`] trees together, and no wrong guess of the
//! processor.
//!
//! It doesn't know what is behind an exit.

use std::borrow::Borrow;

use super::{Rule, Tree};
use crate::forest::block::BinBlock;
use crate::space::Bin;

/// Levels of splits in a crown.
const LEVELS: u8 = 5;

/// The most exits of a crown.
const EXITS: usize = 1 << LEVELS;

/// Trees asked together.
pub(super) const LANES: usize = 4;

/// For each tree, its open exits.
pub(super) type Open = [u32; LANES];

/// The crowns of up to [`LANES`] trees.
#[derive(Clone, Debug)]
pub(super) struct Crowns {
    asked: Vec<Asked>,
    /// By tree and exit, whatever the owner has put there.
    behind: [[u32; EXITS]; LANES],
}

/// One feature that some of the trees ask.
#[derive(Clone, Debug)]
struct Asked {
    feature: u16,
    /// The exits that each bin leaves open; those above have what the last one has.
    open: Vec<Open>,
}

impl Crowns {
    /// Lays out the crowns of some trees, at most [`LANES`]. `behind` says what to remember of an exit, given the number of
    /// its tree among these and its node's place in that tree; a lane without a tree gets `nothing`.
    pub(super) fn new(trees: &[impl Borrow<Tree>], nothing: u32, mut behind: impl FnMut(usize, usize) -> u32) -> Self {
        let mut crowns = Self { asked: Vec::new(), behind: [[nothing; EXITS]; LANES] };
        for (lane, (tree, exits)) in trees.iter().zip(&mut crowns.behind).enumerate() {
            let tree = tree.borrow();
            let children = tree.left_children();
            let mut found = 0;
            let mut walk = Walk { tree, children: &children, lane, asked: &mut crowns.asked };
            walk.below(0, &mut found, &mut |place, exit| exits[exit as usize] = behind(lane, place));
        }
        crowns.asked.sort_unstable_by_key(|asked| asked.feature);
        crowns
    }

    /// What is behind the exits that the rows of a block take, by tree, then row. `open` is room to work in.
    pub(super) fn exits(&self, block: &BinBlock, open: &mut Vec<Open>, taken: &mut [Vec<u32>; LANES]) {
        open.clear();
        open.resize(block.rows(), [u32::MAX; LANES]);
        for asked in &self.asked {
            asked.close(block.feature(asked.feature), open);
        }
        for (lane, (taken, behind)) in taken.iter_mut().zip(&self.behind).enumerate() {
            taken.clear();
            // The rightmost exit is never closed; the bit says so to the compiler.
            taken.extend(open.iter().map(|open| behind[(open[lane] | 1 << (EXITS - 1)).trailing_zeros() as usize]));
        }
    }
}

impl Asked {
    fn close(&self, bins: &[Bin], open: &mut [Open]) {
        // A feature is only here since a rule asks it, and a rule tells one bin apart at least.
        let last = self.open.len() - 1;
        for (bin, open) in bins.iter().zip(open) {
            let left_open = &self.open[usize::from(*bin).min(last)];
            open.iter_mut().zip(left_open).for_each(|(open, left)| *open &= left);
        }
    }

    /// Closes `exits` of a tree for all bins that `rule` sends to the right.
    fn add(&mut self, lane: usize, rule: &Rule, exits: u32) {
        let bins = bins_told_apart(rule);
        if self.open.len() < bins {
            let beyond = self.open.last().copied().unwrap_or([u32::MAX; LANES]);
            self.open.resize(bins, beyond);
        }
        for (bin, open) in self.open.iter_mut().enumerate() {
            let goes_left = Bin::try_from(bin).is_ok_and(|bin| rule.goes_left(bin));
            open[lane] &= if goes_left { u32::MAX } else { !exits };
        }
    }
}

/// So many bins from 0 on, that all above go where the last of them goes: to the right.
fn bins_told_apart(rule: &Rule) -> usize {
    match rule {
        Rule::AtMost(last) => usize::from(*last) + 2,
        Rule::In(set) => set.0.len() * 64 + 1,
    }
}

/// The way through one tree's crown from left to right.
struct Walk<'a> {
    tree: &'a Tree,
    children: &'a [u32],
    lane: usize,
    asked: &'a mut Vec<Asked>,
}

impl Walk<'_> {
    /// Numbers the exits below a node from `found` on.
    fn below(&mut self, place: usize, found: &mut u32, exit: &mut impl FnMut(usize, u32)) {
        let node = &self.tree.nodes[place];
        let Some(split) = node.split.as_deref().filter(|_| node.index.depth() < LEVELS) else {
            exit(place, *found);
            *found += 1;
            return;
        };
        let (left, first) = (self.children[place] as usize, *found);
        self.below(left, found, exit);
        // At most 31 exits are to the left of any.
        let of_left = ((1_u32 << *found) - 1) & !((1_u32 << first) - 1);
        let lane = self.lane;
        self.asked_of(split.feature.0).add(lane, &split.rule, of_left);
        self.below(left + 1, found, exit);
    }

    fn asked_of(&mut self, feature: u16) -> &mut Asked {
        let known = self.asked.iter().position(|asked| asked.feature == feature);
        let at = known.unwrap_or_else(|| {
            self.asked.push(Asked { feature, open: Vec::new() });
            self.asked.len() - 1
        });
        &mut self.asked[at]
    }
}
