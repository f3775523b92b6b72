//! What the report says of each feature.

use serde::{Deserialize, Serialize};

/// A feature and what the forest made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureReport {
    /// Its name in the schema.
    pub name: String,
    /// `numeric` or `categorical`.
    pub kind: String,
    /// Bins of a numeric feature, size of the vocabulary of a categorical one.
    pub values: u64,
    /// Share in the decrease of impurity, from 0 to 1.
    pub importance: f64,
    /// What is lost when its values are shuffled among rows that the trees have not seen; `None` when no row could tell.
    #[serde(default)]
    pub shuffled: Option<ShuffledReport>,
}

/// How much worse a forest is when a feature says nothing. Less than nothing is chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShuffledReport {
    /// Rows that told it.
    pub rows: u64,
    /// By how much accuracy falls, from -1 to 1.
    pub accuracy_lost: f64,
    /// By how much the log loss rises, in nats.
    pub log_loss_added: f64,
}
