//! From the values of a feature to the bins of a model: the one place where it is done, in training and in serving.

use std::collections::HashMap;

use super::{Bin, FeatureBins, numeric_bin};
use crate::columns::{Codes, FeatureColumn, Number, StableHasher};
use crate::table::BinColumn;

/// A value of a feature, of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureValue<'a> {
    /// Of a numeric feature.
    Number(Number),
    /// Of a categorical feature.
    Name(&'a str),
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
        vocabulary: HashMap<Box<str>, Bin, StableHasher>,
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

    /// The bins of a column, sorted into `N` lists: `place` says in which a row belongs, `counts` how many rows each gets.
    /// One search per value of the dictionary, a look-up per row.
    ///
    /// # Panics
    /// When the column is not of the feature's kind, which the schema rules out, or `place` names no list.
    pub fn bins<const N: usize>(
        &self,
        column: &FeatureColumn,
        counts: [usize; N],
        place: impl Fn(usize) -> Option<usize>,
    ) -> [BinColumn; N] {
        let (by_code, bins): (Vec<Bin>, usize) = match (self, column) {
            (Self::Numeric { cuts }, FeatureColumn::Numeric(column)) => {
                (column.values().iter().map(|value| numeric_bin(cuts, *value)).collect(), cuts.len() + 1)
            }
            (Self::Categorical { vocabulary, unseen }, FeatureColumn::Categorical(column)) => {
                let bin = |name: &str| vocabulary.get(name).copied().unwrap_or(*unseen);
                (column.values().iter().map(|name| bin(name)).collect(), usize::from(*unseen) + 1)
            }
            _ => unreachable!("a column and its bins are of one kind: both follow the schema"),
        };
        if bins <= 256 {
            let by_code: Vec<u8> = by_code.into_iter().map(|bin| bin as u8).collect();
            gather(column.codes(), &by_code, counts, place).map(BinColumn::Narrow)
        } else {
            gather(column.codes(), &by_code, counts, place).map(BinColumn::Wide)
        }
    }
}

fn gather<B: Copy, const N: usize>(
    codes: &Codes,
    by_code: &[B],
    counts: [usize; N],
    place: impl Fn(usize) -> Option<usize>,
) -> [Vec<B>; N] {
    let mut lists = counts.map(Vec::with_capacity);
    codes.for_each(|row, code| {
        if let Some(place) = place(row) {
            lists[place].push(by_code[code.index()]);
        }
    });
    lists
}
