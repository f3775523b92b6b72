//! Some rows in bins, in the form in which a forest takes them.

use std::ops::Range;

use crate::space::Bin;
use crate::table::BinColumn;

/// The bins of some rows, feature by feature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BinBlock {
    rows: usize,
    bins: Vec<Bin>,
}

impl BinBlock {
    /// So many rows of so many features, all in bin 0.
    #[must_use]
    pub fn new(features: usize, rows: usize) -> Self {
        Self { rows, bins: vec![0; features * rows] }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The bin of each row in one feature, given by its place in the schema.
    ///
    /// # Panics
    /// When there is no such feature, as a slice would.
    #[must_use]
    pub fn feature(&self, feature: u16) -> &[Bin] {
        let start = usize::from(feature) * self.rows;
        &self.bins[start..start + self.rows]
    }

    /// One bin.
    pub(super) fn get(&self, feature: u16, row: usize) -> Bin {
        self.bins[usize::from(feature) * self.rows + row]
    }

    /// The same, to be filled.
    ///
    /// # Panics
    /// When there is no such feature.
    #[must_use]
    pub fn feature_mut(&mut self, feature: u16) -> &mut [Bin] {
        let start = usize::from(feature) * self.rows;
        &mut self.bins[start..start + self.rows]
    }

    /// Takes some rows of all columns, in place of those it had.
    ///
    /// # Panics
    /// When a column has no such rows.
    pub fn take(&mut self, columns: &[BinColumn], rows: Range<usize>) {
        self.rows = rows.len();
        self.bins.clear();
        for column in columns {
            match column {
                BinColumn::Narrow(bins) => self.bins.extend(bins[rows.clone()].iter().copied().map(Bin::from)),
                BinColumn::Wide(bins) => self.bins.extend_from_slice(&bins[rows.clone()]),
            }
        }
    }
}
