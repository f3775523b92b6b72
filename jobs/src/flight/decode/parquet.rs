//! Rows of Parquet files, by way of Arrow record batches.
//!
//! A column may have any type that can hold its values: numbers of any width, text in any layout, days, timestamps of
//! any unit and zone (one without a zone is read as UTC).

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use flightline_connectors::files::ColumnBlock;

use super::super::column::Column;
use super::super::counts::Position;
use super::super::raw::{RawRow, RawValue};
use super::{DecodeError, RowSink, check_columns, offer};

/// Gives the value of a row.
type Getter<'a> = Box<dyn Fn(usize) -> RawValue<'a> + 'a>;

/// The columns of a batch that flights have.
pub struct RawColumns<'a> {
    rows: usize,
    columns: Vec<(Column, &'a dyn Array, Getter<'a>)>,
}

impl<'a> RawColumns<'a> {
    /// Number of rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// A row as one that was read by itself.
    ///
    /// # Panics
    /// When `row` is not below [`RawColumns::rows`], as a slice would.
    #[must_use]
    pub fn row(&self, row: usize) -> RawRow<'a> {
        let mut raw = RawRow::default();
        for (column, _, get) in &self.columns {
            raw.set(*column, get(row));
        }
        raw
    }

    /// All values of a column, if the batch has it.
    pub(in crate::flight) fn array(&self, column: Column) -> Option<&'a dyn Array> {
        self.columns.iter().find(|(of, ..)| *of == column).map(|(_, array, _)| *array)
    }

    /// All columns.
    pub(in crate::flight) fn arrays(&self) -> impl Iterator<Item = &'a dyn Array> {
        self.columns.iter().map(|(_, array, _)| *array)
    }

    fn of<S: RowSink>(file: &str, batch: &'a RecordBatch) -> Result<Self, DecodeError> {
        let schema = batch.schema_ref();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        check_columns::<S>(file, |column| column.find(&names).is_some())?;
        let mut columns = Vec::new();
        for column in Column::ALL {
            let Some(place) = column.find(&names) else { continue };
            let array = batch.column(place).as_ref();
            let getter = accepts(column, array.data_type()).then(|| getter(array)).flatten();
            let getter = getter.ok_or_else(|| DecodeError::WrongType {
                file: file.to_owned(),
                column,
                found: value_type(array.data_type()).to_string(),
                wanted: wanted(column),
            })?;
            columns.push((column, array, getter));
        }
        Ok(Self { rows: batch.num_rows(), columns })
    }
}

/// Gives the batch to the sink: what it takes by columns, and every other row by itself.
pub(super) fn decode<S: RowSink>(block: &ColumnBlock, sink: &mut S) -> Result<(), DecodeError> {
    let columns = RawColumns::of::<S>(&block.file, &block.batch)?;
    for row in sink.take_columns(&columns) {
        offer(sink, &columns.row(row), &block.file, Position::Row(block.first_row + row as u64));
    }
    Ok(())
}

/// The type of a column's values; a dictionary is only how the file has them.
fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values.as_ref(),
        other => other,
    }
}

/// Whether values of a type can be what a column holds.
fn accepts(column: Column, data_type: &DataType) -> bool {
    let data_type = value_type(data_type);
    let text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null);
    match column {
        Column::FlightDate => {
            text || matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
        }
        Column::CrsArrTime | Column::CrsDepTime => {
            text || data_type.is_numeric() || matches!(data_type, DataType::Timestamp(..))
        }
        Column::Carrier | Column::Origin | Column::Dest => text,
        Column::FlightNum => text || data_type.is_numeric(),
        _ => text || data_type.is_numeric() || matches!(data_type, DataType::Boolean),
    }
}

/// What a column must be, for a message.
const fn wanted(column: Column) -> &'static str {
    match column {
        Column::FlightDate => "a date, a timestamp or text",
        Column::CrsArrTime | Column::CrsDepTime => "a timestamp, text, or hhmm as a number",
        Column::Carrier | Column::Origin | Column::Dest => "text",
        Column::FlightNum => "text or a number",
        _ => "a number, or text",
    }
}

