//! What a user may choose about a forest.

use serde::{Deserialize, Serialize};

use crate::identity::Seed;
use crate::space::BinLimit;

/// How mixed the classes of a node are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Impurity {
    /// Chance that two rows of the node, drawn with replacement, differ in class (Breiman et al., CART, 1984).
    Gini,
    /// Shannon's entropy in nats.
    Entropy,
}

/// How many features compete for the split of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureSubset {
    /// The square root of their number, rounded up (Breiman, 2001).
    Sqrt,
    /// All of them.
    All,
    /// This many, or all when there are fewer.
    #[serde(untagged)]
    Count(u16),
}

impl FeatureSubset {
    /// The number of competing features among `features`, at least one.
    #[must_use]
    pub fn count(self, features: usize) -> usize {
        match self {
            Self::Sqrt => (1..=features).find(|count| count * count >= features).unwrap_or(1),
            Self::All => features,
            Self::Count(count) => usize::from(count).clamp(1, features),
        }
    }
}

/// Rows' worth of trust in the parent's class shares that every node mixes into its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Smoothing(pub f64);

/// Parameters of a forest: with the rows and nothing else, they decide it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForestParams {
    /// Number of trees.
    pub trees: u32,
    /// Largest depth; a lone root has depth 0.
    pub depth: u8,
    /// Features that compete at each node.
    pub features_per_node: FeatureSubset,
    /// What a split is to lower.
    pub impurity: Impurity,
    /// Smallest number of rows in a child, counted with bagging weights.
    pub min_rows: u32,
    /// Whether each tree sees its own bootstrap sample, or all rows once.
    pub bagging: bool,
    /// Shrinks the class shares of small nodes to their parent's.
    pub smoothing: Smoothing,
    /// Most bins of a numeric feature.
    pub bins: BinLimit,
    /// Where all chance comes from.
    pub seed: Seed,
}

/// A parameter out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} is {value}, but must be {must}")]
pub struct ParamsError {
    name: &'static str,
    value: String,
    must: &'static str,
}

impl ForestParams {
    /// Largest depth that a node's heap index can express with room to spare.
    pub const MAX_DEPTH: u8 = 48;

    /// All parameters that are out of range.
    ///
    /// # Errors
    /// One per wrong parameter.
    pub fn check(&self) -> Result<(), Vec<ParamsError>> {
        let rules = [
            ("trees", self.trees.to_string(), "from 1 to 10000", (1..=10_000).contains(&self.trees)),
            ("depth", self.depth.to_string(), "at most 48", self.depth <= Self::MAX_DEPTH),
            ("min-rows", self.min_rows.to_string(), "at least 1", self.min_rows >= 1),
            ("bins", self.bins.0.to_string(), "from 2 to 65535", self.bins.0 >= 2),
            ("smoothing", self.smoothing.0.to_string(), "a finite number of at least 0", {
                self.smoothing.0.is_finite() && self.smoothing.0 >= 0.0
            }),
            ("features-per-node", "0".to_owned(), "sqrt, all or at least 1", {
                self.features_per_node != FeatureSubset::Count(0)
            }),
        ];
        let wrong = rules.into_iter().filter(|rule| !rule.3);
        let errors: Vec<ParamsError> = wrong.map(|(name, value, must, _)| ParamsError { name, value, must }).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}
