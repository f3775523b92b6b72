//! The same values as arrays of every type that a column of a Parquet file may have.
//!
//! A number chooses the type. A value that its type can't hold becomes the nearest that it can.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Date64Array, DictionaryArray, Int32Array, LargeStringArray,
    PrimitiveArray, StringArray, StringViewArray,
};
use arrow_schema::DataType;

/// Whether rows with such a column can be taken by columns.
pub(super) fn is_usual(column: &str, of: &DataType) -> bool {
    let shared =
        matches!(of, DataType::Dictionary(keys, values) if **keys == DataType::Int32 && **values == DataType::Utf8);
    let text = shared || matches!(of, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let integer = of.is_integer() && *of != DataType::UInt64;
    let number = integer || matches!(of, DataType::Float32 | DataType::Float64);
    match column {
        "Carrier" | "Origin" | "Dest" => text,
        "FlightNum" => text || integer,
        "FlightDate" => text || of.is_temporal(),
        "CRSDepTime" | "CRSArrTime" => number || matches!(of, DataType::Timestamp(..)),
        _ => number,
    }
}

fn primitive<T: ArrowPrimitiveType, V: Copy>(values: &[Option<V>], to: impl Fn(V) -> T::Native) -> PrimitiveArray<T> {
    values.iter().map(|value| value.map(&to)).collect()
}

/// Kinds of [`numbers`]: integers that can be taken by columns, with floats, and with all others.
pub(super) const INTEGERS: u8 = 7;
pub(super) const USUAL_NUMBERS: u8 = INTEGERS + 2;
pub(super) const NUMBERS: u8 = USUAL_NUMBERS + 3;

/// The first kinds hold no day of the year.
const NARROW: u8 = 2;

/// Numbers of a type that holds the days of a year.
pub(super) fn wide_numbers(kind: u8, values: &[Option<f64>]) -> ArrayRef {
    numbers(kind.max(NARROW), values)
}

/// Numbers, a kind of those below [`NUMBERS`].
pub(super) fn numbers(kind: u8, values: &[Option<f64>]) -> ArrayRef {
    match kind {
        0 => Arc::new(primitive::<Int8Type, _>(values, |value| value as i8)),
        1 => Arc::new(primitive::<UInt8Type, _>(values, |value| value as u8)),
        2 => Arc::new(primitive::<Int16Type, _>(values, |value| value as i16)),
        3 => Arc::new(primitive::<UInt16Type, _>(values, |value| value as u16)),
        4 => Arc::new(primitive::<Int32Type, _>(values, |value| value as i32)),
        5 => Arc::new(primitive::<UInt32Type, _>(values, |value| value as u32)),
        6 => Arc::new(primitive::<Int64Type, _>(values, |value| value as i64)),
        7 => Arc::new(primitive::<Float32Type, _>(values, |value| value as f32)),
        8 => Arc::new(primitive::<Float64Type, _>(values, |value| value)),
        9 => Arc::new(primitive::<UInt64Type, _>(values, |value| value as u64)),
        10 => {
            let hundredths = primitive::<Decimal128Type, _>(values, |value| i128::from((value * 100.0) as i64));
            Arc::new(hundredths.with_precision_and_scale(38, 2).unwrap())
        }
        _ => texts(0, values.iter().map(|value| value.map(|value| value.to_string()))),
    }
}

/// Marks: numbers, or truth values instead of texts.
pub(super) fn marks(kind: u8, values: &[Option<f64>]) -> ArrayRef {
    match kind {
        0..=10 => numbers(kind, values),
        _ => Arc::new(values.iter().map(|value| value.map(|value| value == 1.0)).collect::<BooleanArray>()),
    }
}

/// Kinds of [`texts`]: those that can be taken by columns, and all.
pub(super) const USUAL_TEXTS: u8 = 5;
pub(super) const TEXTS: u8 = USUAL_TEXTS + 2;

/// Texts, a kind of those below [`TEXTS`]: one for each row, or in a list that rows share.
pub(super) fn texts<T: AsRef<str>>(kind: u8, values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    let values: Vec<Option<T>> = values.collect();
    let texts = || values.iter().map(|value| value.as_ref().map(AsRef::as_ref));
    match kind {
        0 => Arc::new(texts().collect::<StringArray>()),
        1 => Arc::new(texts().collect::<LargeStringArray>()),
        2 => Arc::new(texts().collect::<StringViewArray>()),
        3 => Arc::new(texts().collect::<DictionaryArray<Int32Type>>()),
        4 => nulls_in_the_list(texts()),
        5 => Arc::new(texts().collect::<DictionaryArray<Int16Type>>()),
        _ => {
            let keys: Int32Array = (0..values.len() as i32).map(Some).collect();
            Arc::new(DictionaryArray::new(keys, Arc::new(texts().collect::<LargeStringArray>())))
        }
    }
}

/// Texts behind keys none of which is null; a null is one of the list, over a text that looks like any other.
pub(super) fn nulls_in_the_list<'a>(values: impl Iterator<Item = Option<&'a str>> + Clone) -> ArrayRef {
    let valid: BooleanArray = values.clone().map(|value| value.map(|_| true)).collect();
    let (offsets, bytes, _) = values.map(|value| Some(value.unwrap_or("AA"))).collect::<StringArray>().into_parts();
    let list = StringArray::new(offsets, bytes, valid.nulls().cloned());
    let keys: Int32Array = (0..list.len() as i32).map(Some).collect();
    Arc::new(DictionaryArray::new(keys, Arc::new(list)))
}

/// Points in time, from microseconds; the ends of their range become those of the type's.
pub(super) fn times(kind: u8, micros: &[Option<i64>]) -> ArrayRef {
    let zone = (kind % 8 > 3).then_some("+02:00");
    let scaled = |value: i64, times: i64, parts: i64| match value {
        i64::MIN | i64::MAX => value,
        _ => value.saturating_mul(times).div_euclid(parts),
    };
    match kind % 4 {
        0 => {
            Arc::new(primitive::<TimestampSecondType, _>(micros, |at| scaled(at, 1, 1_000_000)).with_timezone_opt(zone))
        }
        1 => {
            Arc::new(primitive::<TimestampMillisecondType, _>(micros, |at| scaled(at, 1, 1000)).with_timezone_opt(zone))
        }
        2 => Arc::new(primitive::<TimestampMicrosecondType, _>(micros, |at| at).with_timezone_opt(zone)),
        _ => {
            Arc::new(primitive::<TimestampNanosecondType, _>(micros, |at| scaled(at, 1000, 1)).with_timezone_opt(zone))
        }
    }
}

/// Days as such, from microseconds; those of milliseconds keep their time of day.
pub(super) fn days(kind: u8, micros: &[Option<i64>]) -> ArrayRef {
    let days = |at: i64| at.div_euclid(86_400_000_000).clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    match kind % 2 {
        0 => Arc::new(micros.iter().map(|at| at.map(days)).collect::<Date32Array>()),
        _ => Arc::new(micros.iter().map(|at| at.map(|at| at.div_euclid(1000))).collect::<Date64Array>()),
    }
}
