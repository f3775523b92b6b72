//! The histogram of a node over all workers, feature by feature: its filled bins with their rows per class.
//!
//! Counts are held as `f64`, which is exact for whole numbers below 2^53, since all that is done with them is done in
//! `f64`.

use super::histogram::FeatureCells;
use super::layout::Layout;
use super::touched::Touched;
use crate::space::Bin;

/// The bins of a feature that have rows, ascending, with their rows per class. `WIDTH` is the number of classes or
/// more; what is beyond them is zero.
#[derive(Debug, Default)]
pub(super) struct FilledBins<const WIDTH: usize> {
    pub(super) bins: Vec<Bin>,
    pub(super) counts: Vec<[f64; WIDTH]>,
}

impl<const WIDTH: usize> FilledBins<WIDTH> {
    fn clear(&mut self) {
        self.bins.clear();
        self.counts.clear();
    }

    fn push(&mut self, bin: usize, rows: &[f64]) {
        let mut counts = [0.0; WIDTH];
        counts[..rows.len()].copy_from_slice(rows);
        self.bins.push(bin as Bin);
        self.counts.push(counts);
    }

    /// Rows per class of all bins.
    pub(super) fn total(&self) -> [f64; WIDTH] {
        let mut total = [0.0; WIDTH];
        for counts in &self.counts {
            total.iter_mut().zip(counts).for_each(|(sum, rows)| *sum += rows);
        }
        total
    }
}

/// Adds up the cells of one feature from several workers; all its sums are zero between two features.
#[derive(Debug)]
pub(super) struct CellMerger {
    classes: usize,
    sums: Vec<f64>,
    touched: Touched,
}

impl CellMerger {
    pub(super) fn new(layout: &Layout) -> Self {
        let cells = layout.most_cells();
        let bins = cells / layout.classes();
        Self { classes: layout.classes(), sums: vec![0.0; cells], touched: Touched::up_to(bins) }
    }

    /// Takes the next feature, of `bins` bins, off the words of each worker, and makes `filled` of it.
    pub(super) fn merge<const WIDTH: usize>(
        &mut self,
        parts: &mut [&[u32]],
        bins: usize,
        filled: &mut FilledBins<WIDTH>,
    ) {
        filled.clear();
        let mut dense = false;
        for part in parts {
            match FeatureCells::take(part) {
                FeatureCells::Dense(cells) => {
                    dense = true;
                    self.sums.iter_mut().zip(cells).for_each(|(sum, rows)| *sum += f64::from(*rows));
                }
                few => few.for_each(|cell, rows| {
                    self.sums[cell] += f64::from(rows);
                    self.touched.insert(cell / self.classes);
                }),
            }
        }
        let (classes, sums) = (self.classes, &mut self.sums);
        let take = |bin: usize| {
            let sums = &mut sums[bin * classes..][..classes];
            if sums.iter().any(|rows| *rows > 0.0) {
                filled.push(bin, sums);
                sums.fill(0.0);
            }
        };
        if dense {
            self.touched.drain(|_| ());
            (0..bins).for_each(take);
        } else {
            self.touched.drain(take);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::histogram::{SparseCells, push_dense};
    use super::*;
    use crate::space::{FeatureBins, FeatureIndex, FeatureSpace};

    const BINS: usize = 70;
    const CLASSES: usize = 3;

    proptest! {
        /// The oracle: a plain sum of dense arrays. Two features, so that the words of the second follow the first's.
        #[test]
        fn parts_in_any_form_add_up(
            parts in prop::collection::vec((prop::collection::vec((0..BINS * CLASSES, 1_u32..90_000), 0..40), 0_u8..3), 0..4),
        ) {
            let cuts = (0..BINS as i32 - 1).map(i32::into).collect();
            let space = FeatureSpace { features: vec![FeatureBins::Numeric { cuts }; 2] };
            let mut merger = CellMerger::new(&Layout::new(&space, CLASSES));
            let mut expected = vec![0_u32; BINS * CLASSES];
            let words: Vec<Vec<u32>> = parts.iter().map(|(rows, form)| {
                let mut cells = vec![0; BINS * CLASSES];
                rows.iter().for_each(|(cell, rows)| cells[*cell] += rows);
                expected.iter_mut().zip(&cells).for_each(|(sum, rows)| *sum += rows);
                let mut words = Vec::new();
                for _feature in 0..2 {
                    if *form == 0 {
                        push_dense(&mut words, &cells);
                        continue;
                    }
                                        let few: Vec<(usize, u32)> = cells.iter().copied().enumerate().filter(|cell| cell.1 > 0).collect();
                    // The true maximum packs most of them; a limit that is not packs none.
                    let largest = few.iter().map(|cell| cell.1 as usize).max().unwrap_or(0);
                    let most = if *form == 1 { largest } else { usize::MAX };
                    let mut sparse = SparseCells::begin(&mut words, BINS * CLASSES, most);
                    few.iter().for_each(|(cell, rows)| sparse.push(*cell, *rows));
                    sparse.end();
                }
                words
            }).collect();
            let mut words: Vec<&[u32]> = words.iter().map(Vec::as_slice).collect();
            for _feature in [FeatureIndex(0), FeatureIndex(1)] {
                let mut filled = FilledBins::<4>::default();
                merger.merge(&mut words, BINS, &mut filled);
                let mut found = vec![0.0; BINS * CLASSES];
                for (bin, counts) in filled.bins.iter().zip(&filled.counts) {
                    found[usize::from(*bin) * CLASSES..][..CLASSES].copy_from_slice(&counts[..CLASSES]);
                    prop_assert!(counts.iter().any(|rows| *rows > 0.0));
                }
                prop_assert!(filled.bins.is_sorted());
                prop_assert_eq!(&found, &expected.iter().map(|rows| f64::from(*rows)).collect::<Vec<_>>());
            }
            prop_assert!(words.iter().all(|rest| rest.is_empty()));
        }
    }
}
