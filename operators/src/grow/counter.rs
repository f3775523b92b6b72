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
pub const CELLS_PER_ROW: usize = 4;

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
                CellColumn::Short(cells) if is_dense(layout.cells(*feature), rows) => Some(cells.as_slice()),
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
        if is_dense(cells, rows) {
            rows.iter().for_each(|entry| counts[column.get(entry.row())] += entry.weight());
            push_dense(words, &counts[..cells]);
            return counts[..cells].fill(0);
        }
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

fn is_dense(cells: usize, rows: &[WeightedRow]) -> bool {
    rows.len() * CELLS_PER_ROW >= cells
}

#[cfg(test)]
mod tests {
    use super::super::histogram::FeatureCells;
    use super::*;
    use crate::identity::RowKey;
    use crate::space::{FeatureBins, FeatureSpace};
    use crate::table::{BinColumn, BinnedRows, Class};

    /// Features of few and of many cells, three that are counted together and one more, nodes of many and of few rows.
    #[test]
    fn every_way_of_counting_finds_the_rows_of_each_cell() {
        const BINS: [u16; 5] = [3, 200, 40_000, 2, 60_000];
        const CLASSES: usize = 4;
        let bin = |row: u32, bins: u16| (row.wrapping_mul(2_654_435_761) >> 7) as u16 % bins;
        let numeric = |bins: u16| FeatureBins::Numeric { cuts: (1..i32::from(bins)).map(i32::into).collect() };
        let space = FeatureSpace { features: BINS.map(numeric).into() };
        let layout = Layout::new(&space, CLASSES);
        let class = |row: u32| (row % 3) as u8;
        let rows = 0..60_000_u32;
        let data = BinnedRows {
            columns: BINS.map(|bins| BinColumn::Wide(rows.clone().map(|row| bin(row, bins)).collect())).into(),
            classes: rows.clone().map(|row| Class(class(row))).collect(),
            keys: rows.clone().map(|row| RowKey(row.into())).collect(),
            blocks: Vec::new(),
        };
        let columns = CellColumns::of(&data, &layout);
        let subset: Vec<FeatureIndex> = (0..5).map(FeatureIndex).collect();
        let mut counter = CellCounter::new(&layout);
        for step in [1, 7, 5_000] {
            let node: Vec<WeightedRow> =
                rows.clone().step_by(step).map(|row| WeightedRow::new(row, 1 + (row % 12) as u8)).collect();
            let mut words = Vec::new();
            counter.count(&columns, &layout, &subset, &node, &mut words);
            let mut left = words.as_slice();
            for bins in BINS {
                let mut found = vec![0_u32; usize::from(bins) * CLASSES];
                match FeatureCells::take(&mut left) {
                    FeatureCells::Dense(cells) => found.copy_from_slice(cells),
                    few => few.for_each(|cell, rows| found[cell] = rows),
                }
                let mut expected = vec![0; found.len()];
                for entry in &node {
                    let row = entry.row() as u32;
                    expected[usize::from(bin(row, bins)) * CLASSES + usize::from(class(row))] += entry.weight();
                }
                assert!(found == expected, "{bins} bins, every {step}th row");
            }
            assert!(left.is_empty());
        }
    }
}