/// Reads values of an array; `None` for a type that no column has.
fn getter(array: &dyn Array) -> Option<Getter<'_>> {
    let integer = RawValue::Integer;
    Some(match array.data_type() {
        DataType::Null => Box::new(|_| RawValue::Null),
        DataType::Boolean => {
            let values = array.as_boolean();
            with_nulls(array, move |row| RawValue::Integer(i64::from(values.value(row))))
        }
        DataType::Int8 => primitive::<Int8Type>(array, move |value| integer(value.into())),
        DataType::Int16 => primitive::<Int16Type>(array, move |value| integer(value.into())),
        DataType::Int32 => primitive::<Int32Type>(array, move |value| integer(value.into())),
        DataType::Int64 => primitive::<Int64Type>(array, integer),
        DataType::UInt8 => primitive::<UInt8Type>(array, move |value| integer(value.into())),
        DataType::UInt16 => primitive::<UInt16Type>(array, move |value| integer(value.into())),
        DataType::UInt32 => primitive::<UInt32Type>(array, move |value| integer(value.into())),
        DataType::UInt64 => primitive::<UInt64Type>(array, |value| {
            i64::try_from(value).map_or(RawValue::Number(value as f64), RawValue::Integer)
        }),
        DataType::Float32 => primitive::<Float32Type>(array, |value| RawValue::Number(value.into())),
        DataType::Float64 => primitive::<Float64Type>(array, RawValue::Number),
        DataType::Decimal128(..) => {
            let values = array.as_primitive::<Decimal128Type>();
            with_nulls(array, move |row| RawValue::Text(values.value_as_string(row).into()))
        }
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            with_nulls(array, move |row| RawValue::Text(values.value(row).into()))
        }
        DataType::LargeUtf8 => {
            let values = array.as_string::<i64>();
            with_nulls(array, move |row| RawValue::Text(values.value(row).into()))
        }
        DataType::Utf8View => {
            let values = array.as_string_view();
            with_nulls(array, move |row| RawValue::Text(values.value(row).into()))
        }
        DataType::Date32 => primitive::<Date32Type>(array, |days| RawValue::Day(days.into())),
        DataType::Date64 => primitive::<Date64Type>(array, |millis| RawValue::Day(millis.div_euclid(86_400_000))),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => primitive::<TimestampSecondType>(array, |value| micros(value, 1_000_000)),
            TimeUnit::Millisecond => primitive::<TimestampMillisecondType>(array, |value| micros(value, 1000)),
            TimeUnit::Microsecond => primitive::<TimestampMicrosecondType>(array, RawValue::Time),
            TimeUnit::Nanosecond => {
                primitive::<TimestampNanosecondType>(array, |value| RawValue::Time(value.div_euclid(1000)))
            }
        },
        DataType::Dictionary(..) => dictionary(array)?,
        _ => return None,
    })
}

/// A timestamp of a coarser unit in microseconds. One that does not fit lies outside the calendar, like the largest.
fn micros(value: i64, per_unit: i64) -> RawValue<'static> {
    RawValue::Time(value.saturating_mul(per_unit))
}

fn primitive<T: ArrowPrimitiveType>(
    array: &dyn Array,
    get: impl Fn(T::Native) -> RawValue<'static> + 'static,
) -> Getter<'_> {
    let values = array.as_primitive::<T>();
    with_nulls(array, move |row| get(values.value(row)))
}

fn with_nulls<'a>(array: &'a dyn Array, get: impl Fn(usize) -> RawValue<'a> + 'a) -> Getter<'a> {
    match array.nulls() {
        None => Box::new(get),
        Some(nulls) => Box::new(move |row| if nulls.is_null(row) { RawValue::Null } else { get(row) }),
    }
}

/// A dictionary's value by its key.
fn dictionary(array: &dyn Array) -> Option<Getter<'_>> {
    let dictionary = array.as_any_dictionary_opt()?;
    let get = getter(dictionary.values().as_ref())?;
    if dictionary.values().is_empty() {
        return Some(Box::new(|_| RawValue::Null));
    }
    let keys = dictionary.normalized_keys();
    Some(with_nulls(array, move |row| get(keys[row])))
}
