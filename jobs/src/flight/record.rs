//! One flight, checked: the meaning of a row, whatever format it came from.

use flightline_operators::columns::Number;

use super::column::Column;
use super::columns::FlightFacts;
use super::counts::BadReason;
use super::date::FlightDate;
use super::instant::Instant;
use super::raw::{RawRow, Schedule, airport};

/// The longest distance that is believed, in miles: about half way around the earth, twice.
pub const DISTANCE_LIMIT_MILES: i32 = 25_000;

/// The largest delay that is believed, in minutes, early or late: a week.
pub const DELAY_LIMIT_MINUTES: i32 = 10_080;

/// A flight that has landed: every value was checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flight<'a> {
    /// What is known before it lands.
    pub facts: FlightFacts<'a>,
    /// Arrival delay in minutes; below 0 is early.
    pub arrival_delay: Number,
    /// Scheduled departure. From a BTS file it is the local clock, read as UTC.
    pub scheduled_departure: Instant,
    /// Scheduled arrival, likewise.
    pub scheduled_arrival: Instant,
    /// Whether the row's own day fields, where it has them, are those of its date.
    pub day_fields_agree: bool,
}

impl<'a> Flight<'a> {
    /// Checks a row. Missing fields are the caller's to find: here a null is unreadable.
    ///
    /// # Errors
    /// The first reason why the row is bad, in the order of [`Column::OF_A_FLIGHT`].
    pub fn from_raw(row: &'a RawRow<'_>) -> Result<Self, BadReason> {
        let date = row.date(Column::FlightDate)?;
        let facts = FlightFacts {
            date,
            carrier: row.code(Column::Carrier)?,
            flight_number: row.code(Column::FlightNum)?,
            origin: airport_code(row, Column::Origin)?,
            dest: airport_code(row, Column::Dest)?,
            distance: distance(row)?,
            departure_delay: delay(row, Column::DepDelay)?,
        };
        let scheduled_departure = match row.schedule(Column::CrsDepTime)? {
            Schedule::At(instant) => instant,
            Schedule::Clock(minutes) => departure_at(date, minutes),
        };
        let scheduled_arrival = match row.schedule(Column::CrsArrTime)? {
            Schedule::At(instant) => instant,
            Schedule::Clock(minutes) => arrival_after(scheduled_departure, date, minutes),
        };
        Ok(Self {
            facts,
            arrival_delay: delay(row, Column::ArrDelay)?,
            scheduled_departure,
            scheduled_arrival,
            day_fields_agree: day_fields_agree(row, date)?,
        })
    }
}

/// An airport of the row.
pub(crate) fn airport_code<'a>(row: &'a RawRow<'_>, column: Column) -> Result<&'a str, BadReason> {
    airport(row.code(column)?).ok_or(BadReason::OutOfRange(column))
}

/// The distance of the row, in miles.
pub(crate) fn distance(row: &RawRow<'_>) -> Result<Number, BadReason> {
    let distance = row.number(Column::Distance)?;
    if is_distance(distance) { Ok(distance) } else { Err(BadReason::OutOfRange(Column::Distance)) }
}

/// Whether a number of miles can be a distance.
pub(crate) fn is_distance(miles: Number) -> bool {
    (0.0..=f64::from(DISTANCE_LIMIT_MILES)).contains(&miles.get())
}

/// Whether a number of minutes can be a delay.
pub(crate) fn is_delay(minutes: Number) -> bool {
    minutes.get().abs() <= f64::from(DELAY_LIMIT_MINUTES)
}

/// A delay of the row, in minutes.
pub(super) fn delay(row: &RawRow<'_>, column: Column) -> Result<Number, BadReason> {
    let delay = row.number(column)?;
    if is_delay(delay) { Ok(delay) } else { Err(BadReason::OutOfRange(column)) }
}

/// The clock at the start, read as UTC.
pub(super) fn departure_at(date: FlightDate, minutes: i64) -> Instant {
    date.midnight().plus_minutes(minutes)
}

/// A flight whose clock says that it lands before it starts lands on the next day.
pub(super) fn arrival_after(departure: Instant, date: FlightDate, minutes: i64) -> Instant {
    let arrival = date.midnight().plus_minutes(minutes);
    if arrival < departure { arrival.plus_minutes(24 * 60) } else { arrival }
}

/// Compares the row's day fields with those of its date; a field that is not there agrees.
fn day_fields_agree(row: &RawRow<'_>, date: FlightDate) -> Result<bool, BadReason> {
    let fields = [
        (Column::DayOfMonth, date.day_of_month(), 31),
        (Column::DayOfWeek, date.day_of_week(), 7),
        (Column::DayOfYear, date.day_of_year(), date.days_in_year()),
    ];
    let mut agree = true;
    for (column, computed, most) in fields {
        if row.is_null(column) {
            continue;
        }
        let given = row.number(column)?.get();
        if given.fract() != 0.0 || !(1.0..=f64::from(most)).contains(&given) {
            return Err(BadReason::OutOfRange(column));
        }
        agree &= given == f64::from(computed);
    }
    Ok(agree)
}

