//! What a model sees of a flight. The only place where features are derived, in training and in serving.
//!
//! The day fields come from the date and the route from its airports, whatever a file or a client says of them: a model
//! must never meet a feature that was computed in two ways.

use std::fmt;
use std::str::FromStr;

use flightline_operators::columns::{FeatureColumn, Number};
use flightline_operators::space::FeatureValue;
use serde::{Deserialize, Serialize};

use super::columns::{FlightColumns, FlightFacts};
use super::date::FlightDate;

/// A feature of a flight. The names are part of every stored model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Feature {
    /// Departure delay in minutes; below 0 is early.
    DepDelay,
    /// Miles between the airports.
    Distance,
    /// 1 to 31.
    DayOfMonth,
    /// 1 (Monday) to 7 (Sunday).
    DayOfWeek,
    /// 1 to 366.
    DayOfYear,
    /// Carrier code.
    Carrier,
    /// Airport of departure.
    Origin,
    /// Airport of arrival.
    Dest,
    /// `Origin-Dest`.
    Route,
    /// Flight number: a name, not a quantity.
    FlightNum,
    /// The day of the year as a name, `MM-DD`: what a forest needs to learn single days by heart.
    CalendarDay,
}

/// How a feature is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureKind {
    /// Ordered numbers, split by a threshold.
    Numeric,
    /// Names without an order, split into sets.
    Categorical,
}

/// A name that no feature has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no feature {0:?}: there are DepDelay, Distance, DayOfMonth, DayOfWeek, DayOfYear, Carrier, Origin, Dest, Route, FlightNum and CalendarDay"
)]
pub struct NoSuchFeature(pub String);

impl FeatureKind {
    /// The kind as a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Categorical => "categorical",
        }
    }
}

impl Feature {
    /// All features, in the order of a model's schema.
    pub const ALL: [Self; 11] = [
        Self::DepDelay,
        Self::Distance,
        Self::DayOfMonth,
        Self::DayOfWeek,
        Self::DayOfYear,
        Self::Carrier,
        Self::Origin,
        Self::Dest,
        Self::Route,
        Self::FlightNum,
        Self::CalendarDay,
    ];

    /// The feature's name in models, reports and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DepDelay => "DepDelay",
            Self::Distance => "Distance",
            Self::DayOfMonth => "DayOfMonth",
            Self::DayOfWeek => "DayOfWeek",
            Self::DayOfYear => "DayOfYear",
            Self::Carrier => "Carrier",
            Self::Origin => "Origin",
            Self::Dest => "Dest",
            Self::Route => "Route",
            Self::FlightNum => "FlightNum",
            Self::CalendarDay => "CalendarDay",
        }
    }

    /// How the feature is split.
    #[must_use]
    pub const fn kind(self) -> FeatureKind {
        match self {
            Self::DepDelay | Self::Distance | Self::DayOfMonth | Self::DayOfWeek | Self::DayOfYear => {
                FeatureKind::Numeric
            }
            Self::Carrier | Self::Origin | Self::Dest | Self::Route | Self::FlightNum | Self::CalendarDay => {
                FeatureKind::Categorical
            }
        }
    }

    /// The value of this feature for one flight: that of [`Feature::column`]. `text` is room for one that is made of others.
    #[must_use]
    pub fn of<'a>(self, flight: &FlightFacts<'a>, text: &'a mut String) -> FeatureValue<'a> {
        let of_day = |field: fn(FlightDate) -> i32| FeatureValue::Number(Number::from(field(flight.date)));
        match self {
            Self::DepDelay => FeatureValue::Number(flight.departure_delay),
            Self::Distance => FeatureValue::Number(flight.distance),
            Self::DayOfMonth => of_day(FlightDate::day_of_month),
            Self::DayOfWeek => of_day(FlightDate::day_of_week),
            Self::DayOfYear => of_day(FlightDate::day_of_year),
            Self::Carrier => FeatureValue::Name(flight.carrier),
            Self::Origin => FeatureValue::Name(flight.origin),
            Self::Dest => FeatureValue::Name(flight.dest),
            Self::Route => {
                text.clear();
                write_route(text, flight.origin, flight.dest);
                FeatureValue::Name(text)
            }
            Self::FlightNum => FeatureValue::Name(flight.flight_number),
            Self::CalendarDay => {
                text.clear();
                text.push_str(&calendar_day(flight.date));
                FeatureValue::Name(text)
            }
        }
    }

    /// The values of this feature, one per flight; each *distinct* input is looked at once.
    #[must_use]
    pub fn column(self, source: &FlightColumns) -> FeatureColumn {
        let of_day = |field: fn(FlightDate) -> i32| source.dates.derive(|date| Number::from(field(*date)));
        match self {
            Self::DepDelay => FeatureColumn::Numeric(source.departure_delays.clone()),
            Self::Distance => FeatureColumn::Numeric(source.distances.clone()),
            Self::DayOfMonth => FeatureColumn::Numeric(of_day(FlightDate::day_of_month)),
            Self::DayOfWeek => FeatureColumn::Numeric(of_day(FlightDate::day_of_week)),
            Self::DayOfYear => FeatureColumn::Numeric(of_day(FlightDate::day_of_year)),
            Self::Carrier => FeatureColumn::Categorical(source.carriers.clone()),
            Self::Origin => FeatureColumn::Categorical(source.origins.clone()),
            Self::Dest => FeatureColumn::Categorical(source.dests.clone()),
            Self::Route => FeatureColumn::Categorical(
                source.origins.derive_with(&source.dests, |origin, dest| route(origin, dest).into_boxed_str()),
            ),
            Self::FlightNum => FeatureColumn::Categorical(source.flight_numbers.clone()),
            Self::CalendarDay => FeatureColumn::Categorical(source.dates.derive(|date| calendar_day(*date))),
        }
    }
}

