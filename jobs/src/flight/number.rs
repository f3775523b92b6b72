//! A [`Number`] as a plain number of JSON and of the wire, for `#[serde(with)]`.

use flightline_operators::columns::Number;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes the number; its text is the shortest that reads back as the same bits.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn serialize<S: Serializer>(number: &Number, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(number.get())
}

/// Reads a finite number.
///
/// # Errors
/// Those of the deserializer, and NaN or infinity.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
    let number = f64::deserialize(deserializer)?;
    Number::new(number).ok_or_else(|| D::Error::custom(format_args!("{number} is not finite")))
}
