//! The distances of routes: the table that requests are looked up in.
//!
//! Its canonical form is JSON lines, `{"Origin":"EWR","Dest":"ALB","Distance":143.0}`, ordered by origin and destination;
//! the seed's file is read as it is. A table is small and everything depends on it, so it is strict where flight files
//! are not: one bad line, or a route with two distances, is an error.

mod of_flights;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use flightline_operators::columns::Number;
use serde::{Deserialize, Serialize};

use crate::flight::column::Column;
use crate::flight::counts::BadReason;
use crate::flight::number;
use crate::flight::raw::RawRow;
use crate::flight::record::{airport_code, distance};

pub use of_flights::DistanceRows;

/// Two airports, in the order of travel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteKey {
    /// Airport of departure.
    #[serde(rename = "Origin")]
    pub origin: Box<str>,
    /// Airport of arrival.
    #[serde(rename = "Dest")]
    pub dest: Box<str>,
}

/// A route and its length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DistanceRow {
    /// Airport of departure.
    #[serde(rename = "Origin")]
    pub origin: Box<str>,
    /// Airport of arrival.
    #[serde(rename = "Dest")]
    pub dest: Box<str>,
    /// Miles, 0 to 25,000.
    #[serde(rename = "Distance", with = "number")]
    pub distance: Number,
}

/// Why a line is no row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistanceRowError {
    /// No JSON object.
    #[error("it is no JSON object; it must be like {{\"Origin\":\"EWR\",\"Dest\":\"ALB\",\"Distance\":143.0}}")]
    Malformed,
    /// A field is missing or wrong.
    #[error("{0}")]
    Field(BadReason),
}

/// A table that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The table can't be read.
    #[error("can't read the distances {name}: {source}")]
    Read {
        /// The table's file or collection.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// A line is wrong.
    #[error("line {line} of the distances {name} can't be used: {reason}")]
    BadLine {
        /// The table's file or collection.
        name: String,
        /// Number of the line, from 1.
        line: u64,
        /// Why.
        reason: DistanceRowError,
    },
    /// A route has two lengths.
    #[error("line {line} of the distances {name} gives {origin}-{dest} {second} miles, and a line before it {first}")]
    TwoDistances {
        /// The table's file or collection.
        name: String,
        /// Number of the second line, from 1.
        line: u64,
        /// Airport of departure.
        origin: Box<str>,
        /// Airport of arrival.
        dest: Box<str>,
        /// Miles that were read first.
        first: f64,
        /// Miles that were read later.
        second: f64,
    },
    /// There is no row.
    #[error("the distances {name} are empty; `distances` makes them from flights")]
    Empty {
        /// The table's file or collection.
        name: String,
    },
}

impl DistanceRow {
    /// The row of a JSON line. Fields beyond the three are ignored.
    ///
    /// # Errors
    /// Why the line is no row.
    pub fn from_json(line: &[u8]) -> Result<Self, DistanceRowError> {
        let row: RawRow<'_> = serde_json::from_slice(line).map_err(|_| DistanceRowError::Malformed)?;
        Self::from_raw(&row).map_err(DistanceRowError::Field)
    }

    /// The route and the distance of a row of any file that has them, one of flights included.
    ///
    /// # Errors
    /// Why the row is bad.
    pub fn from_raw(row: &RawRow<'_>) -> Result<Self, BadReason> {
        if let Some(column) = Column::OF_A_DISTANCE.into_iter().find(|column| row.is_null(*column)) {
            return Err(BadReason::Null(column));
        }
        Ok(Self {
            origin: airport_code(row, Column::Origin)?.into(),
            dest: airport_code(row, Column::Dest)?.into(),
            distance: distance(row)?,
        })
    }
}

/// Distances by route. Equal tables have equal canonical lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistanceTable {
    miles: BTreeMap<RouteKey, Number>,
}

