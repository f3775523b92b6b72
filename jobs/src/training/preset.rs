//! Named settings of a forest: what was measured to work, so that nobody must tune before the first model.

use std::fmt;
use std::str::FromStr;

use flightline_operators::forest::{FeatureSubset, ForestParams, Impurity, Smoothing};
use flightline_operators::identity::Seed;
use flightline_operators::space::BinLimit;
use serde::{Deserialize, Serialize};

use crate::flight::features::Feature;

/// A named set of features and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The ancestor's model: 20 trees of depth 5 over its nine features.
    Seed,
    /// Best on rows like those seen: deep trees that learn single days by heart, also from the day's name.
    Accurate,
    /// Best on days to come: it knows the day of the week, but no day of the year, which never comes again.
    Forward,
}

/// The nine features of the ancestor's model.
const SEED_FEATURES: [Feature; 9] = [
    Feature::DepDelay,
    Feature::Distance,
    Feature::DayOfMonth,
    Feature::DayOfWeek,
    Feature::DayOfYear,
    Feature::Carrier,
    Feature::Origin,
    Feature::Dest,
    Feature::Route,
];

impl Preset {
    /// All presets.
    pub const ALL: [Self; 3] = [Self::Seed, Self::Accurate, Self::Forward];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Accurate => "accurate",
            Self::Forward => "forward",
        }
    }

    /// The features of the model, in schema order.
    #[must_use]
    pub fn features(self) -> Vec<Feature> {
        match self {
            Self::Seed => SEED_FEATURES.to_vec(),
            Self::Accurate => SEED_FEATURES.into_iter().chain([Feature::CalendarDay]).collect(),
            Self::Forward => {
                let of_the_year = [Feature::DayOfMonth, Feature::DayOfYear];
                SEED_FEATURES.into_iter().filter(|feature| !of_the_year.contains(feature)).collect()
            }
        }
    }

    /// The parameters of the forest. Those of the large presets are the best that `train --search` found, each on its own
    /// kind of split: `docs/training.md` has the commands and the figures.
    #[must_use]
    pub fn params(self, seed: Seed) -> ForestParams {
        let seed_preset = ForestParams {
            trees: 20,
            depth: 5,
            features_per_node: FeatureSubset::Sqrt,
            impurity: Impurity::Gini,
            min_rows: 1,
            bagging: true,
            smoothing: Smoothing(0.0),
            bins: BinLimit::default(),
            seed,
        };
        match self {
            Self::Seed => seed_preset,
            Self::Accurate => ForestParams {
                trees: 50,
                depth: 16,
                features_per_node: FeatureSubset::Count(3),
                min_rows: 5,
                smoothing: Smoothing(5.0),
                bagging: false,
                ..seed_preset
            },
            Self::Forward => ForestParams {
                trees: 50,
                depth: 12,
                features_per_node: FeatureSubset::Count(4),
                min_rows: 200,
                ..seed_preset
            },
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| format!("there is no preset {name:?}: there are seed, accurate and forward"))
    }
}