#[cfg(test)]
mod tests {
    use super::super::raw::RawValue;
    use super::*;

    /// The seed's sample row, with one field changed.
    fn sample_but(column: Column, value: &str) -> Vec<(Column, String)> {
        let mut fields: Vec<(Column, String)> = [
            (Column::ArrDelay, "5.0"),
            (Column::CrsArrTime, "2015-12-31T03:20:00.000-08:00"),
            (Column::CrsDepTime, "2015-12-31T03:05:00.000-08:00"),
            (Column::Carrier, "WN"),
            (Column::DayOfMonth, "31"),
            (Column::DayOfWeek, "4"),
            (Column::DayOfYear, "365"),
            (Column::DepDelay, "14.0"),
            (Column::Dest, "SAN"),
            (Column::Distance, "368.0"),
            (Column::FlightDate, "2015-12-30T16:00:00.000-08:00"),
            (Column::FlightNum, "6109"),
            (Column::Origin, "TUS"),
        ]
        .map(|(column, value)| (column, value.to_owned()))
        .to_vec();
        fields.iter_mut().filter(|(of, _)| *of == column).for_each(|(_, field)| value.clone_into(field));
        fields
    }

    fn check<R>(fields: &[(Column, String)], then: impl FnOnce(Result<Flight<'_>, BadReason>) -> R) -> R {
        let mut row = RawRow::default();
        for (column, value) in fields {
            row.set(*column, RawValue::Text(value.as_str().into()));
        }
        then(Flight::from_raw(&row))
    }

    #[test]
    fn the_seeds_sample_row_is_good_and_its_day_fields_agree() {
        check(&sample_but(Column::Cancelled, ""), |flight| {
            let flight = flight.unwrap();
            assert!(flight.day_fields_agree);
            assert_eq!(flight.facts.date.to_string(), "2015-12-31");
            assert_eq!(flight.scheduled_departure.to_string(), "2015-12-31T11:05:00.000Z");
            assert_eq!((flight.scheduled_arrival.micros() - flight.scheduled_departure.micros()) / 60_000_000, 15);
        });
    }

    #[test]
    fn each_wrong_field_has_its_reason() {
        for (column, value, reason) in [
            (Column::Distance, "-1", BadReason::OutOfRange(Column::Distance)),
            (Column::Distance, "25000.5", BadReason::OutOfRange(Column::Distance)),
            (Column::Distance, "far", BadReason::Unreadable(Column::Distance)),
            (Column::DepDelay, "10081", BadReason::OutOfRange(Column::DepDelay)),
            (Column::ArrDelay, "-10081", BadReason::OutOfRange(Column::ArrDelay)),
            (Column::DayOfYear, "366", BadReason::OutOfRange(Column::DayOfYear)),
            (Column::DayOfWeek, "0", BadReason::OutOfRange(Column::DayOfWeek)),
            (Column::DayOfMonth, "3.5", BadReason::OutOfRange(Column::DayOfMonth)),
            (Column::FlightDate, "2023-02-29", BadReason::OutOfRange(Column::FlightDate)),
            (Column::FlightDate, "Thursday", BadReason::Unreadable(Column::FlightDate)),
            (Column::CrsDepTime, "2500", BadReason::OutOfRange(Column::CrsDepTime)),
            (Column::Origin, "TUCSON AZ", BadReason::OutOfRange(Column::Origin)),
            (Column::Dest, "A-B", BadReason::OutOfRange(Column::Dest)),
        ] {
            check(&sample_but(column, value), |flight| assert_eq!(flight, Err(reason), "{column} {value}"));
        }
    }

    #[test]
    fn a_day_field_in_range_that_differs_from_the_date_is_noted() {
        for (column, value) in [(Column::DayOfWeek, "5"), (Column::DayOfMonth, "30"), (Column::DayOfYear, "364")] {
            check(&sample_but(column, value), |flight| assert!(!flight.unwrap().day_fields_agree, "{column}"));
        }
    }

    #[test]
    fn clock_times_land_after_they_start() {
        for (departure, arrival, starts, lands) in [
            ("0800", "0930", "2015-12-31T08:00:00.000Z", "2015-12-31T09:30:00.000Z"),
            ("2345", "0110", "2015-12-31T23:45:00.000Z", "2016-01-01T01:10:00.000Z"),
            ("2200", "2400", "2015-12-31T22:00:00.000Z", "2016-01-01T00:00:00.000Z"),
            ("2400", "0130", "2016-01-01T00:00:00.000Z", "2016-01-01T01:30:00.000Z"),
            ("5", "5", "2015-12-31T00:05:00.000Z", "2015-12-31T00:05:00.000Z"),
        ] {
            let mut fields = sample_but(Column::CrsDepTime, departure);
            fields.iter_mut().filter(|(of, _)| *of == Column::CrsArrTime).for_each(|(_, f)| arrival.clone_into(f));
            check(&fields, |flight| {
                let flight = flight.unwrap();
                assert_eq!(flight.scheduled_departure.to_string(), starts);
                assert_eq!(flight.scheduled_arrival.to_string(), lands);
            });
        }
    }
}
