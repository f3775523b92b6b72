//! JSON lines as rows of columns, decoded straight into the builders.
//!
//! A field that no column is for is refused, and so is a value of another type, or a missing one where the column must have
//! one: a file that says less than the line would not be the answer.

use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor};

use super::columns::{Column, ColumnType, Columns};

/// The values of one column so far.
enum Cells {
    Utf8(StringBuilder),
    Float64(Float64Builder),
    Int64(Int64Builder),
    ListFloat64(ListBuilder<Float64Builder>),
    ListUtf8(ListBuilder<StringBuilder>),
}

impl Cells {
    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Utf8 => Self::Utf8(StringBuilder::new()),
            ColumnType::Float64 => Self::Float64(Float64Builder::new()),
            ColumnType::Int64 => Self::Int64(Int64Builder::new()),
            ColumnType::ListFloat64 => Self::ListFloat64(ListBuilder::new(Float64Builder::new())),
            ColumnType::ListUtf8 => Self::ListUtf8(ListBuilder::new(StringBuilder::new())),
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Utf8(cells) => cells.append_null(),
            Self::Float64(cells) => cells.append_null(),
            Self::Int64(cells) => cells.append_null(),
            Self::ListFloat64(cells) => cells.append_null(),
            Self::ListUtf8(cells) => cells.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Utf8(cells) => Arc::new(cells.finish()),
            Self::Float64(cells) => Arc::new(cells.finish()),
            Self::Int64(cells) => Arc::new(cells.finish()),
            Self::ListFloat64(cells) => Arc::new(cells.finish()),
            Self::ListUtf8(cells) => Arc::new(cells.finish()),
        }
    }
}

/// Rows in the making.
pub(super) struct Rows<'a> {
    columns: &'a [Column],
    schema: SchemaRef,
    cells: Vec<Cells>,
    /// Which columns the present row has filled.
    filled: Vec<bool>,
    rows: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(columns: &'a Columns) -> Self {
        let cells = columns.0.iter().map(|column| Cells::new(column.kind)).collect();
        Self { columns: &columns.0, schema: columns.schema(), cells, filled: vec![false; columns.0.len()], rows: 0 }
    }

    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a line. After an error the rows are of no use any more.
    pub(super) fn push(&mut self, line: &[u8]) -> Result<(), String> {
        self.filled.fill(false);
        let mut json = serde_json::Deserializer::from_slice(line);
        json.deserialize_map(&mut *self).and_then(|()| json.end()).map_err(|error| error.to_string())?;
        for ((column, cells), filled) in self.columns.iter().zip(&mut self.cells).zip(&self.filled) {
            match (filled, column.nullable) {
                (true, _) => {}
                (false, true) => cells.push_null(),
                (false, false) => return Err(format!("the field `{}` is missing", column.name)),
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Takes all rows out.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, String> {
        self.rows = 0;
        let arrays = self.cells.iter_mut().map(Cells::finish).collect::<Vec<ArrayRef>>();
        debug_assert!(arrays.iter().all(|array| array.len() == arrays[0].len()));
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|error| error.to_string())
    }
}

impl<'de> Visitor<'de> for &mut Rows<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(index) = map.next_key_seed(KeyOf(self.columns))? {
            if std::mem::replace(&mut self.filled[index], true) {
                return Err(A::Error::custom(format_args!("the field `{}` comes twice", self.columns[index].name)));
            }
            map.next_value_seed(CellOf { cells: &mut self.cells[index], nullable: self.columns[index].nullable })?;
        }
        Ok(())
    }
}

/// Finds the column of a field.
struct KeyOf<'a>(&'a [Column]);

impl<'de> DeserializeSeed<'de> for KeyOf<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<usize, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyOf<'_> {
    type Value = usize;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the name of a field")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<usize, E> {
        let found = self.0.binary_search_by(|column| (*column.name).cmp(name));
        found.map_err(|_| E::custom(format_args!("there is no column for the field `{name}`")))
    }
}

/// Puts a value into a column.
struct CellOf<'a> {
    cells: &'a mut Cells,
    nullable: bool,
}

