//! The best split of a node, from its merged histogram.
//!
//! Candidates are taken feature by feature, ascending, and within a feature in the order of its bins; a later one
//! wins only by a strictly higher gain, so ties go to the lower feature, then the lower bin. Categories have no order
//! of their own: they are put in the order of [`principal_places`], ties by name, and then split like numbers.

use super::gain::{LEAST_RELATIVE_GAIN, gain, weighted_impurity};
use super::order::principal_places;
use crate::forest::{BinSet, ClassCounts, ForestParams, Rule, Split};
use crate::space::{Bin, FeatureBins, FeatureIndex, FeatureSpace};

/// Where the cells of each feature lie, and how its bins are ordered.
#[derive(Clone, Debug)]
pub struct Layout {
    classes: usize,
    /// Key of the first cell of each feature, and one past the last.
    offsets: Vec<u32>,
    /// For a categorical feature the alphabetical rank of each bin, the unseen one last.
    name_ranks: Vec<Option<Vec<Bin>>>,
}

impl Layout {
    /// The layout of a feature space with `classes` classes.
    #[must_use]
    pub fn new(space: &FeatureSpace, classes: usize) -> Self {
        let mut offsets = vec![0];
        for bins in &space.features {
            let last = offsets[offsets.len() - 1];
            offsets.push(last + (bins.len() * classes) as u32);
        }
        Self { classes, offsets, name_ranks: space.features.iter().map(name_ranks).collect() }
    }

    /// Number of features.
    #[must_use]
    pub fn features(&self) -> u16 {
        (self.offsets.len() - 1) as u16
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Key of the first cell of a feature. A cell's key is this + bin x classes + class.
    #[must_use]
    pub fn offset(&self, feature: FeatureIndex) -> u32 {
        self.offsets[feature.index()]
    }

    /// Number of cells of a feature.
    #[must_use]
    pub fn cells(&self, feature: FeatureIndex) -> usize {
        (self.offsets[feature.index() + 1] - self.offsets[feature.index()]) as usize
    }

    /// The bin for unseen categories of a feature, which is the last; `None` for a numeric one.
    #[must_use]
    pub fn unseen(&self, feature: FeatureIndex) -> Option<Bin> {
        self.name_ranks[feature.index()].as_ref().map(|ranks| (ranks.len() - 1) as Bin)
    }
}

fn name_ranks(bins: &FeatureBins) -> Option<Vec<Bin>> {
    let FeatureBins::Categorical { names } = bins else { return None };
    let mut by_name: Vec<usize> = (0..names.len()).collect();
    by_name.sort_by_key(|bin| &names[*bin]);
    let mut ranks = vec![names.len() as Bin; names.len() + 1];
    by_name.into_iter().zip(0..).for_each(|(bin, rank)| ranks[bin] = rank);
    Some(ranks)
}

/// One bin of a feature with its rows per class, of which there are some.
#[derive(Clone, Debug)]
struct FilledBin {
    bin: Bin,
    counts: Vec<u64>,
}

/// The best split of a node and the rows that it sends left; `None` when no candidate gains anything.
///
/// `cells` are the node's merged cells for the features of `subset`, `counts` its rows per class.
#[must_use]
pub fn best_split(
    layout: &Layout,
    subset: &[FeatureIndex],
    cells: &[(u32, u64)],
    counts: &ClassCounts,
    params: &ForestParams,
) -> Option<(Split, ClassCounts)> {
    let parent = weighted_impurity(params.impurity, &counts.0);
    let least_gain = counts.total() as f64 * LEAST_RELATIVE_GAIN;
    let mut best: Option<(Split, ClassCounts)> = None;
    for feature in subset {
        let mut bins = filled_bins(layout, *feature, cells);
        let ranks = layout.name_ranks[feature.index()].as_deref();
        if let Some(ranks) = ranks {
            bins = in_class_order(bins, ranks, counts);
        }
        let to_beat = best.as_ref().map_or(least_gain, |(split, _)| split.gain);
        if let Some(cut) = best_cut(&bins, counts, parent, to_beat, params) {
            let rule = match ranks {
                None => Rule::AtMost(bins[cut.last].bin),
                Some(ranks) => set_rule(&bins, &cut, counts, ranks.len()),
            };
            best = Some((Split { feature: *feature, rule, gain: cut.gain }, cut.left));
        }
    }
    best
}

/// Rows per class of a node, read off the cells of any one of its features.
#[must_use]
pub(super) fn class_counts(layout: &Layout, feature: FeatureIndex, cells: &[(u32, u64)]) -> ClassCounts {
    let mut counts = ClassCounts::zero(layout.classes);
    for (key, rows) in cells_of(layout, feature, cells) {
        counts.0[(key - layout.offset(feature)) as usize % layout.classes] += rows;
    }
    counts
}

fn cells_of<'a>(layout: &Layout, feature: FeatureIndex, cells: &'a [(u32, u64)]) -> &'a [(u32, u64)] {
    let first = layout.offset(feature);
    let end = first + layout.cells(feature) as u32;
    let from = cells.partition_point(|(key, _)| *key < first);
    let length = cells[from..].partition_point(|(key, _)| *key < end);
    &cells[from..from + length]
}

