//! Columns of a record batch in one form for all types that mean the same: what is needed to look at a column as a whole.
//!
//! Each view says of a row what [`RawColumns::row`](super::RawColumns::row) says, in the form of one kind of
//! [`RawValue`](crate::flight::raw::RawValue); what stands in it for a null means nothing. A type without a view has to be
//! looked at row by row.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};

use crate::flight::instant::Instant;

/// Texts of a column.
pub(in crate::flight) enum Texts<'a> {
    /// A text per row.
    Plain(Box<dyn Fn(usize) -> &'a str + 'a>),
    /// The place of a row's text among texts that many batches may share.
    Shared(&'a [i32], &'a ArrayRef),
}

/// Numbers of any type, as `f64`.
pub(in crate::flight) fn numbers(array: &dyn Array) -> Option<Cow<'_, [f64]>> {
    Some(match array.data_type() {
        DataType::Float64 => Cow::Borrowed(array.as_primitive::<Float64Type>().values()),
        DataType::Float32 => map::<Float32Type, _>(array, f64::from),
        DataType::Int8 => map::<Int8Type, _>(array, f64::from),
        DataType::Int16 => map::<Int16Type, _>(array, f64::from),
        DataType::Int32 => map::<Int32Type, _>(array, f64::from),
        DataType::UInt8 => map::<UInt8Type, _>(array, f64::from),
        DataType::UInt16 => map::<UInt16Type, _>(array, f64::from),
        DataType::UInt32 => map::<UInt32Type, _>(array, f64::from),
        DataType::Int64 => map::<Int64Type, _>(array, |number| number as f64),
        _ => return None,
    })
}

/// Whole numbers of any type.
pub(in crate::flight) fn integers(array: &dyn Array) -> Option<Cow<'_, [i64]>> {
    Some(match array.data_type() {
        DataType::Int8 => map::<Int8Type, _>(array, i64::from),
        DataType::Int16 => map::<Int16Type, _>(array, i64::from),
        DataType::Int32 => map::<Int32Type, _>(array, i64::from),
        DataType::UInt8 => map::<UInt8Type, _>(array, i64::from),
        DataType::UInt16 => map::<UInt16Type, _>(array, i64::from),
        DataType::UInt32 => map::<UInt32Type, _>(array, i64::from),
        DataType::Int64 => Cow::Borrowed(array.as_primitive::<Int64Type>().values()),
        _ => return None,
    })
}

/// Timestamps of any unit, as microseconds since 1970. One that does not fit lies outside the calendar, like the largest.
pub(in crate::flight) fn micros(array: &dyn Array) -> Option<Cow<'_, [i64]>> {
    let DataType::Timestamp(unit, _) = array.data_type() else { return None };
    Some(match unit {
        TimeUnit::Second => map::<TimestampSecondType, _>(array, |value| value.saturating_mul(1_000_000)),
        TimeUnit::Millisecond => map::<TimestampMillisecondType, _>(array, |value| value.saturating_mul(1000)),
        TimeUnit::Microsecond => Cow::Borrowed(array.as_primitive::<TimestampMicrosecondType>().values()),
        TimeUnit::Nanosecond => map::<TimestampNanosecondType, _>(array, |value| value.div_euclid(1000)),
    })
}

/// Days since 1970, of dates or timestamps.
pub(in crate::flight) fn days(array: &dyn Array) -> Option<Cow<'_, [i64]>> {
    Some(match array.data_type() {
        DataType::Date32 => map::<Date32Type, _>(array, i64::from),
        DataType::Date64 => map::<Date64Type, _>(array, |millis| millis.div_euclid(86_400_000)),
        _ => {
            let mut days = micros(array)?.into_owned();
            days.iter_mut().for_each(|micros| *micros = micros.div_euclid(Instant::MICROS_PER_DAY));
            Cow::Owned(days)
        }
    })
}

/// Texts of any layout.
pub(in crate::flight) fn texts(array: &dyn Array) -> Option<Texts<'_>> {
    Some(match array.data_type() {
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            Texts::Plain(Box::new(|row| values.value(row)))
        }
        DataType::LargeUtf8 => {
            let values = array.as_string::<i64>();
            Texts::Plain(Box::new(|row| values.value(row)))
        }
        DataType::Utf8View => {
            let values = array.as_string_view();
            Texts::Plain(Box::new(|row| values.value(row)))
        }
        DataType::Dictionary(keys, values) if **keys == DataType::Int32 && **values == DataType::Utf8 => {
            let dictionary = array.as_dictionary::<Int32Type>();
            Texts::Shared(dictionary.keys().values(), dictionary.values())
        }
        _ => return None,
    })
}

fn map<T: ArrowPrimitiveType, R: Clone>(array: &dyn Array, f: impl Fn(T::Native) -> R) -> Cow<'_, [R]> {
    Cow::Owned(array.as_primitive::<T>().values().iter().map(|value| f(*value)).collect())
}
