//! Answers as Arrow columns: the fields of the JSON line, in the same order, null where the line leaves a field out.
//!
//! A batch has no log: its answers are without `Offset`, `Partition` and `Table`.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use crate::flight::date::FlightDate;
use crate::request::Request;
use crate::response::{Outcome, Prediction, Response, Status};

/// The schema of a Parquet file of answers.
pub(super) fn schema() -> SchemaRef {
    let list = |item: DataType| DataType::List(Arc::new(Field::new("item", item, true)));
    let fields = [
        ("Carrier", DataType::Utf8, true),
        ("DayOfMonth", DataType::Int32, true),
        ("DayOfWeek", DataType::Int32, true),
        ("DayOfYear", DataType::Int32, true),
        ("DepDelay", DataType::Float64, true),
        ("Dest", DataType::Utf8, true),
        ("Distance", DataType::Float64, true),
        ("Error", DataType::Utf8, true),
        ("FlightDate", DataType::Date32, true),
        ("FlightNum", DataType::Utf8, true),
        ("Model", DataType::Utf8, false),
        ("Origin", DataType::Utf8, true),
        ("Prediction", DataType::Int32, true),
        ("Probabilities", list(DataType::Float64), true),
        ("Route", DataType::Utf8, true),
        ("Status", DataType::Utf8, false),
        ("Timestamp", DataType::Utf8, true),
        ("UUID", DataType::Utf8, false),
        ("Unseen", list(DataType::Utf8), true),
    ];
    let field = |(name, data_type, nullable)| Field::new(name, data_type, nullable);
    Arc::new(Schema::new(fields.map(field).to_vec()))
}

/// The answers as a batch of that schema.
pub(super) fn batch(answers: &[Response]) -> Result<RecordBatch, ArrowError> {
    let requests = || answers.iter().map(request);
    let predictions = || answers.iter().map(prediction);
    let names = |get: fn(&Request) -> &str| -> ArrayRef {
        Arc::new(requests().map(|request| request.map(get)).collect::<StringArray>())
    };
    let days = |get: fn(FlightDate) -> i32| -> ArrayRef {
        Arc::new(requests().map(|request| request.map(|request| get(request.date))).collect::<Int32Array>())
    };
    let texts =
        |get: fn(&Response) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(answers.iter().map(get))) };
    let columns: Vec<ArrayRef> = vec![
        names(|request| &request.carrier),
        days(FlightDate::day_of_month),
        days(FlightDate::day_of_week),
        days(FlightDate::day_of_year),
        Arc::new(requests().map(|request| Some(request?.departure_delay.get())).collect::<Float64Array>()),
        names(|request| &request.dest),
        Arc::new(predictions().map(|prediction| Some(prediction?.distance.get())).collect::<Float64Array>()),
        Arc::new(answers.iter().map(error).collect::<StringArray>()),
        Arc::new(requests().map(|request| Some(request?.date.days())).collect::<Date32Array>()),
        Arc::new(requests().map(|request| request?.flight_number.as_deref()).collect::<StringArray>()),
        texts(|answer| &answer.model),
        names(|request| &request.origin),
        Arc::new(predictions().map(|prediction| Some(prediction?.class.index() as i32)).collect::<Int32Array>()),
        probabilities(answers),
        Arc::new(requests().map(|request| request.map(Request::route)).collect::<StringArray>()),
        texts(|answer| match answer.status() {
            Status::Ok => "OK",
            Status::Error => "ERROR",
        }),
        Arc::new(requests().map(|request| request?.timestamp.as_deref()).collect::<StringArray>()),
        texts(|answer| answer.id().as_str()),
        unseen(answers),
    ];
    RecordBatch::try_new(schema(), columns)
}

fn request(answer: &Response) -> Option<&Request> {
    match &answer.outcome {
        Outcome::Predicted(request, _) | Outcome::Unanswerable(request, _) => Some(request),
        Outcome::Unreadable(..) => None,
    }
}

fn prediction(answer: &Response) -> Option<&Prediction> {
    match &answer.outcome {
        Outcome::Predicted(_, prediction) => Some(prediction),
        Outcome::Unanswerable(..) | Outcome::Unreadable(..) => None,
    }
}

fn error(answer: &Response) -> Option<&str> {
    match &answer.outcome {
        Outcome::Predicted(..) => None,
        Outcome::Unanswerable(_, error) | Outcome::Unreadable(_, error) => Some(error),
    }
}

fn probabilities(answers: &[Response]) -> ArrayRef {
    let mut lists = ListBuilder::new(Float64Builder::new());
    for prediction in answers.iter().map(prediction) {
        lists.values().append_slice(prediction.map_or(&[], |prediction| &prediction.probabilities));
        lists.append(prediction.is_some());
    }
    Arc::new(lists.finish())
}

fn unseen(answers: &[Response]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for prediction in answers.iter().map(prediction) {
        let features = prediction.map_or(&[][..], |prediction| &prediction.unseen);
        features.iter().for_each(|feature| lists.values().append_value(feature.name()));
        lists.append(prediction.is_some());
    }
    Arc::new(lists.finish())
}
