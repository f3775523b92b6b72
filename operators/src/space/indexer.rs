//! From the values of a feature to the bins of a model: the one place where it is done, in training and in serving.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Bin, FeatureBins, numeric_bin};
use crate::columns::{Coded, FeatureColumn, Number};
use crate::table::BinColumn;

/// A value of a feature, of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureValue<'a> {
    /// Of a numeric feature.
    Number(Number),
    /// Of a categorical feature.
    Name(&'a str),
}

/// Hashes a name in one piece: names are short, and a hasher that takes any number of pieces has a long state to prepare.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// What a text ends with tells lists of texts apart; a name is one text.
    fn write_u8(&mut self, end: u8) {
        self.0 ^= u64::from(end);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Finds the bins of one feature; built once per model, or once per table.
#[derive(Clone, Debug)]
pub enum FeatureIndexer {
    /// By the cuts between numbers.
    Numeric {
        /// Ascending.
        cuts: Vec<Number>,
    },
    /// By name.
    Categorical {
        /// The bin of each name that the model knows.
        vocabulary: HashMap<Box<str>, Bin, BuildHasherDefault<NameHasher>>,
        /// The bin of all others.
        unseen: Bin,
    },
}

impl FeatureIndexer {
    /// The indexer of a feature with these bins.
    #[must_use]
    pub fn new(bins: &FeatureBins) -> Self {
        match bins {
            FeatureBins::Numeric { cuts } => Self::Numeric { cuts: cuts.clone() },
            FeatureBins::Categorical { names } => {
                Self::Categorical { vocabulary: names.iter().cloned().zip(0..).collect(), unseen: names.len() as Bin }
            }
        }
    }

    /// The bin of what the model never saw; a number is never that.
    #[must_use]
    pub const fn unseen(&self) -> Option<Bin> {
        match self {
            Self::Numeric { .. } => None,
            Self::Categorical { unseen, .. } => Some(*unseen),
        }
    }

    /// The bin of one value.
    ///
    /// # Panics
    /// When the value is not of the feature's kind, which the schema rules out.
    #[must_use]
    pub fn bin(&self, value: FeatureValue<'_>) -> Bin {
        match (self, value) {
            (Self::Numeric { cuts }, FeatureValue::Number(number)) => numeric_bin(cuts, number),
            (Self::Categorical { vocabulary, unseen }, FeatureValue::Name(name)) => {
                vocabulary.get(name).copied().unwrap_or(*unseen)
            }
            _ => unreachable!("a value and its bins are of one kind: both follow the schema"),
        }
    }

    /// The bins of some rows of a column: one search per distinct value, a look-up per row.
    ///
    /// # Panics
    /// When the column is not of the feature's kind, which the schema rules out, or has no such row.
    pub fn bins(&self, column: &FeatureColumn, rows: impl Iterator<Item = usize>) -> BinColumn {
        match (self, column) {
            (Self::Numeric { cuts }, FeatureColumn::Numeric(column)) => {
                let by_code: Vec<Bin> = column.values().iter().map(|value| numeric_bin(cuts, *value)).collect();
                gather(column, &by_code, cuts.len() + 1, rows)
            }
            (Self::Categorical { vocabulary, unseen }, FeatureColumn::Categorical(column)) => {
                let bin = |name: &str| vocabulary.get(name).copied().unwrap_or(*unseen);
                let by_code: Vec<Bin> = column.values().iter().map(|name| bin(name)).collect();
                gather(column, &by_code, usize::from(*unseen) + 1, rows)
            }
            _ => unreachable!("a column and its bins are of one kind: both follow the schema"),
        }
    }
}

fn gather<V>(column: &Coded<V>, by_code: &[Bin], bins: usize, rows: impl Iterator<Item = usize>) -> BinColumn {
    let codes = column.codes();
    let of_rows = rows.map(|row| by_code[codes[row].index()]);
    if bins <= 256 {
        BinColumn::Narrow(of_rows.map(|bin| bin as u8).collect())
    } else {
        BinColumn::Wide(of_rows.collect())
    }
}
