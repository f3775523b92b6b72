//! The cell of each row: what the histogram of a feature counts, worked out once for all trees and levels.
//!
//! The cells of a feature are numbered bin by bin, and within a bin class by class, so a row is counted by one look-up
//! and one addition. A number takes two bytes where all cells of the feature fit, as those of 16,384 bins with four
//! classes do.

use crate::space::FeatureIndex;
use crate::table::{BinColumn, BinnedRows, Class};

use super::layout::Layout;

/// Cells that a two-byte number tells apart.
pub(super) const SHORT_CELLS: usize = 1 << 16;

/// The cell of each row in one feature: bin x classes + class.
#[derive(Debug)]
pub(super) enum CellColumn {
    /// For features of at most [`SHORT_CELLS`] cells.
    Short(Vec<u16>),
    /// For all others.
    Long(Vec<u32>),
}

impl CellColumn {
    pub(super) fn get(&self, row: usize) -> usize {
        match self {
            Self::Short(cells) => cells[row].into(),
            Self::Long(cells) => cells[row] as usize,
        }
    }
}

/// The cells of all rows of a worker, one column per feature.
#[derive(Debug)]
pub(super) struct CellColumns(Vec<CellColumn>);

impl CellColumns {
    pub(super) fn of(rows: &BinnedRows, layout: &Layout) -> Self {
        let column = |(bins, feature): (&BinColumn, u16)| {
            let cells = layout.cells(FeatureIndex(feature));
            match bins {
                BinColumn::Narrow(bins) => column(bins, &rows.classes, layout.classes(), cells),
                BinColumn::Wide(bins) => column(bins, &rows.classes, layout.classes(), cells),
            }
        };
        Self(rows.columns.iter().zip(0..).map(column).collect())
    }

    pub(super) fn of_feature(&self, feature: FeatureIndex) -> &CellColumn {
        &self.0[feature.index()]
    }
}

fn column<B: Copy + Into<u32>>(bins: &[B], classes: &[Class], class_count: usize, cells: usize) -> CellColumn {
    let cell = |(bin, class): (&B, &Class)| (*bin).into() * class_count as u32 + u32::from(class.0);
    let of_rows = bins.iter().zip(classes).map(cell);
    if cells <= SHORT_CELLS {
        CellColumn::Short(of_rows.map(|cell| cell as u16).collect())
    } else {
        CellColumn::Long(of_rows.collect())
    }
}
