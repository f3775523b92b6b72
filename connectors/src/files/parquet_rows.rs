//! Rows of a Parquet file by number, across row groups and within them.
//!
//! A range of rows is read from the row groups that it touches; rows of these before the range are skipped page by
//! page where the file has an offset index. Only the asked-for columns are read.

use std::fmt::Display;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Fields, Schema};
use flightline_engine::process::contain;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::schema::types::{SchemaDescriptor, TypePtr};

use super::error::FileError;
use super::object_reader::{Access, Identity, ObjectReader};
use super::read::ColumnBlock;
use super::stores::Stores;

/// Rows in a batch: small enough to stay in the cache of a core while its columns are decoded.
const BATCH_ROWS: usize = 8192;

/// The number of rows in each row group, from the footer.
///
/// # Errors
/// [`FileError::BadParquet`] if the file has no valid footer.
pub(crate) fn row_groups(stores: &Stores, identity: &Identity) -> Result<Vec<u64>, FileError> {
    let reader = ObjectReader::open(stores, identity, Access::Interleaved(0))?;
    let failed = |cause: &str| bad(identity, &reader, FOOTER.to_owned(), cause);
    let parser = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
    let metadata = guarded(|| parser.parse_and_finish(&reader)).map_err(|cause| failed(&cause))?;
    check_places(&metadata, identity.size).map_err(failed)?;
    count_rows(&metadata).map_err(failed)
}

/// Reads the rows `rows` of a file whose row groups have the sizes `groups`.
///
/// # Errors
/// [`FileError::BadParquet`] with the row from which on it can't be read, [`FileError::Changed`] if the footer is not
/// the one that was listed.
pub(crate) fn read_rows(
    stores: &Stores,
    identity: &Identity,
    groups: &[u64],
    rows: Range<u64>,
    columns: Option<&[&str]>,
    sink: &mut dyn FnMut(ColumnBlock) -> ControlFlow<()>,
) -> Result<(), FileError> {
    let places = columns.map_or(usize::MAX / 2, <[_]>::len);
    let reader = ObjectReader::open(stores, identity, Access::Interleaved(places))?;
    let failed = |row: u64, cause: &str| bad(identity, &reader, format!("from row {row} on"), cause);
    let metadata = with_dictionaries(footer(identity, &reader, groups)?);
    let (touched, skip) = touched_groups(groups, &rows);
    let projection = columns.map_or_else(ProjectionMask::all, |names| project(metadata.parquet_schema(), names));
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(reader.clone(), metadata)
        .with_batch_size(BATCH_ROWS)
        .with_row_groups(touched)
        .with_offset(skip)
        .with_limit((rows.end - rows.start) as usize)
        .with_projection(projection);

    let mut batches = guarded(|| builder.build()).map_err(|cause| failed(rows.start, &cause))?;
    let mut next = rows.start;
    while let Some(batch) = guarded(|| batches.next().transpose()).map_err(|cause| failed(next, &cause))? {
        let first_row = next;
        next += batch.num_rows() as u64;
        if sink(ColumnBlock { file: Arc::clone(&identity.location.name), first_row, batch }).is_break() {
            return Ok(());
        }
    }
    if next != rows.end {
        return Err(failed(next, &format!("it holds fewer rows than its footer says, {} were due", rows.end)));
    }
    Ok(())
}

const FOOTER: &str = "its footer";

/// Reads the footer again, which must be the one that was listed.
fn footer(identity: &Identity, reader: &ObjectReader, groups: &[u64]) -> Result<ArrowReaderMetadata, FileError> {
    let failed = |cause: &str| bad(identity, reader, FOOTER.to_owned(), cause);
    let options = ArrowReaderOptions::new()
        .with_column_index_policy(PageIndexPolicy::Skip)
        .with_offset_index_policy(PageIndexPolicy::Optional);
    let metadata = guarded(|| ArrowReaderMetadata::load(reader, options)).map_err(|cause| failed(&cause))?;
    check_places(metadata.metadata(), identity.size).map_err(failed)?;
    if count_rows(metadata.metadata()).map_err(failed)? != groups {
        let cause = "its row groups are others than when the job started".to_owned();
        return Err(FileError::Changed { file: identity.location.name.to_string(), cause });
    }
    Ok(metadata)
}

