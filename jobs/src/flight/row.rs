//! A training row as the seed's systems write it: what `extract` makes.

use flightline_operators::columns::Number;
use serde::{Serialize, Serializer};

use super::columns::FlightFacts;
use super::date::FlightDate;
use super::instant::Instant;
use super::record::Flight;

/// One training row. Its JSON has the seed's names, in the seed's order; `encode::json` writes the same bytes faster.
///
/// Times are written in UTC; those of a BTS file are the local clock, since the file names no zone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainingRow {
    /// Arrival delay in minutes; below 0 is early.
    #[serde(rename = "ArrDelay", with = "crate::flight::number")]
    pub arrival_delay: Number,
    /// Scheduled arrival.
    #[serde(rename = "CRSArrTime")]
    pub scheduled_arrival: Instant,
    /// Scheduled departure.
    #[serde(rename = "CRSDepTime")]
    pub scheduled_departure: Instant,
    /// Carrier code.
    #[serde(rename = "Carrier")]
    pub carrier: Box<str>,
    /// 1 to 31, from the date.
    #[serde(rename = "DayOfMonth")]
    pub day_of_month: i32,
    /// 1 (Monday) to 7 (Sunday), from the date.
    #[serde(rename = "DayOfWeek")]
    pub day_of_week: i32,
    /// 1 to 366, from the date.
    #[serde(rename = "DayOfYear")]
    pub day_of_year: i32,
    /// Departure delay in minutes; below 0 is early.
    #[serde(rename = "DepDelay", with = "crate::flight::number")]
    pub departure_delay: Number,
    /// Airport of arrival.
    #[serde(rename = "Dest")]
    pub dest: Box<str>,
    /// Miles between the airports.
    #[serde(rename = "Distance", with = "crate::flight::number")]
    pub distance: Number,
    /// Day of the flight.
    #[serde(rename = "FlightDate")]
    pub date: FlightDate,
    /// Flight number.
    #[serde(rename = "FlightNum")]
    pub flight_number: Box<str>,
    /// Airport of departure.
    #[serde(rename = "Origin")]
    pub origin: Box<str>,
}

impl From<&Flight<'_>> for TrainingRow {
    fn from(flight: &Flight<'_>) -> Self {
        let facts = &flight.facts;
        Self {
            arrival_delay: flight.arrival_delay,
            scheduled_arrival: flight.scheduled_arrival,
            scheduled_departure: flight.scheduled_departure,
            carrier: facts.carrier.into(),
            day_of_month: facts.date.day_of_month(),
            day_of_week: facts.date.day_of_week(),
            day_of_year: facts.date.day_of_year(),
            departure_delay: facts.departure_delay,
            dest: facts.dest.into(),
            distance: facts.distance,
            date: facts.date,
            flight_number: facts.flight_number.into(),
            origin: facts.origin.into(),
        }
    }
}

impl TrainingRow {
    /// The row as the flight that it is.
    #[must_use]
    pub fn flight(&self) -> Flight<'_> {
        Flight {
            facts: FlightFacts {
                date: self.date,
                carrier: &self.carrier,
                flight_number: &self.flight_number,
                origin: &self.origin,
                dest: &self.dest,
                departure_delay: self.departure_delay,
                distance: self.distance,
            },
            arrival_delay: self.arrival_delay,
            scheduled_departure: self.scheduled_departure,
            scheduled_arrival: self.scheduled_arrival,
            day_fields_agree: true,
        }
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
