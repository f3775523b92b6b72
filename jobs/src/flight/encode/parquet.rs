//! Flights as Arrow columns, in the schema of the bundled file, with times in UTC.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use flightline_operators::columns::Number;

use crate::flight::{Flight, FlightDate, Instant};

/// The schema of a Parquet file of training rows.
#[must_use]
pub fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let fields = [
        ("ArrDelay", DataType::Float64),
        ("CRSArrTime", time.clone()),
        ("CRSDepTime", time),
        ("Carrier", DataType::Utf8),
        ("DayOfMonth", DataType::Int32),
        ("DayOfWeek", DataType::Int32),
        ("DayOfYear", DataType::Int32),
        ("DepDelay", DataType::Float64),
        ("Dest", DataType::Utf8),
        ("Distance", DataType::Float64),
        ("FlightDate", DataType::Date32),
        ("FlightNum", DataType::Utf8),
        ("Origin", DataType::Utf8),
    ];
    Arc::new(Schema::new(fields.map(|(name, data_type)| Field::new(name, data_type, false)).to_vec()))
}

/// Flights as a batch of that schema.
///
/// # Errors
/// None that flights can cause: arrays of one length and the types of the schema are a batch.
pub fn batch(flights: &[Flight<'_>]) -> Result<RecordBatch, ArrowError> {
    let columns = vec![
        numbers(flights, |flight| flight.arrival_delay),
        times(flights, |flight| flight.scheduled_arrival),
        times(flights, |flight| flight.scheduled_departure),
        names(flights, |flight| flight.facts.carrier),
        days(flights, FlightDate::day_of_month),
        days(flights, FlightDate::day_of_week),
        days(flights, FlightDate::day_of_year),
        numbers(flights, |flight| flight.facts.departure_delay),
        names(flights, |flight| flight.facts.dest),
        numbers(flights, |flight| flight.facts.distance),
        Arc::new(Date32Array::from_iter_values(flights.iter().map(|flight| flight.facts.date.days()))),
        names(flights, |flight| flight.facts.flight_number),
        names(flights, |flight| flight.facts.origin),
    ];
    RecordBatch::try_new(schema(), columns)
}

fn numbers(flights: &[Flight<'_>], get: impl Fn(&Flight<'_>) -> Number) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(flights.iter().map(|flight| get(flight).get())))
}

fn times(flights: &[Flight<'_>], get: impl Fn(&Flight<'_>) -> Instant) -> ArrayRef {
    let micros = flights.iter().map(|flight| get(flight).micros());
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
}

fn names<'a>(flights: &[Flight<'a>], get: impl Fn(&Flight<'a>) -> &'a str) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(flights.iter().map(get)))
}

fn days(flights: &[Flight<'_>], get: impl Fn(FlightDate) -> i32) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(flights.iter().map(|flight| get(flight.facts.date))))
}
