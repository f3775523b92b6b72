//! Rows of JSON lines: one object per line, read field by field into a [`RawRow`] without a tree of values.
//!
//! What `serde_json` makes of a line is what the line means. Lines of the usual form are read by [`QuickReader`], which
//! gives the same or nothing.

use std::borrow::Cow;
use std::fmt;

use flightline_connectors::files::LineBlock;
use memchr::memchr_iter;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::column::Column;
use super::super::counts::{BadReason, Position};
use super::super::raw::{RawRow, RawValue};
use super::quick::QuickReader;
use super::{RowSink, count_bad, offer};

/// The mark that some programs put in front of UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Offers every line to the sink. Blank lines are no rows.
pub(super) fn decode<S: RowSink>(block: &LineBlock, quick: &mut QuickReader, sink: &mut S) {
    let mut start = 0;
    for end in memchr_iter(b'\n', &block.bytes).chain([block.bytes.len()]) {
        let line = &block.bytes[start..end];
        let position = Position::Byte(block.offset + start as u64);
        start = end + 1;
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii();
        if line.is_empty() {
            continue;
        }
        let row = quick.read(line).map_or_else(|| serde_json::from_slice::<RawRow<'_>>(line), Ok);
        match row {
            Ok(row) => offer(sink, &row, &block.file, position),
            Err(_) => count_bad(sink, BadReason::Malformed, &block.file, position),
        }
    }
}

impl<'de> Deserialize<'de> for RawRow<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = RawRow<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the fields of a flight")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<RawRow<'de>, M::Error> {
        let mut row = RawRow::default();
        let mut seen = [false; Column::COUNT];
        while let Some(Key(column)) = map.next_key()? {
            let Some(column) = column else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if std::mem::replace(&mut seen[column.index()], true) {
                return Err(M::Error::custom(format_args!("{column} is there twice")));
            }
            row.set(column, map.next_value()?);
        }
        Ok(row)
    }
}

/// A field name: one of our columns, or another that is ignored.
struct Key(Option<Column>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
        Ok(Key(Column::from_name(name)))
    }
}

impl<'de> Deserialize<'de> for RawValue<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = RawValue<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<RawValue<'de>, E> {
        Ok(RawValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawValue<'de>, E> {
        Ok(RawValue::Integer(i64::from(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawValue<'de>, E> {
        Ok(RawValue::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawValue<'de>, E> {
        Ok(i64::try_from(value).map_or(RawValue::Number(value as f64), RawValue::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawValue<'de>, E> {
        Ok(RawValue::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<RawValue<'de>, E> {
        Ok(RawValue::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawValue<'de>, E> {
        Ok(RawValue::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<RawValue<'de>, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(RawValue::Other)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<RawValue<'de>, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(RawValue::Other)
    }
}
