//! From the end of a training run to its model.

use flightline_operators::evaluate::Tally;
use flightline_operators::table::Day;

use super::end::{Trained, TrainingEnd};
use super::plan::TrainPlan;
use crate::flight::column::Column;
use crate::flight::date::FlightDate;
use crate::flight::features::Feature;
use crate::model::{
    DataFingerprint, FeatureContract, GoldenFlight, IdentitySum, Metrics, Model, ModelError, ModelParts, Schema,
};

/// The model of a run.
///
/// # Errors
/// [`ModelError::Unfit`] when the parts don't fit together, which is a bug.
pub fn model(plan: &TrainPlan, end: &TrainingEnd, trained: Trained) -> Result<Model, ModelError> {
    let facts = trained.facts;
    let date = |day: Option<Day>| day.and_then(|day| FlightDate::from_days(day.0));
    let [train, held_out, companion] =
        trained.tallies.map(|tally| Some(tally).filter(|tally: &Tally| tally.rows() > 0));
    let nulls =
        |feature: &Feature| -> u64 { sources(*feature).iter().filter_map(|column| end.counts.nulls.get(column)).sum() };
    let contracts = plan.features.iter().zip(&trained.indexed.summaries);
    let flights = trained.golden.into_iter();
    Model::new(ModelParts {
        schema: Schema::of(plan.features.clone()),
        contracts: contracts.map(|(feature, summary)| FeatureContract::of(summary, nulls(feature))).collect(),
        space: trained.indexed.space,
        params: trained.params,
        forest: trained.forest,
        metrics: Metrics { companion, held_out, hold_out: plan.hold_out.to_string(), train },
        fingerprint: DataFingerprint {
            first_day: date(facts.days.map(|days| days.0)),
            identity_sum: IdentitySum(facts.identity_sum),
            last_day: date(facts.days.map(|days| days.1)),
            rows: facts.rows,
        },
        golden: flights.map(|golden| GoldenFlight { request: golden.request, distance: golden.distance }).collect(),
    })
}

/// The columns that a feature is computed from.
const fn sources(feature: Feature) -> &'static [Column] {
    match feature {
        Feature::DepDelay => &[Column::DepDelay],
        Feature::Distance => &[Column::Distance],
        Feature::DayOfMonth | Feature::DayOfWeek | Feature::DayOfYear | Feature::CalendarDay => &[Column::FlightDate],
        Feature::Carrier => &[Column::Carrier],
        Feature::Origin => &[Column::Origin],
        Feature::Dest => &[Column::Dest],
        Feature::Route => &[Column::Origin, Column::Dest],
        Feature::FlightNum => &[Column::FlightNum],
    }
}
