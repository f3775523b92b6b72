//! A Parquet file of answers: written whole, its end kept in its key-value metadata, read back as canonical lines.
//!
//! A line reads back with the same bytes if it was canonical: fields in the order of their names, no blanks, no nulls, and
//! each number written as its column writes it (`5.0` in a Float64).

use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use flightline_engine::log::{Offset, Reached, Witness};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;

use super::columns::Columns;
use super::format::End;
use super::rows::Rows;
use crate::files::parquet_rows::{check_places, guarded};

/// The offset at which the file ends.
const END: &str = "flightline.end";
/// The offset and the hash of the last record below it.
const WITNESS: &str = "flightline.witness";

/// Rows that are decoded before they are encoded.
const BATCH_ROWS: usize = 8192;
/// Rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 17;

/// Makes a file of lines, which ends where `reached` says.
pub(super) fn write(
    columns: &Columns,
    lines: impl Iterator<Item = (Offset, Bytes)>,
    reached: Reached,
) -> Result<Vec<u8>, String> {
    let said = |error: ParquetError| error.to_string();
    let mut writer = ArrowWriter::try_new(Vec::new(), columns.schema(), Some(properties(reached))).map_err(said)?;
    let mut rows = Rows::new(columns);
    for (offset, line) in lines {
        rows.push(&line).map_err(|cause| format!("the line for offset {offset} fits not into its columns: {cause}"))?;
        if rows.rows() == BATCH_ROWS {
            writer.write(&rows.finish()?).map_err(said)?;
        }
    }
    if rows.rows() > 0 {
        writer.write(&rows.finish()?).map_err(said)?;
    }
    writer.into_inner().map_err(said)
}

fn properties(reached: Reached) -> WriterProperties {
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let mut entries = vec![entry(END, reached.next.to_string())];
    entries.extend(reached.witness.map(|witness| entry(WITNESS, format!("{} {:016x}", witness.offset, witness.hash))));
    WriterProperties::builder()
        .set_created_by("flightline".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_key_value_metadata(Some(entries))
        .build()
}

/// Reads where a file of `size` bytes ends from its last bytes.
pub(super) fn end(tail: &Bytes, size: u64) -> Result<End, String> {
    let read = || {
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        match reader.try_parse_sized(tail, size) {
            Ok(()) => reader.finish().map(Ok),
            Err(ParquetError::NeedMoreData(needed)) => Ok(Err(needed as u64)),
            Err(error) => Err(error),
        }
    };
    match guarded(read)? {
        Ok(metadata) => end_in(&metadata).map(End::At),
        Err(needed) if needed > tail.len() as u64 && needed <= size => Ok(End::Needs(needed)),
        Err(_) => Err("its footer is damaged".to_owned()),
    }
}

fn end_in(metadata: &ParquetMetaData) -> Result<Reached, String> {
    let entries = metadata.file_metadata().key_value_metadata();
    let value = |key: &str| entries?.iter().find(|entry| entry.key == key)?.value.as_deref();
    let next = value(END).and_then(|end| end.parse().ok()).map(Offset);
    let next = next.ok_or_else(|| format!("its metadata lack `{END}`"))?;
    let witness = value(WITNESS).and_then(|text| {
        let (offset, hash) = text.split_once(' ')?;
        Some(Witness { offset: Offset(offset.parse().ok()?), hash: u64::from_str_radix(hash, 16).ok()? })
    });
    Ok(Reached { next, witness })
}

/// All lines of a file.
pub(super) fn lines(file: &Bytes) -> Result<Vec<Bytes>, String> {
    guarded(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).map_err(|error| error.to_string())?;
        check_places(builder.metadata(), file.len() as u64)?;
        let mut lines = Vec::new();
        for batch in builder.with_batch_size(BATCH_ROWS).build().map_err(|error| error.to_string())? {
            lines_of(&batch.map_err(|error| error.to_string())?, &mut lines)?;
        }
        Ok::<_, String>(lines)
    })
}

fn lines_of(batch: &RecordBatch, lines: &mut Vec<Bytes>) -> Result<(), String> {
    let schema = batch.schema();
    let mut columns: Vec<(String, &ArrayRef)> = Vec::new();
    for (field, cells) in schema.fields().iter().zip(batch.columns()) {
        let name = serde_json::to_string(field.name()).map_err(|error| error.to_string())?;
        columns.push((name, cells));
    }
    columns.sort_by(|(one, _), (other, _)| one.cmp(other));
    for row in 0..batch.num_rows() {
        let mut line = Vec::new();
        for (name, cells) in columns.iter().filter(|(_, cells)| cells.is_valid(row)) {
            line.extend_from_slice(if line.is_empty() { b"{" } else { b"," });
            line.extend_from_slice(name.as_bytes());
            line.push(b':');
            write_value(&mut line, cells, row)?;
        }
        line.extend_from_slice(if line.is_empty() { b"{}" } else { b"}" });
        lines.push(line.into());
    }
    Ok(())
}

