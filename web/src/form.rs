//! The form of the page made a request, or a message for each field that is wrong.
//!
//! What is right is decided by [`Request::parse`] alone, the parser that the stream itself uses: a form that passes here is a
//! request there. Each field is tried in a request that is otherwise good, so that all wrong fields are told at once;
//! then the whole request goes through. A message never repeats what the client sent.

use std::collections::BTreeMap;

use flightline_jobs::request::{Request, RequestError};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::stamp::Stamp;

/// The names of the form's fields, as the seed has them; others are ignored.
pub const FIELDS: [&str; 6] = ["DepDelay", "Carrier", "FlightDate", "Origin", "Dest", "FlightNum"];

/// A request that is good in every field, to try one field of another in.
const GOOD: [(&str, &str); 6] = [
    ("DepDelay", "5"),
    ("Carrier", "AA"),
    ("FlightDate", "2016-12-25"),
    ("Origin", "ATL"),
    ("Dest", "SFO"),
    ("FlightNum", "1519"),
];

/// What a client filled in: names and texts, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct FlightForm(pub Vec<(String, String)>);

/// What is wrong, by field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FieldErrors(BTreeMap<&'static str, String>);

impl FieldErrors {
    /// The fields that are wrong.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// What is wrong with a field.
    #[must_use]
    pub fn of(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }
}

impl FlightForm {
    /// The request that the form asks for, under an id and time of ours.
    ///
    /// # Errors
    /// All fields that are wrong, each with a sentence.
    pub fn check(&self, stamp: &Stamp) -> Result<Request, FieldErrors> {
        let wrong = |field| Some((field, self.wrong_with(field, stamp)?));
        let errors: BTreeMap<_, _> = FIELDS.into_iter().filter_map(wrong).collect();
        if !errors.is_empty() {
            return Err(FieldErrors(errors));
        }
        let all = FIELDS.into_iter().flat_map(|field| self.given(field));
        parse(all, stamp).map_err(|reason| FieldErrors(BTreeMap::from([(field_of(reason), sentence(reason))])))
    }

    /// What is wrong with one field, whatever the others are.
    fn wrong_with(&self, field: &'static str, stamp: &Stamp) -> Option<String> {
        let others = GOOD.into_iter().filter(|(name, _)| *name != field);
        parse(others.chain(self.given(field)), stamp).err().map(sentence)
    }

    /// All that was given for a field: a form can hold it twice.
    fn given(&self, field: &'static str) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().filter(move |(name, _)| name == field).map(move |(_, text)| (field, text.as_str()))
    }
}

/// Reads the line of JSON with these fields as the stream would.
fn parse<'a>(fields: impl Iterator<Item = (&'static str, &'a str)>, stamp: &Stamp) -> Result<Request, RequestError> {
    let asked_at = stamp.asked_at.to_string();
    let mut all = vec![("UUID", stamp.id.as_str()), ("Timestamp", asked_at.as_str())];
    for field in fields {
        all.push(field);
    }
    // A map of texts to texts always has a line.
    let line = serde_json::to_vec(&Line(all)).map_err(|_| RequestError::Malformed)?;
    Request::parse(&line).map_err(|bad| bad.reason)
}

/// An object that keeps a name that is there twice, which a map would hide.
struct Line<'a>(Vec<(&'static str, &'a str)>);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, text) in &self.0 {
            map.serialize_entry(name, text)?;
        }
        map.end()
    }
}

fn field_of(reason: RequestError) -> &'static str {
    match reason {
        RequestError::Missing(field) | RequestError::Twice(field) | RequestError::Wrong { field, .. } => field,
        _ => "form",
    }
}

fn sentence(reason: RequestError) -> String {
    match reason {
        RequestError::Missing(_) => "Please fill this in.".to_owned(),
        RequestError::Twice(_) => "This is there twice; send it once.".to_owned(),
        RequestError::Wrong { wanted, .. } => format!("This must be {wanted}."),
        _ => "This can't be read.".to_owned(),
    }
}

#[cfg(test)]
mod tests;
