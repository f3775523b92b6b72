//! The current model, as the one that a new model is compared with.
//!
//! Process 0 alone looks into the folder of models: it reads the model before anything else is done, and worker 0 tells it, or
//! why it can't be used, to all workers, which end alike then. Each worker judges it by its own rows, in the features,
//! vocabularies and bins of that model, which need not be those of the new one.

use std::cell::RefCell;
use std::rc::Rc;

use flightline_operators::evaluate::Trial;
use flightline_operators::forest::{FlatForest, Forest, Smoothing};
use flightline_operators::space::FeatureSpace;
use flightline_operators::table::{BinnedRows, Role, RoledRows};
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::vec::{Broadcast, Map, ToStream};
use timely::dataflow::operators::{Inspect, Probe};
use timely::worker::Worker;

use super::rows::labelled;
use crate::failure::{Failure, FailureKind};
use crate::flight::batch::FlightBatch;
use crate::flight::features::Feature;
use crate::model::{Condition, Model, ModelError, ModelId, Registry};
use crate::report::{Promotion, PromotionReason};

/// What of the current model is needed to judge it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CurrentModel {
    id: ModelId,
    features: Vec<Feature>,
    space: FeatureSpace,
    forest: Forest,
    smoothing: Smoothing,
}

/// A current model that a new one can't be compared with.
#[derive(Debug, thiserror::Error)]
pub enum CurrentModelError {
    /// Its name can't be read.
    #[error(
        "nothing was trained, since --promote if-better does not know the current model of `{registry}`: {problem}; `model promote ID` names it anew, and --promote always lets the new one be it"
    )]
    Unnamed {
        /// Where the models are.
        registry: String,
        /// What is wrong.
        problem: Box<ModelError>,
    },
    /// It is damaged, of an unknown format, or answers otherwise than it did.
    #[error(
        "nothing was trained, since --promote if-better can't judge the current model {}: {problem}; `model promote ID` makes another one current, and --promote always replaces it whatever the new one is worth",
        .id.short()
    )]
    Unusable {
        /// The model.
        id: ModelId,
        /// What is wrong.
        problem: Box<ModelError>,
    },
}

impl From<CurrentModelError> for Failure {
    fn from(error: CurrentModelError) -> Self {
        let message = error.to_string();
        let (CurrentModelError::Unnamed { problem, .. } | CurrentModelError::Unusable { problem, .. }) = error;
        Self { message, ..Self::from(*problem) }
    }
}

impl CurrentModel {
    /// Reads all of the current model, and sends its golden rows through; `None` when there is none.
    ///
    /// # Errors
    /// It can't be read or trusted.
    pub fn read(registry: &Registry) -> Result<Option<Self>, CurrentModelError> {
        let named = registry.current().map_err(|problem| {
            let registry = registry.place();
            CurrentModelError::Unnamed { registry, problem: Box::new(problem) }
        })?;
        let read = |id: ModelId| match registry.load(&id) {
            Ok(model) => Ok(Self::of(&model)),
            Err(problem) => Err(CurrentModelError::Unusable { id, problem: Box::new(problem) }),
        };
        named.map(read).transpose()
    }

    fn of(model: &Model) -> Self {
        Self {
            id: model.id(),
            features: model.schema().features.clone(),
            space: model.space().clone(),
            forest: model.forest().clone(),
            smoothing: model.params().smoothing,
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ModelId {
        self.id
    }

    /// The model and those of one worker's flights that are held out; `table` has their roles, in the same order.
    pub(super) fn trial(&self, flights: &FlightBatch, table: &RoledRows) -> Trial {
        let rows = Rc::new(labelled(flights, &self.features));
        let table = RoledRows { rows, keys: Rc::default(), roles: table.roles.clone(), blocks: Vec::new() };
        let [rows] = BinnedRows::by_role(Rc::new(table), &self.space, [Role::HeldOut]);
        Trial { forest: Rc::new(FlatForest::new(&self.forest, self.smoothing)), rows: Rc::new(rows) }
    }
}

/// What was decided, unless a comparison with the model that `compared` names let the new one be promoted and another model
/// has become current meanwhile: whoever promoted that one knew nothing of the new one, nor were these two compared.
#[must_use]
pub fn unless_overtaken(decided: Promotion, compared: Option<ModelId>, registry: &Registry) -> Promotion {
    // A name that can't be read any more is another one, too: it is no time for an error, the model is not saved yet.
    if !compares(&decided) || registry.current().is_ok_and(|now| now == compared) {
        return decided;
    }
    overtaken(decided)
}

/// Makes a saved model the current one if that was decided, and gives what became of it: the model that `compared` names may
/// be current no more at the very moment when the name is to change.
///
/// # Errors
/// The model can't be trusted, or the name can't be written.
pub fn carry_out(
    decided: Promotion,
    compared: Option<ModelId>,
    model: &ModelId,
    registry: &Registry,
) -> Result<Promotion, ModelError> {
    let condition = if compares(&decided) { Condition::InsteadOf(compared) } else { Condition::Always };
    let stands = !decided.promoted || registry.promote_if(model, condition)?;
    Ok(if stands { decided } else { overtaken(decided) })
}

/// Whether a comparison let the new model be promoted.
const fn compares(decided: &Promotion) -> bool {
    matches!(decided.reason, PromotionReason::Better | PromotionReason::NoneWasCurrent)
}

fn overtaken(decided: Promotion) -> Promotion {
    Promotion::new(PromotionReason::CurrentChanged, decided.current)
}

type Told = Result<Option<CurrentModel>, Failure>;

/// Tells all workers what was read on process 0; `read` counts on worker 0 only.
///
/// # Errors
/// The same on all workers: the current model can't be used.
pub(super) fn tell_current(worker: &mut Worker, read: &Told) -> Result<Option<Rc<CurrentModel>>, Failure> {
    let told: Rc<RefCell<Option<Rc<Told>>>> = Rc::default();
    let probe = worker.dataflow_named::<u64, _, _>("TellCurrentModel", |scope| {
        let said = (scope.index() == 0).then(|| read.clone());
        let said = said.to_stream(scope).broadcast().map(Rc::new);
        let told = Rc::clone(&told);
        said.inspect(move |said| *told.borrow_mut() = Some(Rc::clone(said))).probe().0
    });
    worker.step_or_park_while(None, || !probe.done());
    let told = told.take().map(Rc::unwrap_or_clone);
    let untold = || Err(Failure::new(FailureKind::Bug, "worker 0 did not tell the current model; please report this"));
    Ok(told.unwrap_or_else(untold)?.map(Rc::new))
}

#[cfg(test)]
mod tests;