impl DistanceTable {
    /// Reads JSON lines; blank lines are no rows. `name` is for messages.
    ///
    /// # Errors
    /// The first thing that is wrong, see [`TableError`].
    pub fn read_json_lines(name: &str, input: impl BufRead) -> Result<Self, TableError> {
        let mut table = Self::default();
        for (line, bytes) in (1..).zip(input.split(b'\n')) {
            let bytes = bytes.map_err(|source| TableError::Read { name: name.to_owned(), source })?;
            let bytes = bytes.trim_ascii();
            if bytes.is_empty() {
                continue;
            }
            let row = DistanceRow::from_json(bytes).map_err(|reason| TableError::BadLine {
                name: name.to_owned(),
                line,
                reason,
            })?;
            if let Some(first) = table.insert(row.clone()).filter(|first| *first != row.distance) {
                return Err(TableError::TwoDistances {
                    name: name.to_owned(),
                    line,
                    origin: row.origin,
                    dest: row.dest,
                    first: first.get(),
                    second: row.distance.get(),
                });
            }
        }
        if table.miles.is_empty() { Err(TableError::Empty { name: name.to_owned() }) } else { Ok(table) }
    }

    /// Sets the distance of a route, and gives the one before.
    pub fn insert(&mut self, row: DistanceRow) -> Option<Number> {
        self.miles.insert(RouteKey { origin: row.origin, dest: row.dest }, row.distance)
    }

    /// Miles of a route.
    #[must_use]
    pub fn get(&self, route: &RouteKey) -> Option<Number> {
        self.miles.get(route).copied()
    }

    /// Number of routes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.miles.len()
    }

    /// Whether there is no route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.miles.is_empty()
    }

    /// The rows in canonical order.
    pub fn rows(&self) -> impl Iterator<Item = DistanceRow> + '_ {
        self.miles.iter().map(|(route, distance)| DistanceRow {
            origin: route.origin.clone(),
            dest: route.dest.clone(),
            distance: *distance,
        })
    }

    /// Writes the canonical lines.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write_json_lines(&self, output: &mut impl Write) -> io::Result<()> {
        for row in self.rows() {
            serde_json::to_writer(&mut *output, &row)?;
            output.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl FromIterator<DistanceRow> for DistanceTable {
    fn from_iter<I: IntoIterator<Item = DistanceRow>>(rows: I) -> Self {
        let mut table = Self::default();
        rows.into_iter().for_each(|row| {
            table.insert(row);
        });
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DistanceTable, TableError> {
        DistanceTable::read_json_lines("d.jsonl", text.as_bytes())
    }

    #[test]
    fn the_bundled_table_is_canonical() {
        let bytes = include_bytes!("../../data/origin_dest_distances.jsonl");
        let table = DistanceTable::read_json_lines("bundled", bytes.as_slice()).unwrap();
        assert_eq!(table.len(), 223);
        let mut written = Vec::new();
        table.write_json_lines(&mut written).unwrap();
        assert!(written == bytes, "the bundled table changes when it is written again");
    }

    #[test]
    fn reads_any_order_of_fields_and_lines() {
        let a = read(
            "{\"Origin\":\"A\",\"Dest\":\"B\",\"Distance\":1}\n\n{\"Distance\":\"2.0\",\"Dest\":\"A\",\"Origin\":\"B\",\"_id\":7}\r\n",
        );
        let b = read(
            "{\"Origin\":\"B\",\"Dest\":\"A\",\"Distance\":2.0}\n{\"Origin\":\" A\",\"Dest\":\"B\",\"Distance\":1.0}",
        );
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!(a, b);
        let route = RouteKey { origin: "B".into(), dest: "A".into() };
        assert_eq!(a.get(&route), Number::new(2.0));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, message) in [
            ("", "the distances d.jsonl are empty; `distances` makes them from flights"),
            ("\n{\"Origin\":\"A\"}", "line 2 of the distances d.jsonl can't be used: null Dest"),
            ("{\"Origin\":\"A\",\"Dest\":\"B\",\"Distance\":-1}", "Distance is below 0"),
            ("{\"Origin\":\"A\",\"Dest\":\"B\"", "it is no JSON object"),
            (
                "{\"Origin\":\"A\",\"Dest\":\"B\",\"Distance\":1}\n{\"Origin\":\"A\",\"Dest\":\"B\",\"Distance\":2}",
                "line 2 of the distances d.jsonl gives A-B 2 miles, and a line before it 1",
            ),
        ] {
            let found = read(text).unwrap_err().to_string();
            assert!(found.contains(message), "{found}");
        }
    }
}
