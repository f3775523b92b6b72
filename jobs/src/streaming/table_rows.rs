//! The table of distances as the engine passes it on: rows of text by key.
//!
//! The key of a row is its route, `EWR-ALB` (no airport has a hyphen); its value is the canonical line of the row,
//! `{"Origin":"EWR","Dest":"ALB","Distance":143.0}`. Equal tables have equal rows, so a version of the table differs from
//! another exactly where a distance does.

use flightline_engine::contract::TableRows;
use flightline_operators::columns::Number;

use crate::flight::raw::airport;
use crate::table::{DistanceRow, DistanceRowError, DistanceTable, RouteKey, TableError};

/// What a row of text says.
pub type Entry = (RouteKey, Number);

/// Why a row of text is no row of this table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The key is no route.
    #[error("the key {0:?} of a row of distances is no route such as EWR-ALB")]
    Key(String),
    /// The value is no row.
    #[error("the row {key} of the distances can't be used: {reason}")]
    Value {
        /// The row's key.
        key: String,
        /// Why.
        reason: DistanceRowError,
    },
    /// Key and value are of two routes.
    #[error("the row {key} of the distances is that of the route {found}")]
    OtherRoute {
        /// The row's key.
        key: String,
        /// The route in its value.
        found: String,
    },
}

/// The key of a route.
#[must_use]
pub fn key(route: &RouteKey) -> String {
    format!("{}-{}", route.origin, route.dest)
}

/// The route of a key; `None` if it is none.
#[must_use]
pub fn route(key: &str) -> Option<RouteKey> {
    let is_airport = |text: &&str| airport(text) == Some(*text);
    let (origin, dest) = key.split_once('-')?;
    let (origin, dest) = (Some(origin).filter(is_airport)?, Some(dest).filter(is_airport)?);
    Some(RouteKey { origin: origin.into(), dest: dest.into() })
}

/// The key and the value of a row.
///
/// # Errors
/// None that can occur: a row is texts and a number.
pub fn to_text(row: &DistanceRow) -> serde_json::Result<(String, String)> {
    let value = serde_json::to_string(row)?;
    Ok((key(&RouteKey { origin: row.origin.clone(), dest: row.dest.clone() }), value))
}

/// What a row of text says.
///
/// # Errors
/// Why it is no row of this table.
pub fn from_text(key: &str, value: &str) -> Result<Entry, RowError> {
    let route = route(key).ok_or_else(|| RowError::Key(key.to_owned()))?;
    let row =
        DistanceRow::from_json(value.as_bytes()).map_err(|reason| RowError::Value { key: key.to_owned(), reason })?;
    if (&row.origin, &row.dest) != (&route.origin, &route.dest) {
        let found = self::key(&RouteKey { origin: row.origin, dest: row.dest });
        return Err(RowError::OtherRoute { key: key.to_owned(), found });
    }
    Ok((route, row.distance))
}

/// What a row of text says to the lookup. A row that says nothing is as if it were not there, whoever looks: rows are
/// checked where they come in, so this is a table that was changed behind our back.
pub(super) fn usable(key: &str, value: &str) -> Option<Entry> {
    from_text(key, value).inspect_err(|error| tracing::error!(%error, "a row of the table is left out")).ok()
}

/// All rows of a table.
///
/// # Errors
/// As [`to_text`].
pub fn to_rows(table: &DistanceTable) -> serde_json::Result<TableRows> {
    table.rows().map(|row| to_text(&row)).collect()
}

/// The table of some rows.
///
/// # Errors
/// The first row that is none.
pub fn from_rows(rows: &TableRows) -> Result<DistanceTable, RowError> {
    let row = |(key, value): (&String, &String)| {
        let (RouteKey { origin, dest }, distance) = from_text(key, value)?;
        Ok(DistanceRow { origin, dest, distance })
    };
    rows.iter().map(row).collect()
}

