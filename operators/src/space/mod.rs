//! The feature space: which values a model knows, and the small integer (bin) that stands for each.
//!
//! Numeric features have cuts between neighbouring values; categorical ones a vocabulary, most frequent first, ties
//! by name. The space is a function of the multiset of training rows: it does not depend on who read them.

mod index;
mod indexer;
mod summary;

use serde::{Deserialize, Serialize};

use crate::columns::Number;
pub use index::{IndexedFeatures, index_features};
pub use indexer::{FeatureIndexer, FeatureValue};
pub use summary::{BinLimit, ColumnSummary, QuantileSample};

/// Position of a feature in the model's schema, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FeatureIndex(pub u16);

impl FeatureIndex {
    /// The position as an index into a list of features.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The small integer that stands for a value of a feature.
pub type Bin = u16;

/// The largest vocabulary: one bin is kept for all that is not in it.
pub const MAX_VOCABULARY: usize = Bin::MAX as usize;

/// How the values of one feature become bins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureBins {
    /// Bin `b` holds the values above `cuts[b - 1]`, up to and with `cuts[b]`; the last bin has no upper end.
    Numeric {
        /// Ascending.
        cuts: Vec<Number>,
    },
    /// Bin `b` is the category `names[b]`; bin `names.len()` is every other one.
    Categorical {
        /// Most frequent in training first, ties by name.
        names: Vec<Box<str>>,
    },
}

impl FeatureBins {
    /// Number of bins, with the one for unseen categories.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numeric { cuts } => cuts.len() + 1,
            Self::Categorical { names } => names.len() + 1,
        }
    }

    /// Never: even a constant feature has a bin.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Whether the bins have no order.
    #[must_use]
    pub const fn is_categorical(&self) -> bool {
        matches!(self, Self::Categorical { .. })
    }

    /// The bin that stands for a category which the training rows did not have.
    #[must_use]
    pub fn unseen(&self) -> Option<Bin> {
        match self {
            Self::Numeric { .. } => None,
            Self::Categorical { names } => Some(names.len() as Bin),
        }
    }
}

/// The bin of a number among ascending `cuts`.
#[must_use]
pub fn numeric_bin(cuts: &[Number], value: Number) -> Bin {
    cuts.partition_point(|cut| *cut < value) as Bin
}

/// The bins of all features of a model, in schema order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureSpace {
    /// One entry per feature.
    pub features: Vec<FeatureBins>,
}