/// The columns of `features`, in that order, one value per flight of `source`.
#[must_use]
pub fn columns(features: &[Feature], source: &FlightColumns) -> Vec<FeatureColumn> {
    features.iter().map(|feature| feature.column(source)).collect()
}

/// The month and day of a date: `07-04`.
fn calendar_day(date: FlightDate) -> Box<str> {
    date.to_string().get("YYYY-".len()..).unwrap_or_default().into()
}

/// The name of the route between two airports.
#[must_use]
pub fn route(origin: &str, dest: &str) -> String {
    let mut name = String::with_capacity(origin.len() + 1 + dest.len());
    write_route(&mut name, origin, dest);
    name
}

fn write_route(name: &mut String, origin: &str, dest: &str) {
    name.push_str(origin);
    name.push('-');
    name.push_str(dest);
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Feature {
    type Err = NoSuchFeature;

    fn from_str(name: &str) -> Result<Self, NoSuchFeature> {
        Self::ALL.into_iter().find(|feature| feature.name() == name).ok_or_else(|| NoSuchFeature(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::FlightColumnsBuilder;
    use super::*;

    #[test]
    fn features_of_the_seeds_sample_row() {
        let mut builder = FlightColumnsBuilder::default();
        builder.push(&FlightFacts {
            date: "2015-12-30T16:00:00.000-08:00".parse().unwrap(),
            carrier: "WN",
            flight_number: "6109",
            origin: "TUS",
            dest: "SAN",
            departure_delay: Number::from(14),
            distance: Number::from(368),
        });
        let source = builder.finish();
        let shown: Vec<String> = columns(&Feature::ALL, &source)
            .into_iter()
            .map(|column| match column {
                FeatureColumn::Numeric(column) => column.get(0).get().to_string(),
                FeatureColumn::Categorical(column) => column.get(0).to_string(),
            })
            .collect();
        assert_eq!(shown, ["14", "368", "31", "4", "365", "WN", "TUS", "SAN", "TUS-SAN", "6109", "12-31"]);
    }

    #[test]
    fn a_feature_has_the_kind_of_its_column_and_is_found_by_its_name() {
        for feature in Feature::ALL {
            let numeric = matches!(feature.column(&FlightColumns::default()), FeatureColumn::Numeric(_));
            assert_eq!(numeric, feature.kind() == FeatureKind::Numeric, "{feature}");
            assert_eq!(feature.name().parse(), Ok(feature));
            assert_eq!(serde_json::to_string(&feature).unwrap(), format!("\"{feature}\""));
        }
        assert!("Tailnum".parse::<Feature>().unwrap_err().to_string().contains("\"Tailnum\""));
    }
}
