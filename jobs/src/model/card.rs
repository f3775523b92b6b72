//! What `model.json` says of a model: everything but the forest and the golden rows, which have files of their own.

use std::collections::BTreeMap;

use flightline_operators::columns::Number;
use flightline_operators::forest::ForestParams;
use flightline_operators::space::{FeatureBins, FeatureSpace};
use serde::{Deserialize, Serialize};

use super::Model;
use super::contract::FeatureContract;
use super::fingerprint::DataFingerprint;
use super::id::ModelId;
use super::metrics::Metrics;
use super::schema::{Label, Schema};
use super::seal::Seal;
use crate::flight::features::{Feature, FeatureKind};

/// A model without its forest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// In schema order.
    pub features: Vec<FeatureCard>,
    /// The other files that the model is made of, with what they must be.
    pub files: BTreeMap<String, Seal>,
    /// Which data it was grown from.
    pub fingerprint: DataFingerprint,
    /// Number of golden rows.
    pub golden_rows: u64,
    /// Its name.
    pub id: ModelId,
    /// What is predicted.
    pub label: Label,
    /// How well it did.
    pub metrics: Metrics,
    /// Nodes of all trees, leaves included.
    pub nodes: u64,
    /// How the forest was grown.
    pub parameters: ForestParams,
    /// Number of trees.
    pub trees: u64,
}

/// A feature of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureCard {
    /// What the training rows said of it.
    pub contract: FeatureContract,
    /// Of a numeric feature: bin `b` ends with `cuts[b]`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cuts: Option<Vec<Number>>,
    /// How it is split.
    pub kind: FeatureKind,
    /// Which feature it is.
    pub name: Feature,
    /// Of a categorical feature: bin `b` is `vocabulary[b]`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vocabulary: Option<Vec<Box<str>>>,
}

impl ModelCard {
    /// The card of a model whose other files have these seals.
    pub(super) fn of(model: &Model, files: BTreeMap<String, Seal>) -> Self {
        let feature = |((name, bins), contract): ((&Feature, &FeatureBins), &FeatureContract)| {
            let (cuts, vocabulary) = match bins {
                FeatureBins::Numeric { cuts } => (Some(cuts.clone()), None),
                FeatureBins::Categorical { names } => (None, Some(names.clone())),
            };
            FeatureCard { contract: contract.clone(), cuts, kind: name.kind(), name: *name, vocabulary }
        };
        let features = model.schema.features.iter().zip(&model.space.features).zip(&model.contracts);
        Self {
            features: features.map(feature).collect(),
            files,
            fingerprint: model.fingerprint.clone(),
            golden_rows: model.golden.len() as u64,
            id: model.id,
            label: model.schema.label.clone(),
            metrics: model.metrics.clone(),
            nodes: model.forest.nodes() as u64,
            parameters: model.params.clone(),
            trees: model.forest.trees.len() as u64,
        }
    }

    /// Features and label.
    #[must_use]
    pub fn schema(&self) -> Schema {
        let features = self.features.iter().map(|feature| feature.name).collect();
        Schema { features, label: self.label.clone() }
    }

    /// The bins of the features.
    ///
    /// # Errors
    /// A feature that this build takes to be of another kind, or without bins.
    pub(super) fn space(&self) -> Result<FeatureSpace, String> {
        let bins = |feature: &FeatureCard| match (feature.kind, &feature.cuts, &feature.vocabulary) {
            _ if feature.kind != feature.name.kind() => {
                Err(format!("{} is split in another way than this build splits it", feature.name))
            }
            (FeatureKind::Numeric, Some(cuts), None) => Ok(FeatureBins::Numeric { cuts: cuts.clone() }),
            (FeatureKind::Categorical, None, Some(names)) => Ok(FeatureBins::Categorical { names: names.clone() }),
            _ => Err(format!("{} has no bins of its kind", feature.name)),
        };
        Ok(FeatureSpace { features: self.features.iter().map(bins).collect::<Result<_, _>>()? })
    }

    /// Whether this build predicts the same label.
    pub(super) fn check_label(&self) -> Result<(), String> {
        let ours = Schema::of(Vec::new()).label.splits;
        if self.label.splits == ours {
            return Ok(());
        }
        Err(format!("it predicts delays split at {:?} minutes, not at {ours:?}", self.label.splits))
    }

    /// The contracts of the features, in schema order.
    pub(super) fn contracts(&self) -> Vec<FeatureContract> {
        self.features.iter().map(|feature| feature.contract.clone()).collect()
    }
}