/// The rows of a file of JSON lines, as `distances` writes it.
///
/// # Errors
/// What is wrong, and in which line; it reads on after the name of the file and a colon.
pub fn rows_from_json_lines(bytes: &[u8]) -> Result<TableRows, String> {
    let table = DistanceTable::read_json_lines("", bytes).map_err(|error| match error {
        TableError::BadLine { line, reason, .. } => format!("line {line} can't be used: {reason}"),
        TableError::TwoDistances { line, origin, dest, first, second, .. } => {
            format!("line {line} gives {origin}-{dest} {second} miles, and a line before it {first}")
        }
        TableError::Empty { .. } => {
            "there is no row of distances in it; `distances` makes them from flights".to_owned()
        }
        TableError::Read { source, .. } => format!("it can't be read: {source}"),
    })?;
    to_rows(&table).map_err(|error| format!("internal error (bug): a row can't be written as JSON: {error}"))
}

/// The row of a document of a collection, an object of JSON.
///
/// # Errors
/// Why it is no row; it reads on after the name of the document and a colon.
pub fn row_from_json(line: &[u8]) -> Result<(String, String), String> {
    let row = DistanceRow::from_json(line).map_err(|reason| reason.to_string())?;
    to_text(&row).map_err(|error| format!("internal error (bug): a row can't be written as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bundled_table_as_rows() {
        let bytes = include_bytes!("../../../data/origin_dest_distances.jsonl");
        let rows = rows_from_json_lines(bytes).unwrap();
        assert_eq!(rows.len(), 223);
        assert_eq!(rows["EWR-ALB"], "{\"Origin\":\"EWR\",\"Dest\":\"ALB\",\"Distance\":143.0}");
        let table = from_rows(&rows).unwrap();
        assert_eq!(table, DistanceTable::read_json_lines("bundled", bytes.as_slice()).unwrap());
    }

    #[test]
    fn a_wrong_file_says_what_and_where() {
        let row = "{\"Origin\":\"A\",\"Dest\":\"B\",\"Distance\":1}\n";
        for (text, reason) in [
            ("\n".to_owned(), "there is no row of distances in it"),
            (format!("{row}\nx"), "line 3 can't be used: it is no JSON object"),
            (format!("{row}{}", row.replace('1', "2")), "line 2 gives A-B 2 miles, and a line before it 1"),
        ] {
            let found = rows_from_json_lines(text.as_bytes()).unwrap_err();
            assert!(found.starts_with(reason), "{found}");
        }
    }

    #[test]
    fn a_document_is_a_row_whatever_type_its_number_has() {
        let expected = ("EWR-ALB".to_owned(), "{\"Origin\":\"EWR\",\"Dest\":\"ALB\",\"Distance\":143.0}".to_owned());
        for line in [
            r#"{"Origin":"EWR","Dest":"ALB","Distance":143}"#,
            r#"{"Distance":143.0,"Dest":"ALB","Origin":"EWR","more":1}"#,
        ] {
            assert_eq!(row_from_json(line.as_bytes()), Ok(expected.clone()));
        }
        assert_eq!(row_from_json(br#"{"Dest":"ALB","Distance":1}"#), Err("null Origin".to_owned()));
    }

    #[test]
    fn a_wrong_row_is_named() {
        let value = "{\"Origin\":\"EWR\",\"Dest\":\"ALB\",\"Distance\":143.0}";
        for (key, value, reason) in [
            ("EWRALB", value, "the key \"EWRALB\" of a row of distances is no route such as EWR-ALB"),
            ("EWR-ALB-X", value, "is no route"),
            (" EWR-ALB", value, "is no route"),
            ("ALB-EWR", value, "the row ALB-EWR of the distances is that of the route EWR-ALB"),
            ("EWR-ALB", "{}", "the row EWR-ALB of the distances can't be used: null Origin"),
        ] {
            let found = from_text(key, value).unwrap_err().to_string();
            assert!(found.contains(reason), "{found}");
            assert_eq!(usable(key, value), None);
        }
    }

    proptest! {
        #[test]
        fn a_row_reads_back(origin in "[!-,.-~]{1,8}", dest in "[!-,.-~]{1,8}", miles in 0.0_f64..25_000.0) {
            let row = DistanceRow { origin: origin.into(), dest: dest.into(), distance: Number::new(miles).unwrap() };
            let (key, value) = to_text(&row).unwrap();
            let (route, distance) = from_text(&key, &value).unwrap();
            prop_assert_eq!(DistanceRow { origin: route.origin, dest: route.dest, distance }, row);
        }
    }
}
