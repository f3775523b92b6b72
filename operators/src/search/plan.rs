//! Which forests a search grows, and which candidates are cut out of each.

use crate::folds::{FoldRule, FoldSplit};
use crate::forest::{ForestParams, ForestSize, Smoothing};
use crate::grow::{ForestTask, Tasks};

/// What to search among, and what judges it.
#[derive(Clone, Debug)]
pub struct SearchPlan {
    candidates: Vec<ForestParams>,
    folds: Vec<FoldSplit>,
    families: Vec<Family>,
}

/// Candidates that are cut out of one forest.
#[derive(Clone, Debug)]
pub(super) struct Family {
    /// The largest forest of all.
    largest: ForestParams,
    /// Their places among the candidates.
    pub(super) members: Vec<usize>,
}

impl Family {
    fn has(&self, candidate: &ForestParams) -> bool {
        let size = ForestSize { trees: candidate.trees, depth: candidate.depth };
        with_size(&self.largest, size, candidate.smoothing) == *candidate
    }

    fn add(&mut self, place: usize, candidate: &ForestParams) {
        self.largest.trees = self.largest.trees.max(candidate.trees);
        self.largest.depth = self.largest.depth.max(candidate.depth);
        self.members.push(place);
    }
}

fn with_size(params: &ForestParams, size: ForestSize, smoothing: Smoothing) -> ForestParams {
    ForestParams { trees: size.trees, depth: size.depth, smoothing, ..params.clone() }
}

impl SearchPlan {
    /// A search among some candidates.
    #[must_use]
    pub fn new(candidates: Vec<ForestParams>, folds: FoldRule) -> Self {
        let mut families: Vec<Family> = Vec::new();
        for (place, candidate) in candidates.iter().enumerate() {
            match families.iter_mut().find(|family| family.has(candidate)) {
                Some(family) => family.add(place, candidate),
                None => families.push(Family { largest: candidate.clone(), members: vec![place] }),
            }
        }
        Self { candidates, folds: folds.splits(), families }
    }

    /// The candidates.
    #[must_use]
    pub fn candidates(&self) -> &[ForestParams] {
        &self.candidates
    }

    /// The folds.
    #[must_use]
    pub fn folds(&self) -> &[FoldSplit] {
        &self.folds
    }

    /// The forests to grow: one for each fold of each family.
    #[must_use]
    pub fn tasks(&self) -> Tasks {
        let of_family = |family: &Family| {
            let params = family.largest.clone();
            self.folds.iter().map(move |fold| ForestTask { params: params.clone(), fold: Some(*fold) })
        };
        Tasks::new(self.families.iter().flat_map(of_family).collect())
    }

    /// The family and the fold that a task of [`SearchPlan::tasks`] grows for.
    pub(super) fn locate(&self, task: usize) -> (&Family, usize) {
        (&self.families[task / self.folds.len()], task % self.folds.len())
    }
}
