//! What was read, and what was wrong with it.
//!
//! A bad row is counted under the one reason that was found first, with the place of the earliest such row as an
//! example. Counts are merged over workers; a merged count does not depend on how the rows were shared out.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::column::Column;
use super::record::{DELAY_LIMIT_MINUTES, DISTANCE_LIMIT_MILES};

/// Why a row is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BadReason {
    /// The line is cut off, or is no JSON object, no CSV record with all fields, or no UTF-8.
    Malformed,
    /// A column that is needed has no value.
    Null(Column),
    /// A value can't be read as what its column holds.
    Unreadable(Column),
    /// A value can be read, but can't be true.
    OutOfRange(Column),
}

impl fmt::Display for BadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a whole row (cut off, or not of the file's format)"),
            Self::Null(column) => write!(f, "null {column}"),
            Self::Unreadable(column) => match column {
                Column::FlightDate => write!(f, "{column} is no date"),
                Column::CrsArrTime | Column::CrsDepTime => write!(f, "{column} is no time"),
                Column::Carrier | Column::Origin | Column::Dest | Column::FlightNum => {
                    write!(f, "{column} is no text")
                }
                _ => write!(f, "{column} is no number"),
            },
            Self::OutOfRange(column) => match column {
                Column::FlightDate => write!(f, "{column} is no day of the calendar between 1900 and 2199"),
                Column::CrsArrTime | Column::CrsDepTime => write!(f, "{column} is no time of a day"),
                Column::Carrier | Column::FlightNum => {
                    write!(f, "{column} is not 1 to 8 visible ASCII characters")
                }
                Column::Origin | Column::Dest => {
                    write!(f, "{column} is not 1 to 8 visible ASCII characters without a hyphen")
                }
                Column::Distance => write!(f, "{column} is below 0 or above {DISTANCE_LIMIT_MILES} miles"),
                Column::DepDelay | Column::ArrDelay => {
                    write!(f, "{column} is more than {DELAY_LIMIT_MINUTES} minutes early or late")
                }
                Column::DayOfMonth => write!(f, "{column} is not 1 to 31"),
                Column::DayOfWeek => write!(f, "{column} is not 1 to 7"),
                Column::DayOfYear => write!(f, "{column} is no day of the row's year"),
                Column::Cancelled | Column::Diverted => write!(f, "{column} is not 0 or 1"),
            },
        }
    }
}

/// Where in a file a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Position {
    /// Offset of a line in the decompressed file, in bytes from 0.
    Byte(u64),
    /// Number of a row of a Parquet file, from 0.
    Row(u64),
}

/// A row's file and its place there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The file's name, as it was read.
    pub file: String,
    /// The place in it.
    pub position: Position,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Position::Byte(offset) => write!(f, "{} at byte {offset}", self.file),
            Position::Row(row) => write!(f, "{} at row {row}", self.file),
        }
    }
}

/// The rows that are bad for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRows {
    /// How many they are.
    pub rows: u64,
    /// The earliest of them, by file name and place.
    pub first: Location,
}

/// Counts of the rows that were read; merged over workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadCounts {
    /// Rows that can be used.
    pub good: u64,
    /// Rows that can't, by reason, in the order of [`BadReason`].
    pub bad: Vec<(BadReason, BadRows)>,
    /// Missing values of the columns that are needed; a row may count under several.
    pub nulls: BTreeMap<Column, u64>,
    /// Good rows whose own day fields differ from those of their date; the date's are used.
    pub day_disagreements: u64,
    /// Flights that the BTS marks as cancelled: left out, neither good nor bad.
    pub cancelled: u64,
    /// Flights that the BTS marks as diverted and that have no arrival delay: left out, neither good nor bad.
    pub diverted: u64,
}

/// The input can't be used, whatever its good rows say.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadInput {
    /// There is no good row.
    #[error(
        "the input has no usable row: {bad} bad, {left_out} cancelled or diverted{example}; check the files and --format"
    )]
    NoRows {
        /// Bad rows.
        bad: u64,
        /// Cancelled and diverted flights.
        left_out: u64,
        /// The most frequent reason and its first row, or nothing.
        example: String,
    },
    /// More rows are bad than the limit allows.
    #[error(
        "{bad} of {total} rows are bad, a share of {share:.4} above the limit of {limit}{example}; \
         mend the rows, or raise --max-bad-rows"
    )]
    TooManyBadRows {
        /// Bad rows.
        bad: u64,
        /// Good and bad rows.
        total: u64,
        /// Bad rows over all rows.
        share: f64,
        /// The limit on that share.
        limit: f64,
        /// The most frequent reason and its first row.
        example: String,
    },
}

impl ReadCounts {
    /// Bad rows, for whatever reason.
    #[must_use]
    pub fn bad_rows(&self) -> u64 {
        self.bad.iter().map(|(_, bad)| bad.rows).sum()
    }

