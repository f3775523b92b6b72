//! Labelled rows on one worker, before and after binning.
//!
//! A row stays on the worker that read it; only what is said *about* rows travels. The rows of a worker form columns
//! of equal length, in the order in which they were read, which no result depends on.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::columns::{Coded, FeatureColumn};
use crate::folds::Block;
use crate::identity::RowKey;
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
    /// The key of each row; none where no row is a training row.
    pub keys: Rc<Vec<RowKey>>,
    /// The role of each row.
    pub roles: Vec<Role>,
    /// The block of each row, of which folds are made; none where there are no folds.
    pub blocks: Vec<Block>,
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
    /// The key of each training or held-out row; none of companions, for which nothing is drawn, nor of a table without keys.
    pub keys: Vec<RowKey>,
    /// The block of each training row; none of others, nor where there are no folds.
    pub blocks: Vec<Block>,
}

impl BinnedRows {
    /// Bins the rows of `table` that have one of `roles`, those of each role by themselves.
    ///
    /// The table is used up column by column, so that its codes and the bins don't take memory side by side when nobody
    /// else holds it.
    #[must_use]
    pub fn by_role<const N: usize>(table: Rc<RoledRows>, space: &FeatureSpace, roles: [Role; N]) -> [Self; N] {
        let RoledRows { rows, keys, roles: role_of, blocks } = Rc::unwrap_or_clone(table);
        let LabelledRows { features, classes, days, .. } = Rc::unwrap_or_clone(rows);
        drop(days);
        let counts = roles.map(|role| role_of.iter().filter(|of| **of == role).count());
        let place = |row: usize| roles.iter().position(|role| *role == role_of[row]);
        let mut binned = counts.map(|rows| Self {
            columns: Vec::with_capacity(space.features.len()),
            classes: Vec::with_capacity(rows),
            keys: Vec::new(),
            blocks: Vec::new(),
        });
        for (column, bins) in features.into_iter().zip(&space.features) {
            let columns = FeatureIndexer::new(bins).bins(&column, counts, place);
            binned.iter_mut().zip(columns).for_each(|(binned, column)| binned.columns.push(column));
        }
        for (row, class) in classes.iter().enumerate() {
            if let Some(place) = place(row) {
                binned[place].classes.push(*class);
            }
        }
        if let Some(held_out) = roles.iter().position(|role| *role == Role::HeldOut) {
            let keys = keys.iter().zip(&role_of).filter(|(_, role)| **role == Role::HeldOut);
            binned[held_out].keys = keys.map(|(key, _)| *key).collect();
        }
        if let Some(training) = roles.iter().position(|role| *role == Role::Train) {
            binned[training].keys = kept(Rc::unwrap_or_clone(keys), |row| role_of[row] == Role::Train);
            binned[training].blocks = kept(blocks, |row| role_of[row] == Role::Train);
        }
        binned
    }

    /// Copies of some of the rows, in this order, without their blocks.
    ///
    /// # Panics
    /// When there is no such row, or it has no key.
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
            blocks: Vec::new(),
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

/// What `keep` names of something that each row has, moved within its own memory.
fn kept<D>(mut of_rows: Vec<D>, keep: impl Fn(usize) -> bool) -> Vec<D> {
    let mut row = 0;
    of_rows.retain(|_| {
        row += 1;
        keep(row - 1)
    });
    of_rows
}