fn write_value(line: &mut Vec<u8>, cells: &Arc<dyn Array>, row: usize) -> Result<(), String> {
    let written = match cells.data_type() {
        DataType::Utf8 => serde_json::to_writer(&mut *line, cells.as_string::<i32>().value(row)),
        DataType::Float64 => serde_json::to_writer(&mut *line, &cells.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => serde_json::to_writer(&mut *line, &cells.as_primitive::<Int64Type>().value(row)),
        DataType::List(_) => {
            let items = cells.as_list::<i32>().value(row);
            for item in 0..items.len() {
                line.push(if item == 0 { b'[' } else { b',' });
                write_value(line, &items, item)?;
            }
            line.write_all(if items.is_empty() { b"[]" } else { b"]" }).map_err(serde_json::Error::io)
        }
        other => return Err(format!("it has a column of type {other}, which no file of ours has")),
    };
    written.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::files::sink::columns::{Column, ColumnType};

    fn columns() -> Columns {
        let of = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
        Columns::new(vec![
            of("Offset", ColumnType::Int64, false),
            of("Partition", ColumnType::Int64, false),
            of("Probabilities", ColumnType::ListFloat64, true),
            of("Unseen", ColumnType::ListUtf8, true),
            of("DepDelay", ColumnType::Float64, true),
            of("Dest", ColumnType::Utf8, true),
        ])
        .unwrap()
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        let number = prop_oneof![any::<f64>().prop_filter("JSON has none", |n| n.is_finite()), Just(5.0), Just(-0.0)];
        let optional = (
            proptest::option::of(number.clone()),
            proptest::option::of(any::<String>()),
            proptest::option::of(proptest::collection::vec(number, 0..4)),
            proptest::option::of(proptest::collection::vec(any::<String>(), 0..3)),
        );
        (any::<i64>(), optional).prop_map(|(offset, (delay, dest, probabilities, unseen))| {
            let mut line: BTreeMap<&str, Value> = BTreeMap::new();
            line.insert("Offset", json!(offset));
            line.insert("Partition", json!(3));
            line.extend(delay.map(|value| ("DepDelay", json!(value))));
            line.extend(dest.map(|value| ("Dest", json!(value))));
            line.extend(probabilities.map(|value| ("Probabilities", json!(value))));
            line.extend(unseen.map(|value| ("Unseen", json!(value))));
            serde_json::to_vec(&line).unwrap()
        })
    }

    fn file(lines: &[Vec<u8>], reached: Reached) -> Bytes {
        let lines = lines.iter().zip(0..).map(|(line, offset)| (Offset(offset), Bytes::from(line.clone())));
        write(&columns(), lines, reached).unwrap().into()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn canonical_lines_read_back_with_the_same_bytes(lines in proptest::collection::vec(line(), 1..20)) {
            let file = file(&lines, Reached::start(Offset(20)));
            prop_assert_eq!(super::lines(&file).unwrap(), lines);
        }

        #[test]
        fn the_end_is_found_in_any_tail_that_is_long_enough(next: u64, hash: u64, offset: u64, known: bool, first in 8_u64..99) {
            let witness = known.then_some(Witness { offset: Offset(offset), hash });
            let reached = Reached { next: Offset(next), witness };
            let file = file(&[br#"{"Offset":1,"Partition":3}"#.to_vec()], reached);
            let size = file.len() as u64;
            let mut wanted = first;
            let mut tries = 0;
            loop {
                let tail = file.slice((size - wanted.min(size)) as usize..);
                match end(&tail, size).unwrap() {
                    End::At(found) => { prop_assert_eq!(found, reached); break }
                    End::Needs(more) => wanted = more,
                }
                tries += 1;
                prop_assert!(tries < 3);
            }
        }

        #[test]
        fn damage_is_an_error_and_never_a_panic(at: proptest::sample::Index, flip in 1_u8..=255) {
            let mut bytes = file(&[br#"{"Offset":1,"Partition":3}"#.to_vec()], Reached::start(Offset(2))).to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let bytes = Bytes::from(bytes);
            // Either may still be readable: not every byte matters to both.
            let _ = end(&bytes, bytes.len() as u64);
            let _ = lines(&bytes);
        }
    }

    #[test]
    fn a_file_of_somebody_else_has_no_end_of_ours() {
        let writer = ArrowWriter::try_new(Vec::new(), columns().schema(), None).unwrap();
        let file: Bytes = writer.into_inner().unwrap().into();
        let cause = end(&file, file.len() as u64).unwrap_err();
        assert!(cause.contains("flightline.end"), "{cause}");
        assert!(end(&Bytes::from_static(b"no parquet at all"), 17).is_err());
    }
}
