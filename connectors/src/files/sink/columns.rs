//! The columns that a Parquet file sink is told of: this crate knows no job, and so not what fields its lines have.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use thiserror::Error;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    Utf8,
    /// Any JSON number.
    Float64,
    /// A JSON number without a fraction.
    Int64,
    /// A list of numbers.
    ListFloat64,
    /// A list of texts.
    ListUtf8,
}

/// A field of a JSON line, as a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The field's name.
    pub name: Box<str>,
    /// What it holds.
    pub kind: ColumnType,
    /// Whether a line may be without it.
    pub nullable: bool,
}

/// All columns of a file, in the order of their names, as canonical JSON has its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(pub(super) Arc<[Column]>);

/// Why some columns can't be those of a file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("these can't be the columns of a file sink: {0}")]
pub struct ColumnsError(String);

impl Columns {
    /// Checks and sorts.
    ///
    /// # Errors
    /// [`ColumnsError`] for a name that comes twice, and unless `Offset` and `Partition` are there as whole numbers that
    /// no line is without: they tell where a file ends.
    pub fn new(mut columns: Vec<Column>) -> Result<Self, ColumnsError> {
        columns.sort_by(|one, other| one.name.cmp(&other.name));
        let names: BTreeSet<&str> = columns.iter().map(|column| &*column.name).collect();
        if names.len() < columns.len() {
            return Err(ColumnsError("a name comes twice; leave one of the two out".to_owned()));
        }
        for needed in ["Offset", "Partition"] {
            let column = columns.iter().find(|column| &*column.name == needed);
            if column.is_none_or(|column| column.kind != ColumnType::Int64 || column.nullable) {
                return Err(ColumnsError(format!("`{needed}` must be an Int64 column that is not nullable; add it")));
            }
        }
        Ok(Self(columns.into()))
    }

    pub(super) fn schema(&self) -> SchemaRef {
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        let field = |column: &Column| {
            let kind = match column.kind {
                ColumnType::Utf8 => DataType::Utf8,
                ColumnType::Float64 => DataType::Float64,
                ColumnType::Int64 => DataType::Int64,
                ColumnType::ListFloat64 => list(DataType::Float64),
                ColumnType::ListUtf8 => list(DataType::Utf8),
            };
            Field::new(&*column.name, kind, column.nullable)
        };
        Arc::new(Schema::new(self.0.iter().map(field).collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: ColumnType, nullable: bool) -> Column {
        Column { name: name.into(), kind, nullable }
    }

    #[test]
    fn columns_without_a_position_are_refused() {
        let offset = column("Offset", ColumnType::Int64, false);
        let message = Columns::new(vec![offset.clone()]).unwrap_err().to_string();
        assert!(message.contains("`Partition`"), "{message}");
        for partition in [column("Partition", ColumnType::Int64, true), column("Partition", ColumnType::Float64, false)]
        {
            assert!(Columns::new(vec![offset.clone(), partition]).is_err());
        }
    }

    #[test]
    fn columns_are_sorted_and_each_is_there_once() {
        let of = |name: &str| column(name, ColumnType::Int64, false);
        let columns = Columns::new(vec![of("Partition"), of("Z"), of("Offset")]).unwrap();
        let schema = columns.schema();
        let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
        assert_eq!(names, ["Offset", "Partition", "Z"]);
        let twice = Columns::new(vec![of("Partition"), of("Z"), of("Offset"), of("Z")]).unwrap_err();
        assert!(twice.to_string().contains("comes twice"));
    }
}
