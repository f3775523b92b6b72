//! What a model takes and gives: its features in order, and the classes of its label.

use serde::{Deserialize, Serialize};

use crate::flight::features::Feature;
use crate::flight::label::{DelayClass, SPLITS};

/// The features and the label of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// In the order of the feature space. The kind of each is [`Feature::kind`].
    pub features: Vec<Feature>,
    /// What is predicted.
    pub label: Label,
}

/// A label in ordered classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// What each class says to a reader.
    pub names: Vec<String>,
    /// Arrival delays in minutes at which one class ends and the next begins: closed below, open above.
    pub splits: Vec<f64>,
}

impl Schema {
    /// The schema of a model with these features and the label of this build.
    #[must_use]
    pub fn of(features: Vec<Feature>) -> Self {
        let names = DelayClass::all().map(|class| class.name().to_owned()).collect();
        Self { features, label: Label { names, splits: SPLITS.to_vec() } }
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.label.splits.len() + 1
    }
}
