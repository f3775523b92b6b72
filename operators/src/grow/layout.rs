//! Where the cells of each feature lie, and how its categories are called.

use crate::space::{Bin, FeatureBins, FeatureIndex, FeatureSpace};

/// The shape of the histograms of a feature space.
#[derive(Clone, Debug)]
pub struct Layout {
    classes: usize,
    /// Bins of each feature.
    bins: Vec<u32>,
    /// For a categorical feature the alphabetical rank of each bin, the unseen one last.
    name_ranks: Vec<Option<Vec<Bin>>>,
}

impl Layout {
    /// The layout of a feature space with `classes` classes.
    #[must_use]
    pub fn new(space: &FeatureSpace, classes: usize) -> Self {
        let bins = space.features.iter().map(|bins| bins.len() as u32).collect();
        Self { classes, bins, name_ranks: space.features.iter().map(name_ranks).collect() }
    }

    /// Number of features.
    #[must_use]
    pub fn features(&self) -> u16 {
        self.bins.len() as u16
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of bins of a feature.
    #[must_use]
    pub fn bins(&self, feature: FeatureIndex) -> usize {
        self.bins[feature.index()] as usize
    }

    /// Number of cells of a feature: one for each class of each bin.
    #[must_use]
    pub fn cells(&self, feature: FeatureIndex) -> usize {
        self.bins(feature) * self.classes
    }

    /// The most cells that a feature has.
    #[must_use]
    pub fn most_cells(&self) -> usize {
        self.bins.iter().map(|bins| *bins as usize * self.classes).max().unwrap_or(0)
    }

    /// The bin for unseen categories of a feature, which is the last; `None` for a numeric one.
    #[must_use]
    pub fn unseen(&self, feature: FeatureIndex) -> Option<Bin> {
        self.name_ranks(feature).map(|ranks| (ranks.len() - 1) as Bin)
    }

    /// The alphabetical rank of each bin of a categorical feature, the unseen one last; `None` for a numeric one.
    #[must_use]
    pub fn name_ranks(&self, feature: FeatureIndex) -> Option<&[Bin]> {
        self.name_ranks[feature.index()].as_deref()
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
