//! Sparse histograms of a node: how many rows there are for each feature, bin and class.
//!
//! A cell's key orders cells by feature, then bin, then class, over all features of the [`Layout`], so that cells from
//! several workers merge by key. Only cells with rows exist: a node of 40 rows costs 40 cells a feature at most, also
//! when a vocabulary has thousands of names.

use serde::{Deserialize, Serialize};

use super::split::Layout;
use crate::forest::{NodeIndex, TreeIndex};
use crate::space::FeatureIndex;
use crate::table::{BinColumn, BinnedRows, Class};

/// Rows of one class in one bin of one feature, counted with bagging weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// See [`Layout::offset`].
    pub key: u32,
    /// At least 1.
    pub rows: u32,
}

/// What one worker has of one node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeHistogram {
    /// The tree.
    pub tree: TreeIndex,
    /// The node.
    pub node: NodeIndex,
    /// Ascending by key; never empty.
    pub cells: Vec<Cell>,
}

/// Rows of a node on one worker: indices into [`BinnedRows`], and a bagging weight each.
#[derive(Clone, Copy, Debug)]
pub(super) struct WeightedRows<'a> {
    pub(super) rows: &'a [u32],
    pub(super) weights: &'a [u8],
}

/// Counts rows into cells; keeps its scratch memory between nodes.
#[derive(Debug, Default)]
pub(super) struct CellCounter {
    dense: Vec<u32>,
    keyed: Vec<(u32, u32)>,
}

impl CellCounter {
    /// The cells of a node for the features of `subset`, which ascend.
    pub(super) fn count(
        &mut self,
        data: &BinnedRows,
        layout: &Layout,
        subset: &[FeatureIndex],
        node: WeightedRows<'_>,
    ) -> Vec<Cell> {
        let mut cells = Vec::new();
        for feature in subset {
            match &data.columns[feature.index()] {
                BinColumn::Narrow(bins) => self.count_feature(bins, &data.classes, layout, *feature, node, &mut cells),
                BinColumn::Wide(bins) => self.count_feature(bins, &data.classes, layout, *feature, node, &mut cells),
            }
        }
        cells
    }

    fn count_feature<B: Copy + Into<u32>>(
        &mut self,
        bins: &[B],
        classes: &[Class],
        layout: &Layout,
        feature: FeatureIndex,
        node: WeightedRows<'_>,
        cells: &mut Vec<Cell>,
    ) {
        let (first, size, per_bin) = (layout.offset(feature), layout.cells(feature), layout.classes() as u32);
        let counted = node.rows.iter().zip(node.weights).map(|(row, weight)| {
            let row = *row as usize;
            (bins[row].into() * per_bin + u32::from(classes[row].0), u32::from(*weight))
        });
        // Clearing and scanning the dense form costs a step per cell; sorting costs several per row.
        if node.rows.len() * 4 >= size {
            self.dense.clear();
            self.dense.resize(size, 0);
            counted.for_each(|(cell, weight)| self.dense[cell as usize] += weight);
            let present = self.dense.iter().zip(first..).filter(|(rows, _)| **rows > 0);
            cells.extend(present.map(|(rows, key)| Cell { key, rows: *rows }));
        } else {
            self.keyed.clear();
            self.keyed.extend(counted);
            self.keyed.sort_unstable_by_key(|(cell, _)| *cell);
            for equal in self.keyed.chunk_by(|a, b| a.0 == b.0) {
                cells.push(Cell { key: first + equal[0].0, rows: equal.iter().map(|(_, rows)| rows).sum() });
            }
        }
    }
}

/// Adds up the cells of several workers: ascending keys with their rows everywhere.
#[must_use]
pub fn merge_cells(parts: Vec<Vec<Cell>>) -> Vec<(u32, u64)> {
    let lone = parts.len() == 1;
    let mut all: Vec<(u32, u64)> = parts.into_iter().flatten().map(|cell| (cell.key, u64::from(cell.rows))).collect();
    if !lone {
        // Runs of ascending keys: what a stable merge sort is fastest at.
        all.sort_by_key(|(key, _)| *key);
        all.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
    }
    all
}