impl<'de> DeserializeSeed<'de> for CellOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellOf<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.cells {
            Cells::Utf8(_) => "a text",
            Cells::Float64(_) => "a number",
            Cells::Int64(_) => "a whole number",
            Cells::ListFloat64(_) => "a list of numbers",
            Cells::ListUtf8(_) => "a list of texts",
        })?;
        out.write_str(if self.nullable { " or null" } else { "" })
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        match self.cells {
            Cells::Utf8(cells) => cells.append_value(text),
            _ => return Err(E::invalid_type(Unexpected::Str(text), &self)),
        }
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        match self.cells {
            Cells::Float64(cells) => cells.append_value(number),
            _ => return Err(E::invalid_type(Unexpected::Float(number), &self)),
        }
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        match self.cells {
            Cells::Int64(cells) => cells.append_value(number),
            Cells::Float64(cells) => cells.append_value(number as f64),
            _ => return Err(E::invalid_type(Unexpected::Signed(number), &self)),
        }
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        match (&mut *self.cells, i64::try_from(number)) {
            (Cells::Float64(cells), _) => cells.append_value(number as f64),
            (Cells::Int64(cells), Ok(number)) => cells.append_value(number),
            _ => return Err(E::invalid_type(Unexpected::Unsigned(number), &self)),
        }
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        if !self.nullable {
            return Err(E::invalid_type(Unexpected::Unit, &self));
        }
        self.cells.push_null();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        match self.cells {
            Cells::ListFloat64(cells) => {
                while let Some(number) = list.next_element::<f64>()? {
                    cells.values().append_value(number);
                }
                cells.append(true);
            }
            Cells::ListUtf8(cells) => {
                while let Some(text) = list.next_element::<String>()? {
                    cells.values().append_value(text);
                }
                cells.append(true);
            }
            _ => return Err(A::Error::invalid_type(Unexpected::Seq, &self)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: ColumnType, nullable: bool) -> Column {
        Column { name: name.into(), kind, nullable }
    }

    fn columns() -> Columns {
        Columns::new(vec![
            column("Partition", ColumnType::Int64, false),
            column("Offset", ColumnType::Int64, false),
            column("Distance", ColumnType::Float64, true),
            column("Unseen", ColumnType::ListUtf8, true),
        ])
        .unwrap()
    }

    #[test]
    fn what_fits_no_column_is_refused_by_name() {
        for (line, expected) in [
            (r#"{"Offset":1,"Partition":0,"Speed":3}"#, "no column for the field `Speed`"),
            (r#"{"Partition":0}"#, "`Offset` is missing"),
            (r#"{"Offset":1,"Offset":1,"Partition":0}"#, "`Offset` comes twice"),
            (r#"{"Offset":1.5,"Partition":0}"#, "expected a whole number"),
            (r#"{"Offset":null,"Partition":0}"#, "expected a whole number"),
            (r#"{"Offset":1,"Partition":0,"Distance":"far"}"#, "expected a number or null"),
            (r#"{"Offset":1,"Partition":0,"Unseen":[1]}"#, "invalid type"),
            (r#"{"Offset":1,"Partition":0} x"#, "trailing"),
            ("[1]", "a JSON object"),
        ] {
            let message = Rows::new(&columns()).push(line.as_bytes()).unwrap_err();
            assert!(message.contains(expected), "{line}: {message}");
        }
    }

    #[test]
    fn rows_of_any_mixture_fit_together() {
        let columns = columns();
        let mut rows = Rows::new(&columns);
        rows.push(br#"{"Offset":1,"Partition":0}"#).unwrap();
        rows.push(br#"{"Distance":12,"Offset":2,"Partition":0,"Unseen":["Dest"]}"#).unwrap();
        rows.push(br#"{"Distance":null,"Offset":3,"Partition":0,"Unseen":[]}"#).unwrap();
        let batch = rows.finish().unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns(), rows.rows()), (3, 4, 0));
        assert_eq!(batch.column_by_name("Distance").unwrap().null_count(), 2);
        assert_eq!(batch.column_by_name("Unseen").unwrap().null_count(), 1);
    }
}
