//! The fields of a request as they stand in its line, and the checks that make a request of them.

use std::fmt;

use flightline_operators::columns::Number;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Request, RequestError, RequestId};
use crate::flight::date::{DateError, FlightDate};
use crate::flight::raw::{RawValue, airport, code, decimal};
use crate::flight::record;

/// The most bytes that a client's timestamp may have; it is only handed back.
const TIMESTAMP_LIMIT: usize = 64;

/// What a carrier or a flight number must be.
const CODE: &str = "a text of 1 to 8 visible ASCII characters";

/// The fields that a request has, in the order in which they are checked.
pub(super) const FIELDS: [&str; 8] =
    ["UUID", "Origin", "Dest", "Carrier", "FlightDate", "DepDelay", "FlightNum", "Timestamp"];

/// The fields as they stand in the line; those before a cut stay when the line is cut off.
#[derive(Default)]
pub(super) struct Fields<'a> {
    values: [Option<RawValue<'a>>; FIELDS.len()],
    /// The first field that is there twice.
    pub(super) twice: Option<&'static str>,
}

impl<'a> Fields<'a> {
    fn value(&self, field: &'static str) -> Result<&RawValue<'a>, RequestError> {
        let at = FIELDS.iter().position(|name| *name == field);
        match at.and_then(|at| self.values[at].as_ref()) {
            None | Some(RawValue::Null) => Err(RequestError::Missing(field)),
            Some(value) => Ok(value),
        }
    }

    /// The text of a field.
    fn text(&self, field: &'static str, wanted: &'static str) -> Result<String, RequestError> {
        match self.value(field)? {
            RawValue::Text(text) if text.trim().is_empty() => Err(RequestError::Missing(field)),
            RawValue::Text(text) => Ok(text.trim().to_owned()),
            _ => Err(RequestError::Wrong { field, wanted }),
        }
    }

    /// Who asks, when that can be read.
    pub(super) fn id(&self) -> Option<RequestId> {
        self.text("UUID", "").ok().and_then(|text| RequestId::parse(&text))
    }

    fn named(
        &self,
        field: &'static str,
        wanted: &'static str,
        check: fn(&str) -> Option<&str>,
    ) -> Result<Box<str>, RequestError> {
        let text = self.text(field, wanted)?;
        check(&text).map(Into::into).ok_or(RequestError::Wrong { field, wanted })
    }

    /// The request, or the first thing that is wrong with it.
    pub(super) fn check(&self) -> Result<Request, RequestError> {
        const AIRPORT: &str = "an airport of 1 to 8 visible ASCII characters without a hyphen";
        let wrong = |field, wanted| RequestError::Wrong { field, wanted };
        self.text("UUID", "a UUID")?;
        Ok(Request {
            id: self.id().ok_or(wrong("UUID", "a UUID"))?,
            origin: self.named("Origin", AIRPORT, airport)?,
            dest: self.named("Dest", AIRPORT, airport)?,
            carrier: self.named("Carrier", CODE, code)?,
            date: self.date()?,
            departure_delay: self.departure_delay()?,
            flight_number: self.flight_number()?,
            timestamp: self.timestamp()?,
        })
    }

    fn date(&self) -> Result<FlightDate, RequestError> {
        const FORM: &str = "a date as YYYY-MM-DD";
        let field = "FlightDate";
        self.text(field, FORM)?.parse().map_err(|error| match error {
            DateError::Form => RequestError::Wrong { field, wanted: FORM },
            DateError::NoSuchDay => {
                RequestError::Wrong { field, wanted: "a day of the calendar between 1900 and 2199" }
            }
        })
    }

    fn departure_delay(&self) -> Result<Number, RequestError> {
        let field = "DepDelay";
        let minutes = match self.value(field)? {
            RawValue::Number(minutes) => Some(*minutes),
            RawValue::Integer(minutes) => Some(*minutes as f64),
            RawValue::Text(text) if text.trim().is_empty() => return Err(RequestError::Missing(field)),
            RawValue::Text(text) => decimal(text.trim()),
            _ => None,
        };
        let minutes = minutes.ok_or(RequestError::Wrong { field, wanted: "a number of minutes" })?;
        Number::new(minutes)
            .filter(|minutes| record::is_delay(*minutes))
            .ok_or(RequestError::Wrong { field, wanted: "within 10080 minutes early or late" })
    }

    /// As in a training row, a whole number is its digits, also when a program has made a float of it.
    fn flight_number(&self) -> Result<Option<Box<str>>, RequestError> {
        let field = "FlightNum";
        let digits = match self.value(field) {
            Err(_) => return Ok(None),
            Ok(RawValue::Integer(number)) => number.to_string(),
            Ok(RawValue::Number(number)) if number.fract() == 0.0 && number.abs() < 1e9 => format!("{number:.0}"),
            Ok(RawValue::Text(text)) => text.trim().to_owned(),
            Ok(_) => return Err(RequestError::Wrong { field, wanted: CODE }),
        };
        match &*digits {
            "" => Ok(None),
            digits => code(digits).map(|code| Some(code.into())).ok_or(RequestError::Wrong { field, wanted: CODE }),
        }
    }

    fn timestamp(&self) -> Result<Option<Box<str>>, RequestError> {
        let field = "Timestamp";
        let wanted = "a text of at most 64 bytes, or a whole number";
        match self.value(field) {
            Err(_) => Ok(None),
            Ok(RawValue::Text(text)) if text.len() <= TIMESTAMP_LIMIT => Ok(Some(text.as_ref().into())),
            Ok(RawValue::Integer(number)) => Ok(Some(number.to_string().into_boxed_str())),
            Ok(_) => Err(RequestError::Wrong { field, wanted }),
        }
    }
}

/// Fills [`Fields`] while it reads, so that they survive an error further on.
pub(super) struct FieldsSeed<'f, 'de>(pub(super) &'f mut Fields<'de>);

impl<'de> DeserializeSeed<'de> for FieldsSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldsSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the fields of a request")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(FieldName(at)) = map.next_key()? {
            let Some(at) = at else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let before = self.0.values[at].replace(map.next_value()?);
            if before.is_some() {
                self.0.twice = self.0.twice.or(Some(FIELDS[at]));
            }
        }
        Ok(())
    }
}

/// A field of a request by its place in [`FIELDS`], or another that is ignored.
struct FieldName(Option<usize>);

impl<'de> Deserialize<'de> for FieldName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = FieldName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<FieldName, E> {
                Ok(FieldName(FIELDS.iter().position(|field| *field == name)))
            }
        }
        deserializer.deserialize_identifier(Name)
    }
}
