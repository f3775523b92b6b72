//! The best split of a node, from its merged histogram.
//!
//! Candidates are taken feature by feature, ascending, and within a feature in the order of its bins; a later one
//! wins only by a strictly higher gain, so ties go to the lower feature, then the lower bin. Categories have no order
//! of their own: they are put in the order of [`principal_places`], ties by name, and then split like numbers.

use super::gain::{LEAST_RELATIVE_GAIN, gain, weighted_impurity};
use super::layout::Layout;
use super::merge::FilledBins;
use super::order::principal_places;
use crate::forest::{BinSet, ClassCounts, ForestParams, Rule, Split};
use crate::space::{Bin, FeatureIndex};

/// Looks for the best split of one node, feature by feature.
#[derive(Debug)]
pub(super) struct BestSplit<'a, const WIDTH: usize> {
    layout: &'a Layout,
    params: &'a ForestParams,
    /// Rows of the node per class.
    counts: [f64; WIDTH],
    parent: f64,
    best_gain: f64,
    best: Option<(Split, ClassCounts)>,
}

impl<'a, const WIDTH: usize> BestSplit<'a, WIDTH> {
    pub(super) fn of(counts: [f64; WIDTH], layout: &'a Layout, params: &'a ForestParams) -> Self {
        let total: f64 = counts.iter().sum();
        let parent = weighted_impurity(params.impurity, &counts);
        Self { layout, params, counts, parent, best_gain: total * LEAST_RELATIVE_GAIN, best: None }
    }

    /// Lets the next feature compete; features ascend. `bins` comes back in another order if it is categorical.
    pub(super) fn try_feature(&mut self, feature: FeatureIndex, bins: &mut FilledBins<WIDTH>) {
        let ranks = self.layout.name_ranks(feature);
        if let Some(ranks) = ranks {
            put_in_class_order(bins, ranks, &self.counts);
        }
        let Some(cut) = self.best_cut(bins) else { return };
        let left: f64 = cut.left.iter().sum();
        let rule = match ranks {
            None => Rule::AtMost(bins.bins[cut.last]),
            Some(ranks) => set_rule(&bins.bins, cut.last, left * 2.0 >= self.rows(), ranks.len()),
        };
        self.best_gain = cut.gain;
        self.best = Some((Split { feature, rule, gain: cut.gain }, class_counts(&cut.left, self.layout.classes())));
    }

    /// The best split with the rows per class that it sends left; `None` when nothing tells the classes apart.
    pub(super) fn finish(self) -> Option<(Split, ClassCounts)> {
        self.best
    }

    fn rows(&self) -> f64 {
        self.counts.iter().sum()
    }

    fn best_cut(&self, bins: &FilledBins<WIDTH>) -> Option<Cut<WIDTH>> {
        let (total, min_rows) = (self.rows(), f64::from(self.params.min_rows));
        let (mut left, mut right) = ([0.0; WIDTH], self.counts);
        let mut best_gain = self.best_gain;
        let mut best = None;
        for (last, counts) in bins.counts.iter().enumerate() {
            let mut left_rows = 0.0;
            for class in 0..WIDTH {
                left[class] += counts[class];
                right[class] -= counts[class];
                left_rows += left[class];
            }
            if total - left_rows < min_rows {
                break;
            }
            if left_rows < min_rows {
                continue;
            }
            let gain = gain(self.params.impurity, self.parent, &left, &right);
            if gain > best_gain {
                best_gain = gain;
                best = Some(Cut { last, gain, left });
            }
        }
        best
    }
}

/// A cut between two neighbouring filled bins.
struct Cut<const WIDTH: usize> {
    /// Place of the last bin that goes left.
    last: usize,
    gain: f64,
    left: [f64; WIDTH],
}

/// Rows per class as whole numbers.
pub(super) fn class_counts(counts: &[f64], classes: usize) -> ClassCounts {
    ClassCounts(counts[..classes].iter().map(|rows| *rows as u64).collect())
}

fn put_in_class_order<const WIDTH: usize>(bins: &mut FilledBins<WIDTH>, name_ranks: &[Bin], counts: &[f64; WIDTH]) {
    let places = principal_places(&bins.counts, counts);
    let rank = |place: usize| name_ranks[usize::from(bins.bins[place])];
    let mut order: Vec<(f64, Bin, u16)> =
        places.into_iter().enumerate().map(|(place, along)| (along, rank(place), place as u16)).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let old = FilledBins { bins: std::mem::take(&mut bins.bins), counts: std::mem::take(&mut bins.counts) };
    bins.bins.extend(order.iter().map(|(_, _, place)| old.bins[usize::from(*place)]));
    bins.counts.extend(order.iter().map(|(_, _, place)| old.counts[usize::from(*place)]));
}

/// The bins up to the cut; those without a row in this node go with the larger child, left when both are equal.
fn set_rule(bins: &[Bin], last: usize, left_is_larger: bool, all_bins: usize) -> Rule {
    if !left_is_larger {
        return Rule::In(BinSet::of(bins[..=last].iter().copied(), all_bins));
    }
    let goes_right = BinSet::of(bins[last + 1..].iter().copied(), all_bins);
    Rule::In(goes_right.complement(all_bins))
}
