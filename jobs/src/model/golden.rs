//! Golden rows: training rows as raw requests, with the answers that the model gave when it was made.
//!
//! They go through the same code as live requests. A build that computes one bit otherwise is found out before it
//! answers anybody. An answer is part of the model's id and so can't name it: its `Model` is empty.
//!
//! The file `golden.jsonl` has a line for each: `{"Answer":{…},"Distance":368.0,"Request":{…}}`.

use flightline_operators::columns::Number;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::answer::{Answerer, Question};
use crate::request::Request;

/// The `Model` of a golden answer.
const UNNAMED: &str = "";

/// A training row that is to become golden.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenFlight {
    /// What a client would have asked.
    pub request: Request,
    /// Miles between the airports.
    pub distance: Number,
}

/// A raw request with its expected answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldenRow {
    /// The request's line.
    pub request: Box<str>,
    /// Miles, as if looked up.
    pub distance: Number,
    /// The canonical line of the answer, whose `Model` is empty.
    pub answer: Box<str>,
}

/// A golden row that gets another answer than it got when the model was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GoldenError {
    /// A field differs.
    #[error("golden row {row} expects {field} to be {expected}, but gets {found}")]
    Differs {
        /// Number of the row, from 1.
        row: usize,
        /// The first field that differs, in the order of names.
        field: String,
        /// Its value when the model was made.
        expected: String,
        /// Its value now.
        found: String,
    },
    /// The request can't be understood any more.
    #[error("the request of golden row {row} is refused: {reason}")]
    Refused {
        /// Number of the row, from 1.
        row: usize,
        /// Why.
        reason: String,
    },
    /// An answer can't be written.
    #[error("the answer to golden row {row} can't be written as JSON: {reason}")]
    Unwritable {
        /// Number of the row, from 1.
        row: usize,
        /// Why.
        reason: String,
    },
}

/// The golden rows of a model in the making: the requests, and what it answers.
///
/// # Errors
/// A request that does not read back from its own line.
pub(super) fn expected(answerer: &Answerer, flights: &[GoldenFlight]) -> Result<Vec<GoldenRow>, GoldenError> {
    let row = |(row, flight): (usize, &GoldenFlight)| {
        let request = serde_json::to_string(&flight.request)
            .map_err(|error| GoldenError::Unwritable { row: row + 1, reason: error.to_string() })?;
        Ok(GoldenRow { request: request.into(), distance: flight.distance, answer: "".into() })
    };
    let mut rows: Vec<GoldenRow> = flights.iter().enumerate().map(row).collect::<Result<_, _>>()?;
    let answers = answers(answerer, &rows)?;
    rows.iter_mut().zip(answers).for_each(|(row, answer)| row.answer = answer.into());
    Ok(rows)
}

/// Sends all golden rows through, and compares what comes out.
///
/// # Errors
/// The first difference.
pub(crate) fn check(answerer: &Answerer, rows: &[GoldenRow]) -> Result<(), GoldenError> {
    for (number, (row, found)) in rows.iter().zip(answers(answerer, rows)?).enumerate() {
        if *found != *row.answer {
            return Err(difference(number + 1, &row.answer, &found));
        }
    }
    Ok(())
}

fn answers(answerer: &Answerer, rows: &[GoldenRow]) -> Result<Vec<String>, GoldenError> {
    let question = |(row, golden): (usize, &GoldenRow)| {
        let request = Request::parse(golden.request.as_bytes())
            .map_err(|error| GoldenError::Refused { row: row + 1, reason: error.to_string() })?;
        Ok(Question { request, distance: Some(golden.distance) })
    };
    let questions = rows.iter().enumerate().map(question).collect::<Result<_, _>>()?;
    let responses = answerer.answer(UNNAMED, questions).into_iter().zip(1..);
    let line = |(response, row): (crate::response::Response, usize)| {
        response.to_json().map_err(|error| GoldenError::Unwritable { row, reason: error.to_string() })
    };
    responses.map(line).collect()
}

/// The first field that differs, or the whole line when the fields do not tell.
pub(crate) fn difference(row: usize, expected: &str, found: &str) -> GoldenError {
    let fields = |line: &str| serde_json::from_str::<Map<String, Value>>(line).unwrap_or_default();
    let (old, new) = (fields(expected), fields(found));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    let value = |of: Option<&Value>| of.map_or_else(|| "absent".to_owned(), Value::to_string);
    let (field, expected, found) = match names.into_iter().find(|name| old.get(*name) != new.get(*name)) {
        Some(name) => (name.clone(), value(old.get(name)), value(new.get(name))),
        None => ("the line".to_owned(), expected.to_owned(), found.to_owned()),
    };
    GoldenError::Differs { row, field, expected, found }
}

/// The lines of `golden.jsonl`.
pub(super) fn to_lines(rows: &[GoldenRow]) -> String {
    let line = |row: &GoldenRow| {
        // Debug writes a number as JSON does: the shortest digits that read back, with a point.
        format!("{{\"Answer\":{},\"Distance\":{:?},\"Request\":{}}}\n", row.answer, row.distance.get(), row.request)
    };
    rows.iter().map(line).collect()
}

/// Reads the lines of `golden.jsonl`.
///
/// # Errors
/// The first line that is no golden row.
pub(super) fn from_lines(lines: &str) -> Result<Vec<GoldenRow>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line<'a> {
        #[serde(rename = "Answer", borrow)]
        answer: &'a RawValue,
        #[serde(rename = "Distance", with = "crate::flight::number")]
        distance: Number,
        #[serde(rename = "Request", borrow)]
        request: &'a RawValue,
    }
    let row = |(number, line): (usize, &str)| {
        let line: Line<'_> =
            serde_json::from_str(line).map_err(|error| format!("line {} is no golden row: {error}", number + 1))?;
        let raw = |value: &RawValue| value.get().into();
        Ok(GoldenRow { request: raw(line.request), distance: line.distance, answer: raw(line.answer) })
    };
    lines.lines().enumerate().map(row).collect()
}
