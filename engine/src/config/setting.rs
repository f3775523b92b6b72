//! What a value can be: the types that a key may have, how each is written, and what is said when it is not.

use std::net::SocketAddr;
use std::time::Duration;

use bytesize::{ByteSize, GIB, KIB, MIB, TIB};
use humantime_serde::re::humantime::{self, DurationError};
use thiserror::Error;

use super::value::Value;
use crate::ids::JobName;

/// No sensible duration is written longer; and `humantime` panics on some sums that only longer texts can hold.
const LONGEST_DURATION: usize = 24;

/// Units of durations and their nanoseconds, the largest first.
const DURATIONS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Units of sizes and their bytes, the largest first.
const SIZES: [(&str, u64); 5] = [("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB), ("B", 1)];

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{wrong}{}", remedy.as_deref().map(|remedy| format!("; {remedy}")).unwrap_or_default())]
pub struct Rejection {
    /// Goes after "`key` is VALUE, ".
    pub wrong: String,
    /// What to write instead; without it: what is wanted of every value of this type.
    pub remedy: Option<String>,
}

impl Rejection {
    /// It is wrong, and any right value will do.
    pub fn new(wrong: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), remedy: None }
    }

    /// It is wrong, and this should be done.
    pub fn with_remedy(wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), remedy: Some(remedy.into()) }
    }

    /// It is of the wrong kind.
    fn kind(value: &Value) -> Self {
        Self::new(format!("which is {}", value.kind()))
    }
}

/// A type that a key may have. What [`Setting::to_value`] gives is read back by [`Setting::from_value`] as the same.
pub trait Setting: Sized {
    /// Whether messages may show a value that is refused: not where somebody may have put a secret.
    const IS_SHOWN: bool = true;

    /// What to write, for messages: goes after "write ".
    fn wanted() -> String;

    /// Reads a value.
    ///
    /// # Errors
    /// It is none of this type.
    fn from_value(value: &Value) -> Result<Self, Rejection>;

    /// How it is written.
    fn to_value(&self) -> Value;
}

impl Setting for bool {
    fn wanted() -> String {
        "true or false, without quotes".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        match value {
            Value::Boolean(truth) => Ok(*truth),
            _ => Err(Rejection::kind(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Boolean(*self)
    }
}

impl Setting for u32 {
    fn wanted() -> String {
        "a whole number, without quotes".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        match value {
            Value::Integer(number) => {
                Self::try_from(*number).map_err(|_| Rejection::new(format!("which is not from 0 to {}", Self::MAX)))
            }
            _ => Err(Rejection::kind(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Integer((*self).into())
    }
}

/// A text of at least one character and without control characters.
impl Setting for String {
    fn wanted() -> String {
        "a text in quotes".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        text(value).map(ToOwned::to_owned)
    }

    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl Setting for Duration {
    fn wanted() -> String {
        "a number and its unit (ms, s, m, h or d), such as \"10s\"".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        let text = text(value)?;
        if text.len() > LONGEST_DURATION {
            return Err(Rejection::new("which is too long for a duration"));
        }
        humantime::parse_duration(text).map_err(|error| match error {
            DurationError::UnknownUnit { unit, .. } if unit.is_empty() => Rejection::new("which lacks its unit"),
            DurationError::UnknownUnit { unit, .. } => {
                Rejection::new(format!("which is no duration: {unit:?} is no unit of time"))
            }
            other => Rejection::new(format!("which is no duration: {other}")),
        })
    }

    fn to_value(&self) -> Value {
        let nanos = self.as_nanos();
        let (unit, size) = DURATIONS.iter().find(|(_, size)| nanos.is_multiple_of(*size)).unwrap_or(&("ns", 1));
        Value::Text(format!("{}{unit}", nanos / size))
    }
}

/// A number of bytes, with or without a unit.
impl Setting for ByteSize {
    fn wanted() -> String {
        "a number and its unit (KiB, MiB, GiB, or kB, MB, GB), such as \"64MiB\"".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        if let Value::Integer(bytes) = value {
            let bytes = u64::try_from(*bytes).map_err(|_| Rejection::new("which is no number of bytes"))?;
            return Ok(Self::b(bytes));
        }
        text(value)?.trim().parse().map_err(|_| Rejection::new("which is no size"))
    }

    fn to_value(&self) -> Value {
        let (unit, size) = SIZES.iter().find(|(_, size)| self.as_u64().is_multiple_of(*size)).unwrap_or(&("B", 1));
        Value::Text(format!("{}{unit}", self.as_u64() / size))
    }
}

impl Setting for SocketAddr {
    fn wanted() -> String {
        "an IP address and a port, such as \"127.0.0.1:9464\" or \"[::1]:9464\"".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        text(value)?.parse().map_err(|_| Rejection::new("which is no address with a port"))
    }

    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

impl Setting for JobName {
    fn wanted() -> String {
        "a name of letters, digits, `-`, `_` and `.`, such as \"flight-delays\"".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        let name = text(value)?;
        plain_name(name)?;
        Ok(Self(name.into()))
    }

    fn to_value(&self) -> Value {
        Value::Text(self.0.to_string())
    }
}

/// Whether a name can stand in a path, a URL, a key and a metric's label as it is: 1 to 128 letters and digits of
/// ASCII, `-`, `_` and `.`, of which the first is a letter or a digit.
///
/// # Errors
/// It is no such name.
pub fn plain_name(name: &str) -> Result<(), Rejection> {
    let strange = name.chars().find(|sign| !sign.is_ascii_alphanumeric() && !"-_.".contains(*sign));
    let wrong = match strange {
        _ if name.is_empty() => "which lacks a name".to_owned(),
        Some(sign) => format!("which has {sign:?} in its name"),
        None if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) => {
            "which has a name that begins with neither a letter nor a digit".to_owned()
        }
        None if name.len() > 128 => "which has a name of more than 128 characters".to_owned(),
        None => return Ok(()),
    };
    Err(Rejection::with_remedy(wrong, "use letters, digits, `-`, `_` and `.` in names"))
}

/// The text that a value is.
pub(super) fn text(value: &Value) -> Result<&str, Rejection> {
    match value {
        Value::Text(text) if text.trim().is_empty() => Err(Rejection::new("which is empty")),
        Value::Text(text) if text.chars().any(char::is_control) => {
            Err(Rejection::new("which has a control character in it"))
        }
        Value::Text(text) => Ok(text),
        _ => Err(Rejection::kind(value)),
    }
}