    /// Good and bad rows; cancelled and diverted flights are no rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.good + self.bad_rows()
    }

    /// Counts a bad row.
    pub fn count_bad(&mut self, reason: BadReason, location: impl FnOnce() -> Location) {
        match self.bad.binary_search_by_key(&reason, |(reason, _)| *reason) {
            Ok(at) => {
                let bad = &mut self.bad[at].1;
                bad.rows += 1;
                // Splits are mostly read in order; the comparison is what makes the example independent of that.
                let location = location();
                if location < bad.first {
                    bad.first = location;
                }
            }
            Err(at) => self.bad.insert(at, (reason, BadRows { rows: 1, first: location() })),
        }
    }

    /// Counts a missing value of a column that is needed.
    pub fn count_null(&mut self, column: Column) {
        *self.nulls.entry(column).or_default() += 1;
    }

    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: &Self) {
        self.good += other.good;
        self.day_disagreements += other.day_disagreements;
        self.cancelled += other.cancelled;
        self.diverted += other.diverted;
        for (column, nulls) in &other.nulls {
            *self.nulls.entry(*column).or_default() += nulls;
        }
        for (reason, theirs) in &other.bad {
            match self.bad.binary_search_by_key(reason, |(reason, _)| *reason) {
                Ok(at) => {
                    let ours = &mut self.bad[at].1;
                    ours.rows += theirs.rows;
                    if theirs.first < ours.first {
                        ours.first = theirs.first.clone();
                    }
                }
                Err(at) => self.bad.insert(at, (*reason, theirs.clone())),
            }
        }
    }

    /// Whether the rows may be used, with at most a share of `limit` of them bad.
    ///
    /// # Errors
    /// [`BadInput`] when there is no good row, or when more are bad.
    pub fn check(&self, limit: f64) -> Result<(), BadInput> {
        let (bad, total) = (self.bad_rows(), self.rows());
        if self.good == 0 {
            return Err(BadInput::NoRows { bad, left_out: self.cancelled + self.diverted, example: self.example() });
        }
        let share = bad as f64 / total as f64;
        if share > limit {
            return Err(BadInput::TooManyBadRows { bad, total, share, limit, example: self.example() });
        }
        Ok(())
    }

    /// The most frequent reason and its first row, as the end of a sentence.
    fn example(&self) -> String {
        let worst = self.bad.iter().max_by_key(|(reason, bad)| (bad.rows, std::cmp::Reverse(*reason)));
        worst.map_or_else(String::new, |(reason, bad)| {
            format!(" ({} of them: {reason}, first in {})", bad.rows, bad.first)
        })
    }
}

impl fmt::Display for ReadCounts {
    /// One line for the totals, and one for each kind of trouble.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} good rows, {} bad", self.good, self.bad_rows())?;
        if self.cancelled + self.diverted > 0 {
            write!(f, "; left out: {} cancelled, {} diverted without an arrival", self.cancelled, self.diverted)?;
        }
        for (reason, bad) in &self.bad {
            write!(f, "\n  {} bad: {reason}, first in {}", bad.rows, bad.first)?;
        }
        if self.day_disagreements > 0 {
            write!(f, "\n  {} rows had day fields that differ from their date's", self.day_disagreements)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn location(file: &str, offset: u64) -> Location {
        Location { file: file.to_owned(), position: Position::Byte(offset) }
    }

    #[test]
    fn the_limit_is_a_share_of_good_and_bad_rows() {
        let mut counts = ReadCounts { good: 99, cancelled: 50, ..ReadCounts::default() };
        counts.count_bad(BadReason::Null(Column::ArrDelay), || location("a.jsonl", 7));
        assert_eq!(counts.check(0.01), Ok(()), "1 of 100 is not above 1%");
        counts.count_bad(BadReason::Malformed, || location("a.jsonl", 3));
        counts.count_bad(BadReason::Null(Column::ArrDelay), || location("a.jsonl", 5));
        let message = counts.check(0.01).unwrap_err().to_string();
        assert!(message.starts_with("3 of 102 rows are bad"), "{message}");
        assert!(message.contains("(2 of them: null ArrDelay, first in a.jsonl at byte 5)"), "{message}");
    }

    #[test]
    fn an_input_without_a_good_row_is_an_error_at_any_limit() {
        assert!(matches!(ReadCounts::default().check(1.0), Err(BadInput::NoRows { bad: 0, left_out: 0, .. })));
        let cancelled = ReadCounts { cancelled: 3, ..ReadCounts::default() };
        assert!(cancelled.check(1.0).unwrap_err().to_string().contains("3 cancelled or diverted"));
    }

    proptest! {
        #[test]
        fn a_merged_count_does_not_depend_on_who_read_what(
            rows in prop::collection::vec((0_usize..4, 0_u64..1000, 0_usize..3), 0..40),
        ) {
            let reasons = [
                BadReason::Malformed,
                BadReason::Null(Column::Origin),
                BadReason::OutOfRange(Column::Distance),
                BadReason::Unreadable(Column::FlightDate),
            ];
            let mut whole = ReadCounts::default();
            let mut parts = vec![ReadCounts::default(); 3];
            for &(reason, offset, part) in &rows {
                for counts in [&mut whole, &mut parts[part]] {
                    counts.count_bad(reasons[reason], || location("f", offset));
                    counts.count_null(Column::ALL[reason]);
                    counts.good += 1;
                }
            }
            let mut merged = ReadCounts::default();
            parts.iter().rev().for_each(|part| merged.merge(part));
            prop_assert_eq!(merged, whole);
        }
    }
}