/// Has texts that the file keeps in dictionaries come as such: whoever looks at each text of a row group once need not look
/// at that of every row.
fn with_dictionaries(metadata: ArrowReaderMetadata) -> ArrowReaderMetadata {
    let file = Arc::clone(metadata.metadata());
    let roots = file.file_metadata().schema_descr().root_schema().get_fields().iter();
    let field = |(field, root): (&FieldRef, &TypePtr)| {
        let columns = || file.row_groups().iter().flat_map(|group| group.columns());
        let is_kept_so = root.is_primitive()
            && columns()
                .filter(|column| column.column_path().parts() == [root.name()])
                .all(|column| column.dictionary_page_offset().is_some());
        match field.data_type() {
            DataType::Utf8 if is_kept_so => {
                let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                Arc::new(field.as_ref().clone().with_data_type(dictionary))
            }
            _ => Arc::clone(field),
        }
    };
    let fields: Fields = metadata.schema().fields().iter().zip(roots).map(field).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata.schema().metadata().clone()));
    let hinted =
        guarded(|| ArrowReaderMetadata::try_new(Arc::clone(&file), ArrowReaderOptions::new().with_schema(schema)));
    // Only a hint: a file that can't be read so is read as it is.
    hinted.unwrap_or(metadata)
}

/// Runs a step of the decoder, which panics on some damaged files.
pub(crate) fn guarded<T, E: Display>(step: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    // After a panic nothing of the decoder is used again, and our reader keeps its locks whole.
    match contain(step) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("its data are damaged in a way that the decoder can't tell".to_owned()),
    }
}

fn count_rows(metadata: &ParquetMetaData) -> Result<Vec<u64>, &'static str> {
    let mut total = 0_i64;
    let mut groups = Vec::with_capacity(metadata.num_row_groups());
    for group in metadata.row_groups() {
        groups.push(u64::try_from(group.num_rows()).map_err(|_| "a row group has less than no rows")?);
        total = total.checked_add(group.num_rows()).ok_or("it claims more rows than any file can hold")?;
    }
    Ok(groups)
}

/// Checks that the columns lie within the file, for the decoder relies on it.
pub(crate) fn check_places(metadata: &ParquetMetaData, size: u64) -> Result<(), &'static str> {
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
        let start = u64::try_from(start).map_err(|_| "a column starts before the file")?;
        let length = u64::try_from(column.compressed_size()).map_err(|_| "a column is shorter than nothing")?;
        if start.checked_add(length).is_none_or(|end| end > size) {
            return Err("a column ends behind the file");
        }
    }
    Ok(())
}

/// The row groups that hold any of `rows`, and how many rows of the first come before them.
fn touched_groups(groups: &[u64], rows: &Range<u64>) -> (Vec<usize>, usize) {
    let mut touched = Vec::new();
    let mut skip = 0;
    let mut start = 0;
    for (index, size) in groups.iter().enumerate() {
        let end = start + size;
        if start < rows.end && rows.start < end {
            if touched.is_empty() {
                skip = rows.start.saturating_sub(start);
            }
            touched.push(index);
        }
        start = end;
    }
    (touched, skip as usize)
}

/// The top-level columns with these very names; a name that the file does not have is left out.
fn project(schema: &SchemaDescriptor, names: &[&str]) -> ProjectionMask {
    let fields = schema.root_schema().get_fields().iter().enumerate();
    let roots = fields.filter(|(_, field)| names.contains(&field.name())).map(|(index, _)| index);
    ProjectionMask::roots(schema, roots.collect::<Vec<_>>())
}

fn bad(identity: &Identity, reader: &ObjectReader, place: String, cause: &str) -> FileError {
    reader.failure().unwrap_or_else(|| {
        let cause = cause.trim_start_matches("Parquet error: ").to_owned();
        FileError::BadParquet { file: identity.location.name.to_string(), place, cause }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn touched_groups_hold_exactly_the_range(
            groups in proptest::collection::vec(0_u64..9, 1..8), start in 0_u64..60, length in 1_u64..60,
        ) {
            let total: u64 = groups.iter().sum();
            let rows = start.min(total)..(start + length).min(total);
            prop_assume!(!rows.is_empty());
            let (touched, skip) = touched_groups(&groups, &rows);
            // Number all rows, keep those of the touched groups, and skip: the range must come next.
            let numbered = groups.iter().enumerate().flat_map(|(group, size)| (0..*size).map(move |_| group));
            let kept: Vec<u64> =
                (0..).zip(numbered).filter(|(_, group)| touched.contains(group)).map(|(row, _)| row).collect();
            let expected: Vec<u64> = rows.clone().collect();
            prop_assert_eq!(&kept[skip..skip + expected.len()], &expected[..]);
            prop_assert!((skip as u64) < groups[touched[0]], "no group in vain at the start");
            prop_assert!(kept[kept.len() - 1] - (rows.end - 1) < groups[touched[touched.len() - 1]], "none at the end");
        }
    }
}