fn filled_bins(layout: &Layout, feature: FeatureIndex, cells: &[(u32, u64)]) -> Vec<FilledBin> {
    let (first, classes) = (layout.offset(feature), layout.classes as u32);
    let bin_of = |key: u32| (key - first) / classes;
    let same_bin = |a: &(u32, u64), b: &(u32, u64)| bin_of(a.0) == bin_of(b.0);
    let filled = cells_of(layout, feature, cells).chunk_by(same_bin).map(|cells| {
        let mut counts = vec![0; layout.classes];
        cells.iter().for_each(|(key, rows)| counts[((key - first) % classes) as usize] += rows);
        FilledBin { bin: bin_of(cells[0].0) as Bin, counts }
    });
    filled.collect()
}

fn in_class_order(bins: Vec<FilledBin>, name_ranks: &[Bin], counts: &ClassCounts) -> Vec<FilledBin> {
    let by_class: Vec<&[u64]> = bins.iter().map(|bin| bin.counts.as_slice()).collect();
    let places = principal_places(&by_class, &counts.0);
    let mut placed: Vec<(f64, FilledBin)> = places.into_iter().zip(bins).collect();
    let rank = |bin: &FilledBin| name_ranks[usize::from(bin.bin)];
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| rank(&a.1).cmp(&rank(&b.1))));
    placed.into_iter().map(|(_, bin)| bin).collect()
}

/// A cut between two neighbouring filled bins.
struct Cut {
    /// Place of the last bin that goes left.
    last: usize,
    gain: f64,
    left: ClassCounts,
}

fn best_cut(bins: &[FilledBin], counts: &ClassCounts, parent: f64, to_beat: f64, params: &ForestParams) -> Option<Cut> {
    let (total, min_rows) = (counts.total(), u64::from(params.min_rows));
    let mut left = ClassCounts::zero(counts.0.len());
    let mut right = counts.clone();
    let mut left_rows = 0;
    let mut best: Option<Cut> = None;
    for (last, bin) in bins.iter().enumerate() {
        left.0.iter_mut().zip(&bin.counts).for_each(|(left, rows)| *left += rows);
        right.0.iter_mut().zip(&bin.counts).for_each(|(right, rows)| *right -= rows);
        left_rows += bin.counts.iter().sum::<u64>();
        if total - left_rows < min_rows {
            break;
        }
        if left_rows >= min_rows {
            let gain = gain(params.impurity, parent, &left.0, &right.0);
            if gain > best.as_ref().map_or(to_beat, |best| best.gain) {
                best = Some(Cut { last, gain, left: left.clone() });
            }
        }
    }
    best
}

/// The bins up to the cut; those without a row in this node go with the larger child, left when both are equal.
fn set_rule(bins: &[FilledBin], cut: &Cut, counts: &ClassCounts, all_bins: usize) -> Rule {
    let left_rows = cut.left.total();
    let chosen = if left_rows * 2 >= counts.total() {
        let mut goes_left = vec![true; all_bins];
        bins[cut.last + 1..].iter().for_each(|bin| goes_left[usize::from(bin.bin)] = false);
        BinSet::of((0..all_bins).filter(|bin| goes_left[*bin]).map(|bin| bin as Bin), all_bins)
    } else {
        BinSet::of(bins[..=cut.last].iter().map(|bin| bin.bin), all_bins)
    };
    Rule::In(chosen)
}
