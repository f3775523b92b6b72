//! Training rows as Arrow columns, in the schema of the bundled file, with times in UTC.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use flightline_operators::columns::Number;

use crate::flight::{Instant, TrainingRow};

/// The schema of a Parquet file of training rows.
pub(super) fn schema() -> SchemaRef {
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

/// The rows as a batch of that schema.
pub(super) fn batch(rows: &[TrainingRow]) -> Result<RecordBatch, ArrowError> {
    let numbers = |get: fn(&TrainingRow) -> Number| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| get(row).get())))
    };
    let times = |get: fn(&TrainingRow) -> Instant| -> ArrayRef {
        let micros = rows.iter().map(|row| get(row).micros());
        Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
    };
    let names =
        |get: fn(&TrainingRow) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(get))) };
    let days =
        |get: fn(&TrainingRow) -> i32| -> ArrayRef { Arc::new(Int32Array::from_iter_values(rows.iter().map(get))) };
    let columns = vec![
        numbers(|row| row.arrival_delay),
        times(|row| row.scheduled_arrival),
        times(|row| row.scheduled_departure),
        names(|row| &row.carrier),
        days(|row| row.day_of_month),
        days(|row| row.day_of_week),
        days(|row| row.day_of_year),
        numbers(|row| row.departure_delay),
        names(|row| &row.dest),
        numbers(|row| row.distance),
        Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.date.days()))),
        names(|row| &row.flight_number),
        names(|row| &row.origin),
    ];
    RecordBatch::try_new(schema(), columns)
}
