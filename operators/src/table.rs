//! Labelled rows on one worker, before and after binning.
//!
//! A row stays on the worker that read it; only what is said *about* rows travels. The rows of a worker form columns
//! of equal length, in the order in which they were read, which no result depends on.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::columns::{Coded, FeatureColumn};
use crate::identity::{RowIdentity, RowKey};
use crate::space::{Bin, FeatureIndexer, FeatureSpace};

/// A class of the label, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Class(pub u8);

impl Class {
    /// The class as an index into per-class counts.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A day, as any number that orders days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(pub i32);

/// Rows with their label, as read: all columns have one length.
#[derive(Clone, Debug)]
pub struct LabelledRows {
    /// One column per feature, in schema order.
    pub features: Vec<FeatureColumn>,
    /// The label of each row.
    pub classes: Vec<Class>,
    /// The day of each row, for hold-outs by day.
    pub days: Coded<Day>,
    /// Who each row is.
    pub identities: Rc<Vec<RowIdentity>>,
}

impl LabelledRows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
}

/// What a row is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The forest is grown from it.
    Train,
    /// The forest is judged by it.
    HeldOut,
    /// The forest is judged by it as well: the other kind of hold-out, for comparison.
    Companion,
}

/// Rows with their keys and roles.
#[derive(Clone, Debug)]
pub struct RoledRows {
    /// The rows.
    pub rows: Rc<LabelledRows>,
    /// The key of each row.
    pub keys: Rc<Vec<RowKey>>,
    /// The role of each row.
    pub roles: Vec<Role>,
}

/// The bins of one feature, a byte each where they fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BinColumn {
    /// For features of at most 256 bins.
    Narrow(Vec<u8>),
    /// For all others.
    Wide(Vec<Bin>),
}

impl BinColumn {
    /// The bin of one row.
    ///
    /// # Panics
    /// When there is no such row, as a slice would.
    #[must_use]
    pub fn get(&self, row: usize) -> Bin {
        match self {
            Self::Narrow(bins) => Bin::from(bins[row]),
            Self::Wide(bins) => bins[row],
        }
    }
}

/// Binned rows of one role, column-major.
#[derive(Clone, Debug)]
pub struct BinnedRows {
    /// One column per feature.
    pub columns: Vec<BinColumn>,
    /// The label of each row.
    pub classes: Vec<Class>,
    /// The key of each row.
    pub keys: Vec<RowKey>,
}

impl BinnedRows {
    /// Bins those rows of `table` that have `role`.
    #[must_use]
    pub fn of(table: &RoledRows, space: &FeatureSpace, role: Role) -> Self {
        let rows: Vec<usize> = (0..table.roles.len()).filter(|row| table.roles[*row] == role).collect();
        let columns = table.rows.features.iter().zip(&space.features);
        let bin = |(column, bins)| FeatureIndexer::new(bins).bins(column, rows.iter().copied());
        Self {
            columns: columns.map(bin).collect(),
            classes: rows.iter().map(|row| table.rows.classes[*row]).collect(),
            keys: rows.iter().map(|row| table.keys[*row]).collect(),
        }
    }

    /// Copies of some of the rows, in this order.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        let column = |column: &BinColumn| match column {
            BinColumn::Narrow(bins) => BinColumn::Narrow(rows.iter().map(|row| bins[*row]).collect()),
            BinColumn::Wide(bins) => BinColumn::Wide(rows.iter().map(|row| bins[*row]).collect()),
        };
        Self {
            columns: self.columns.iter().map(column).collect(),
            classes: rows.iter().map(|row| self.classes[*row]).collect(),
            keys: rows.iter().map(|row| self.keys[*row]).collect(),
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }
}
