//! What became of a new model: the current one or not, why, and how the one that was current did beside it.

use flightline_operators::evaluate::Quality;
use serde::{Deserialize, Serialize};

/// Whether the model was made the current one, and beside which it was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Promotion {
    /// Whether it was.
    pub promoted: bool,
    /// Why it was, or was not.
    pub reason: PromotionReason,
    /// The model that was current before, when the two were compared.
    pub current: Option<CurrentModelReport>,
}

/// Why a model was made the current one, or was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromotionReason {
    /// It was to be, whatever it is worth.
    Always,
    /// It was to be if better, and there was no current model.
    NoneWasCurrent,
    /// Its log loss is lower than the current model's.
    Better,
    /// It was not to be.
    Never,
    /// Its log loss is the current model's.
    Equal,
    /// Its log loss is higher than the current model's.
    Worse,
    /// No row was held out that both could be judged by.
    NothingHeldOut,
    /// It is better, but than a model that is the current one no more.
    CurrentChanged,
}

/// The model that was current before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurrentModelReport {
    /// Its id, in full.
    pub model: String,
    /// Its quality on the very rows of the new model's [`TrainingReport::test`](super::TrainingReport::test).
    pub test: Option<Quality>,
}

impl Promotion {
    /// What follows from a reason.
    #[must_use]
    pub const fn new(reason: PromotionReason, current: Option<CurrentModelReport>) -> Self {
        Self { promoted: reason.promotes(), reason, current }
    }
}

impl PromotionReason {
    /// Whether the model was made the current one.
    #[must_use]
    pub const fn promotes(self) -> bool {
        match self {
            Self::Always | Self::NoneWasCurrent | Self::Better => true,
            Self::Never | Self::Equal | Self::Worse | Self::NothingHeldOut | Self::CurrentChanged => false,
        }
    }
}
