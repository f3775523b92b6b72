//! The fields of answers and dead letters, as the columns of Parquet files.

use flightline_connectors::files::sink::{Column, ColumnType, Columns, ColumnsError};
use flightline_engine::contract::Selects;

/// Name, type, and whether a line may be without it.
type Field = (&'static str, ColumnType, bool);

const ANSWERS: [Field; 24] = [
    ("Carrier", ColumnType::Utf8, true),
    ("DayOfMonth", ColumnType::Int64, true),
    ("DayOfWeek", ColumnType::Int64, true),
    ("DayOfYear", ColumnType::Int64, true),
    ("DepDelay", ColumnType::Float64, true),
    ("Dest", ColumnType::Utf8, true),
    ("Distance", ColumnType::Float64, true),
    ("Error", ColumnType::Utf8, true),
    ("FlightDate", ColumnType::Utf8, true),
    ("FlightNum", ColumnType::Utf8, true),
    ("Format", ColumnType::Int64, true),
    ("Model", ColumnType::Utf8, false),
    ("Offset", ColumnType::Int64, false),
    ("Origin", ColumnType::Utf8, true),
    ("Partition", ColumnType::Int64, false),
    ("Prediction", ColumnType::Int64, true),
    ("Probabilities", ColumnType::ListFloat64, true),
    ("Route", ColumnType::Utf8, true),
    ("Settings", ColumnType::Utf8, true),
    ("Status", ColumnType::Utf8, false),
    ("Table", ColumnType::Int64, false),
    ("Timestamp", ColumnType::Utf8, true),
    ("UUID", ColumnType::Utf8, false),
    ("Unseen", ColumnType::ListUtf8, true),
];

const DEAD_LETTERS: [Field; 6] = [
    ("Bytes", ColumnType::Utf8, false),
    ("Offset", ColumnType::Int64, false),
    ("Partition", ColumnType::Int64, false),
    ("Reason", ColumnType::Utf8, false),
    ("Text", ColumnType::Utf8, true),
    ("UUID", ColumnType::Utf8, true),
];

/// The columns of a sink that selects these lines.
pub(super) fn columns(selects: Selects) -> Result<Columns, ColumnsError> {
    let fields: &[Field] = match selects {
        Selects::Answers => &ANSWERS,
        Selects::DeadLetters => &DEAD_LETTERS,
    };
    let column = |(name, kind, nullable): &Field| Column { name: (*name).into(), kind: *kind, nullable: *nullable };
    Columns::new(fields.iter().map(column).collect())
}
