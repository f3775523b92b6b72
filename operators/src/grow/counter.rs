//! Counts the rows of a node into the cells of its features.
//!
//! Up to three features are counted in one pass over the rows, each into an array of its own that stays in the cache.
//! Where a node has many rows all cells are looked through afterwards and cleared; where it has few, a bitmap remembers
//! the cells that got one, so that a node of 40 rows doesn't pay for 18,000 cells.

use super::bag::{MOST_WEIGHT, WeightedRow};
use super::cells::{CellColumn, CellColumns, SHORT_CELLS};
use super::histogram::{SparseCells, push_dense};
use super::layout::Layout;
use super::touched::Touched;
use crate::space::FeatureIndex;

/// Features that are counted in one pass.
const AT_ONCE: usize = 3;

/// To look through all cells and clear them costs a step for each, and the bitmap some for each row: a node is dense
/// that has one row for this many cells.
const CELLS_PER_ROW: usize = 4;

/// Counts rows into cells; all its counts are zero between two nodes.
#[derive(Debug)]
pub(super) struct CellCounter {
    /// As long as a two-byte number is large, so that no index needs a check.
    short: [Box<[u32; SHORT_CELLS]>; AT_ONCE],
    long: Vec<u32>,
    touched: Touched,
}

impl CellCounter {
    pub(super) fn new(layout: &Layout) -> Self {
        let long = if layout.most_cells() > SHORT_CELLS { layout.most_cells() } else { 0 };
        Self {
            short: std::array::from_fn(|_| Box::new([0; SHORT_CELLS])),
            long: vec![0; long],
            touched: Touched::up_to(layout.most_cells()),
        }
    }

    /// Appends the cells of a node for the features of `subset`, in its order.
    pub(super) fn count(
        &mut self,
        columns: &CellColumns,
        layout: &Layout,
        subset: &[FeatureIndex],
        rows: &[WeightedRow],
        words: &mut Vec<u32>,
    ) {
        let mut rest = subset;
        while let [first, others @ ..] = rest {
            let short_and_dense = |feature: &FeatureIndex| match columns.of_feature(*feature) {
                CellColumn::Short(cells) if is_dense(layout, *feature, rows) => Some(cells.as_slice()),
                _ => None,
            };
            let mut together = rest.iter().map_while(short_and_dense);
            let done = match (together.next(), together.next(), together.next()) {
                (Some(a), Some(b), Some(c)) => self.count_together([a, b, c], rows),
                (Some(a), Some(b), None) => self.count_together([a, b], rows),
                (Some(a), None, _) => self.count_together([a], rows),
                (None, ..) => {
                    self.count_alone(columns.of_feature(*first), layout.cells(*first), rows, words);
                    rest = others;
                    continue;
                }
            };
            for (feature, counts) in rest[..done].iter().zip(&mut self.short) {
                let counts = &mut counts[..layout.cells(*feature)];
                push_dense(words, counts);
                counts.fill(0);
            }
            rest = &rest[done..];
        }
    }

    fn count_together<const FEATURES: usize>(&mut self, columns: [&[u16]; FEATURES], rows: &[WeightedRow]) -> usize {
        // Of one length, which the compiler can't know otherwise.
        let length = columns.iter().map(|column| column.len()).min().unwrap_or(0);
        let columns = columns.map(|column| &column[..length]);
        for entry in rows {
            let (row, weight) = (entry.row(), entry.weight());
            for (column, counts) in columns.iter().zip(&mut self.short) {
                counts[usize::from(column[row])] += weight;
            }
        }
        FEATURES
    }

    /// Counts a feature of few rows, or of more cells than a two-byte number tells apart.
    fn count_alone(&mut self, column: &CellColumn, cells: usize, rows: &[WeightedRow], words: &mut Vec<u32>) {
        let counts = match column {
            CellColumn::Short(_) => self.short[0].as_mut_slice(),
            CellColumn::Long(_) => self.long.as_mut_slice(),
        };
        for entry in rows {
            let cell = column.get(entry.row());
            counts[cell] += entry.weight();
            self.touched.insert(cell);
        }
        let mut written = SparseCells::begin(words, cells, rows.len() * MOST_WEIGHT as usize);
        self.touched.drain(|cell| written.push(cell, std::mem::take(&mut counts[cell])));
        written.end();
    }
}

fn is_dense(layout: &Layout, feature: FeatureIndex, rows: &[WeightedRow]) -> bool {
    rows.len() * CELLS_PER_ROW >= layout.cells(feature)
}
