//! What a training run is to do, checked before it starts.

use std::fmt;
use std::str::FromStr;

use flightline_connectors::files::InputFormat;
use flightline_operators::forest::{ForestParams, ParamsError};
use flightline_operators::grow::GrowLimits;
use flightline_operators::grow::wire::{Encoding, Wire};
use flightline_operators::holdout::HoldOut;
use flightline_operators::identity::Share;
use serde::{Deserialize, Serialize};

use super::preset::Preset;
use super::promotion::Promote;
use super::search::SearchRule;
use crate::config::ModelsPlace;
use crate::flight::features::Feature;

/// Who grows the trees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grower {
    /// Our histogram dataflow.
    #[default]
    Histogram,
    /// `linfa-trees`: exact splits, outside the invariant of equal models.
    Linfa,
}

impl fmt::Display for Grower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Histogram => "histogram",
            Self::Linfa => "linfa",
        })
    }
}

impl FromStr for Grower {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "histogram" => Ok(Self::Histogram),
            "linfa" => Ok(Self::Linfa),
            _ => Err(format!("there is no grower {name:?}: there are histogram and linfa")),
        }
    }
}

/// A hold-out as it is written: `random:0.2`, `days:0.2`, `last:0.2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoldOutRule(pub HoldOut);

impl FromStr for HoldOutRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no hold-out: write random:SHARE, days:SHARE or last:SHARE, as in last:0.2");
        let (kind, share) = text.split_once(':').ok_or_else(wrong)?;
        let share: f64 = share.parse().map_err(|_| wrong())?;
        let share = Share::new(share).filter(|share| share.get() > 0.0);
        let share =
            share.ok_or_else(|| format!("{text:?} holds out nothing or all: the share must lie between 0 and 1"))?;
        match kind {
            "random" => Ok(Self(HoldOut::Random(share))),
            "days" => Ok(Self(HoldOut::Days(share))),
            "last" => Ok(Self(HoldOut::Last(share))),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for HoldOutRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            HoldOut::None => f.write_str("none"),
            HoldOut::Random(share) => write!(f, "random:{}", share.get()),
            HoldOut::Days(share) => write!(f, "days:{}", share.get()),
            HoldOut::Last(share) => write!(f, "last:{}", share.get()),
        }
    }
}

/// A training run.
#[derive(Clone, Debug)]
pub struct TrainPlan {
    /// Paths, globs and URLs of training rows.
    pub input: Vec<String>,
    /// Paths, globs and URLs of test rows; with some, nothing of the input is held out.
    pub test: Vec<String>,
    /// The format of all files, where their names do not tell it.
    pub format: Option<InputFormat>,
    /// Where models are kept.
    pub models: ModelsPlace,
    /// The preset that the parameters began as.
    pub preset: Preset,
    /// The features of the model, in schema order.
    pub features: Vec<Feature>,
    /// The parameters of the forest; of a search, those that its candidates vary.
    pub params: ForestParams,
    /// What is judged by folds first, and chosen among.
    pub search: Option<SearchRule>,
    /// Who grows it.
    pub grower: Grower,
    /// What is held out of the input.
    pub hold_out: HoldOutRule,
    /// The largest share of bad rows that is put up with.
    pub max_bad_rows: f64,
    /// When the model becomes the current one.
    pub promote: Promote,
    /// What growing may take: what `--memory` has room for.
    pub limits: GrowLimits,
}

/// A plan that can't be carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A parameter of the forest is out of range.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// A feature stands in the list twice.
    #[error("feature {0} is named twice")]
    FeatureTwice(Feature),
    /// There is no feature.
    #[error("a model needs at least one feature")]
    NoFeature,
    /// The limit on bad rows is no share.
    #[error("max-bad-rows is {0}, but must be a share from 0 to 1, or from 0% to 100%")]
    BadRows(f64),
    /// Folds need the grower that can leave rows out.
    #[error("--grower linfa knows no --folds and no --search: leave them out, or the grower")]
    FoldsWithLinfa,
    /// Models are to be compared by rows, and there is none.
    #[error("--promote if-better compares models by held-out rows, and nothing is held out: give --holdout or --test")]
    NothingToCompareBy,
}

impl TrainPlan {
    /// All that is wrong with the plan.
    ///
    /// # Errors
    /// One per mistake.
    pub fn check(&self) -> Result<(), Vec<PlanError>> {
        let mut errors: Vec<PlanError> = Vec::new();
        let candidates = self.search.iter().flat_map(|search| &search.candidates);
        for wrong in std::iter::once(&self.params).chain(candidates).filter_map(|params| params.check().err()).flatten()
        {
            // A value stands in many candidates.
            if !errors.contains(&PlanError::Params(wrong.clone())) {
                errors.push(PlanError::Params(wrong));
            }
        }
        if self.search.is_some() && self.grower == Grower::Linfa {
            errors.push(PlanError::FoldsWithLinfa);
        }
        if self.features.is_empty() {
            errors.push(PlanError::NoFeature);
        }
        for (place, feature) in self.features.iter().enumerate() {
            if self.features[..place].contains(feature) {
                errors.push(PlanError::FeatureTwice(*feature));
            }
        }
        if !(0.0..=1.0).contains(&self.max_bad_rows) {
            errors.push(PlanError::BadRows(self.max_bad_rows));
        }
        if self.promote == Promote::IfBetter && self.hold_out.0 == HoldOut::None && self.test.is_empty() {
            errors.push(PlanError::NothingToCompareBy);
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// What all processes of one run must agree on, as text: with it how their builds write to each other.
    #[must_use]
    pub fn agreement(&self) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {} {} {} {} {:?} {}",
            self.input,
            self.test,
            self.format,
            self.features,
            self.params,
            self.search,
            self.grower,
            self.hold_out,
            self.max_bad_rows,
            self.promote,
            self.limits,
            Wire::NAME
        )
    }
}

#[cfg(test)]
mod tests {
    use flightline_operators::identity::Seed;

    use super::*;

    #[test]
    fn hold_outs_are_read_and_written_alike_and_nonsense_is_refused() {
        for text in ["random:0.2", "days:0.25", "last:0.1"] {
            assert_eq!(text.parse::<HoldOutRule>().unwrap().to_string(), text);
        }
        for text in ["random", "last:", "last:0", "last:1", "last:-1", "last:NaN", "first:0.2", ""] {
            assert!(text.parse::<HoldOutRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn who_compares_models_must_hold_rows_out_or_give_some() {
        let preset = Preset::Seed;
        let mut plan = TrainPlan {
            input: vec!["rows".to_owned()],
            test: Vec::new(),
            format: None,
            models: ModelsPlace::Folder("models".into()),
            preset,
            features: Vec::new(),
            params: preset.params(Seed(1)),
            search: None,
            grower: Grower::Histogram,
            hold_out: HoldOutRule(HoldOut::None),
            max_bad_rows: 0.01,
            promote: Promote::IfBetter,
            limits: GrowLimits::default(),
        };
        let mistakes = [PlanError::NoFeature, PlanError::NothingToCompareBy];
        assert_eq!(plan.check(), Err(mistakes.to_vec()), "told with the others");
        plan.features = preset.features();
        let before = plan.agreement();
        plan.promote = Promote::Always;
        assert_eq!(plan.check(), Ok(()));
        assert_ne!(plan.agreement(), before, "all processes must compare, or none");
        plan.promote = Promote::IfBetter;
        plan.test = vec!["others".to_owned()];
        assert_eq!(plan.check(), Ok(()));
    }
}
