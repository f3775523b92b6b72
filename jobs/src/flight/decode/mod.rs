//! From the bytes of a file to checked rows.
//!
//! A [`Decoder`] takes the pieces of files that the connectors hand out and offers each row to a [`RowSink`], which says
//! what it needs and keeps what it wants. A row that can't be used is counted with its reason and its place. Only a file
//! that can't hold such rows at all (a column is missing from its header, or has an impossible type) is an error.

mod csv;
mod json;
mod parquet;
mod quick;
pub(super) mod views;

use flightline_connectors::files::Payload;

pub use self::parquet::RawColumns;
use super::column::Column;
use super::counts::{BadReason, Location, Position, ReadCounts};
use super::raw::RawRow;

/// What rows are read for.
pub trait RowSink {
    /// The columns that a row can't be without; the first that is null is why a row is bad.
    const NEEDED: &'static [Column];

    /// Takes a row that has all needed columns, and counts it as good.
    ///
    /// # Errors
    /// Why the row is bad; the caller counts it.
    fn take(&mut self, row: &RawRow<'_>) -> Result<(), BadReason>;

    /// Takes those rows of a batch that need not be looked at one by one, and counts them as good; returns the numbers of
    /// all others. What is taken is what [`RowSink::take`] would make of the same rows, in any order.
    fn take_columns(&mut self, columns: &RawColumns<'_>) -> Vec<usize> {
        (0..columns.rows()).collect()
    }

    /// The counts of the rows read so far.
    fn counts(&mut self) -> &mut ReadCounts;
}

/// A file that can't be read as flights.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The header of a CSV file, or the schema of a Parquet file, lacks columns.
    #[error("{file} has no column {missing}; of the columns that flights have it has {present}")]
    MissingColumns {
        /// The file's name.
        file: String,
        /// The columns that are needed and not there.
        missing: String,
        /// Those of our columns that are there.
        present: String,
    },
    /// A column of a Parquet file has a type that can't hold its values.
    #[error("{file}: column {column} is of type {found}, but must be {wanted}")]
    WrongType {
        /// The file's name.
        file: String,
        /// The column.
        column: Column,
        /// Its type in the file.
        found: String,
        /// What it may be.
        wanted: &'static str,
    },
    /// The header of a CSV file is no UTF-8 or no CSV.
    #[error("{file}: the first line is no CSV header in UTF-8; give the file's format with --format")]
    BadHeader {
        /// The file's name.
        file: String,
    },
}

/// The columns to ask of a columnar file for rows that need `needed`: those, and what is compared or left out with them.
#[must_use]
pub fn columns_to_read(needed: &[Column]) -> Vec<String> {
    let beside = [Column::ArrDelay, Column::Cancelled, Column::Diverted];
    let days = [Column::DayOfMonth, Column::DayOfWeek, Column::DayOfYear];
    let days = days.iter().filter(|_| needed.contains(&Column::FlightDate));
    needed.iter().chain(&beside).chain(days).flat_map(|column| column.spellings()).collect()
}

/// Decodes the pieces of files, one after the other.
#[derive(Debug, Default)]
pub struct Decoder {
    csv: csv::CsvDecoder,
    json: quick::QuickReader,
}

impl Decoder {
    /// A decoder that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers every row of a piece of a file to `sink`.
    ///
    /// # Errors
    /// [`DecodeError`] when the file's columns are not those that the sink needs.
    pub fn decode<S: RowSink>(&mut self, payload: &Payload, sink: &mut S) -> Result<(), DecodeError> {
        match payload {
            Payload::Lines(block) if block.header.is_some() => self.csv.decode(block, sink),
            Payload::Lines(block) => {
                json::decode(block, &mut self.json, sink);
                Ok(())
            }
            Payload::Columns(block) => parquet::decode(block, sink),
        }
    }
}

/// Gives a row to the sink, or counts why not.
fn offer<S: RowSink>(sink: &mut S, row: &RawRow<'_>, file: &str, position: Position) {
    // A flight that never arrived has no delay to learn from, and is no bad row either.
    if row.is_marked(Column::Cancelled) {
        sink.counts().cancelled += 1;
        return;
    }
    if row.is_marked(Column::Diverted) && row.is_null(Column::ArrDelay) {
        sink.counts().diverted += 1;
        return;
    }
    let mut first_null = None;
    for &column in S::NEEDED.iter().filter(|column| row.is_null(**column)) {
        sink.counts().count_null(column);
        first_null = first_null.or(Some(column));
    }
    let taken = first_null.map_or_else(|| sink.take(row), |column| Err(BadReason::Null(column)));
    if let Err(reason) = taken {
        count_bad(sink, reason, file, position);
    }
}

fn count_bad<S: RowSink>(sink: &mut S, reason: BadReason, file: &str, position: Position) {
    sink.counts().count_bad(reason, || Location { file: file.to_owned(), position });
}

/// Checks that a file has all columns that the sink needs. Of others a columnar file may have been read without.
fn check_columns<S: RowSink>(file: &str, has: impl Fn(Column) -> bool) -> Result<(), DecodeError> {
    let missing: Vec<&str> = S::NEEDED.iter().filter(|column| !has(**column)).map(|column| column.name()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let present: Vec<&str> = Column::ALL.into_iter().filter(|column| has(*column)).map(Column::name).collect();
    let present = if present.is_empty() { "none".to_owned() } else { present.join(", ") };
    Err(DecodeError::MissingColumns { file: file.to_owned(), missing: missing.join(", "), present })
}

#[cfg(test)]
mod bulk_tests;
#[cfg(test)]
mod tests;
