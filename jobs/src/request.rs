//! What a client asks: one line of JSON for one flight.
//!
//! A request says what is known before the flight lands; without a flight number, if the client has none. What can be derived (day fields, route) or looked up (distance)
//! is ours to compute, and ignored when an older client sends it. A line that is no request has one clear reason, and
//! its UUID, when that can be read, so that somebody can be told.

use std::fmt;

use flightline_operators::columns::Number;
use flightline_operators::identity::{CopyNumber, RowIdentity};
use serde::de::DeserializeSeed;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use crate::flight::columns::FlightFacts;
use crate::flight::date::FlightDate;
use crate::flight::features;
use crate::flight::number;
use crate::table::RouteKey;
use fields::{Fields, FieldsSeed};

mod fields;

/// A request's UUID, in the client's own spelling: it is what the client waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// Takes a text that is a UUID in any of its usual spellings.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(|_| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Uuid> for RequestId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.to_string().into_boxed_str())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request, checked. Its JSON is canonical: sorted keys, `null` for a flight number or timestamp that was not sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Carrier code.
    #[serde(rename = "Carrier")]
    pub carrier: Box<str>,
    /// Departure delay in minutes; below 0 is early.
    #[serde(rename = "DepDelay", with = "number")]
    pub departure_delay: Number,
    /// Airport of arrival.
    #[serde(rename = "Dest")]
    pub dest: Box<str>,
    /// Day of the flight.
    #[serde(rename = "FlightDate")]
    pub date: FlightDate,
    /// Flight number, without the carrier. The page that clients were first written for sends none.
    #[serde(rename = "FlightNum")]
    pub flight_number: Option<Box<str>>,
    /// Airport of departure.
    #[serde(rename = "Origin")]
    pub origin: Box<str>,
    /// When the client asked, in its own words; handed back as it came.
    #[serde(rename = "Timestamp")]
    pub timestamp: Option<Box<str>>,
    /// Who asks.
    #[serde(rename = "UUID")]
    pub id: RequestId,
}

/// The key under which the answers to a client are stored: its UUID in lower case, with hyphens.
///
/// A client may spell a UUID as it likes, and gets it back so; two spellings of one UUID are one key. Whoever looks an
/// answer up by a UUID that somebody has typed must ask for its key.
#[must_use]
pub fn key(id: &RequestId) -> Box<str> {
    // What was not read by `RequestId::parse` may be no UUID, and is a key as it stands.
    Uuid::try_parse(&id.0).map_or_else(|_| id.0.clone(), |uuid| uuid.to_string().into_boxed_str())
}

/// Why a line is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The line is longer than any request, and was not looked into.
    #[error("the request is longer than {} bytes", Request::LIMIT)]
    TooLong,
    /// The line is cut off, or is no JSON object.
    #[error("the request is no whole JSON object")]
    Malformed,
    /// A field is missing or null.
    #[error("the request has no {0}")]
    Missing(&'static str),
    /// A field is there twice, so that it is not clear which is meant.
    #[error("the request has {0} twice")]
    Twice(&'static str),
    /// A field holds something else.
    #[error("{field} of the request is not {wanted}")]
    Wrong {
        /// The field's name.
        field: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
}

/// A line that is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadRequest {
    /// Who asked, when that could be read.
    pub id: Option<RequestId>,
    /// What is wrong first.
    pub reason: RequestError,
}

impl Request {
    /// The most bytes of a line that is read as a request: a thousand times what one needs.
    pub const LIMIT: usize = 1 << 20;

    /// Reads a request from a line of JSON.
    ///
    /// # Errors
    /// One reason, and the UUID as far as it was read: in a line that is cut off it may stand before the cut.
    pub fn parse(line: &[u8]) -> Result<Self, BadRequest> {
        if line.len() > Self::LIMIT {
            return Err(BadRequest { id: None, reason: RequestError::TooLong });
        }
        let mut fields = Fields::default();
        let mut json = serde_json::Deserializer::from_slice(line);
        let whole = FieldsSeed(&mut fields).deserialize(&mut json).and_then(|()| json.end()).is_ok();
        let id = fields.id();
        let reason = match (fields.twice, whole) {
            (Some(field), _) => RequestError::Twice(field),
            (None, false) => RequestError::Malformed,
            (None, true) => match fields.check() {
                Ok(request) => return Ok(request),
                Err(reason) => reason,
            },
        };
        Err(BadRequest { id, reason })
    }

    /// The request that a client would have sent for a flight of a training file. Its UUID is a function of the row's
    /// identity and copy number (version 8 of RFC 9562), its timestamp is the midnight of the flight's day.
    #[must_use]
    pub fn from_training_row(flight: &FlightFacts<'_>, identity: RowIdentity, copy: CopyNumber) -> Self {
        let mut bytes = [0_u8; 20];
        bytes[..16].copy_from_slice(&identity.0.to_be_bytes());
        bytes[16..].copy_from_slice(&copy.0.to_be_bytes());
        let uuid = uuid::Builder::from_custom_bytes(xxh3_128(&bytes).to_be_bytes()).into_uuid();
        Self {
            carrier: flight.carrier.into(),
            departure_delay: flight.departure_delay,
            dest: flight.dest.into(),
            date: flight.date,
            flight_number: Some(flight.flight_number.into()),
            origin: flight.origin.into(),
            timestamp: Some(flight.date.midnight().to_string().into_boxed_str()),
            id: uuid.into(),
        }
    }

    /// The route to look up.
    #[must_use]
    pub fn route_key(&self) -> RouteKey {
        RouteKey { origin: self.origin.clone(), dest: self.dest.clone() }
    }

    /// `Origin-Dest`.
    #[must_use]
    pub fn route(&self) -> String {
        features::route(&self.origin, &self.dest)
    }

    /// What features are made of, once the distance was looked up. A flight number that was not sent is one that no training
    /// row has: empty.
    #[must_use]
    pub fn facts(&self, distance: Number) -> FlightFacts<'_> {
        FlightFacts {
            date: self.date,
            carrier: &self.carrier,
            flight_number: self.flight_number.as_deref().unwrap_or_default(),
            origin: &self.origin,
            dest: &self.dest,
            departure_delay: self.departure_delay,
            distance,
        }
    }
}

#[cfg(test)]
mod tests;
