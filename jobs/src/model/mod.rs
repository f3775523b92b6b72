//! A model: what training makes, what serving answers with.
//!
//! | module | holds |
//! |---|---|
//! | [`schema`], [`metrics`], [`fingerprint`], [`contract`] | what a model says beside its forest |
//! | [`golden`] | training rows with their expected answers |
//! | [`id`], [`canonical`] | the model's name, and the bytes that it is the hash of |
//! | [`folder`] | `<models>/<id>/`: saved at once or not at all, read back bit for bit or refused by name |
//! | [`card`] | what `model.json` says, without the forest |
//! | [`registry`] | models in a folder of this computer or of a store, one of which is current |
//!
//! Invariants: a [`Model`] in memory is whole and fits together, and its id is that of its content, whether it was just
//! made or read. It knows no dataflow, and nothing about how or when it was trained.

pub mod canonical;
pub mod card;
mod check;
pub mod contract;
mod document;
pub mod error;
mod files;
pub mod fingerprint;
pub mod folder;
pub mod golden;
pub mod id;
pub mod metrics;
mod nodes;
pub mod registry;
pub mod schema;
mod seal;

use flightline_operators::forest::{Forest, ForestParams};
use flightline_operators::space::FeatureSpace;

pub use card::ModelCard;
pub use contract::FeatureContract;
pub use error::ModelError;
pub use fingerprint::{DataFingerprint, IdentitySum};
pub use folder::ReportFile;
pub use golden::{GoldenError, GoldenFlight, GoldenRow};
pub use id::ModelId;
pub use metrics::Metrics;
pub use registry::{Condition, Registry};
pub use schema::{Label, Schema};

use crate::answer::Answerer;

/// What a model is made of, before it has a name.
#[derive(Clone, Debug)]
pub struct ModelParts {
    /// Features and label.
    pub schema: Schema,
    /// The bins of the features, in schema order.
    pub space: FeatureSpace,
    /// How the forest was grown.
    pub params: ForestParams,
    /// The forest.
    pub forest: Forest,
    /// How well it did.
    pub metrics: Metrics,
    /// Which data it was grown from.
    pub fingerprint: DataFingerprint,
    /// What the data said of each feature, in schema order.
    pub contracts: Vec<FeatureContract>,
    /// The training rows that become golden.
    pub golden: Vec<GoldenFlight>,
}

/// A whole model, named by its content.
#[derive(Clone, Debug)]
pub struct Model {
    id: ModelId,
    schema: Schema,
    space: FeatureSpace,
    params: ForestParams,
    forest: Forest,
    metrics: Metrics,
    fingerprint: DataFingerprint,
    contracts: Vec<FeatureContract>,
    golden: Vec<GoldenRow>,
}

impl Model {
    /// Makes a model: checks that the parts fit together, answers the golden rows, and names it.
    ///
    /// # Errors
    /// [`ModelError::Unfit`], when training handed over what can't be served.
    pub fn new(parts: ModelParts) -> Result<Self, ModelError> {
        let ModelParts { schema, space, params, forest, metrics, fingerprint, contracts, golden } = parts;
        check::check(&schema, &space, &params, &forest, &metrics).map_err(ModelError::Unfit)?;
        if contracts.len() != schema.features.len() {
            return Err(ModelError::Unfit(format!(
                "{} contracts for {} features",
                contracts.len(),
                schema.features.len()
            )));
        }
        if schema.label.splits != Schema::of(Vec::new()).label.splits {
            return Err(ModelError::Unfit("the label is not this build's".to_owned()));
        }
        let answerer = Answerer::new(&schema, &space, &forest, params.smoothing);
        let golden = golden::expected(&answerer, &golden).map_err(|error| ModelError::Unfit(error.to_string()))?;
        let id = ModelId::of(&schema, &space, &params, &forest, &golden, &metrics);
        Ok(Self { id, schema, space, params, forest, metrics, fingerprint, contracts, golden })
    }

    /// The name of this content.
    #[must_use]
    pub const fn id(&self) -> ModelId {
        self.id
    }

    /// Features and label.
    #[must_use]
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The bins of the features, in schema order.
    #[must_use]
    pub const fn space(&self) -> &FeatureSpace {
        &self.space
    }

    /// How the forest was grown.
    #[must_use]
    pub const fn params(&self) -> &ForestParams {
        &self.params
    }

    /// The forest.
    #[must_use]
    pub const fn forest(&self) -> &Forest {
        &self.forest
    }

    /// How well it did.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Which data it was grown from.
    #[must_use]
    pub const fn fingerprint(&self) -> &DataFingerprint {
        &self.fingerprint
    }

    /// What the data said of each feature, in schema order.
    #[must_use]
    pub fn contracts(&self) -> &[FeatureContract] {
        &self.contracts
    }

    /// Training rows with their answers.
    #[must_use]
    pub fn golden(&self) -> &[GoldenRow] {
        &self.golden
    }

    /// Sends the golden rows through.
    ///
    /// # Errors
    /// [`ModelError::Golden`] with the first answer that differs.
    pub fn check_answers(&self) -> Result<(), ModelError> {
        let answerer = Answerer::new(&self.schema, &self.space, &self.forest, self.params.smoothing);
        golden::check(&answerer, &self.golden).map_err(|problem| ModelError::Golden { id: self.id, problem })
    }

    /// The golden rows alone; the rest is let go.
    #[must_use]
    pub fn into_golden(self) -> Vec<GoldenRow> {
        self.golden
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
