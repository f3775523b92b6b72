//! Rows from and to Parquet, with the types of the bundled file.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::FlightRow;

const ZONE: &str = "America/New_York";

/// All rows of a file.
pub(super) fn read(path: &Path) -> Vec<FlightRow> {
    let file = File::open(path).unwrap_or_else(|error| panic!("can't open {}: {error}", path.display()));
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let batches = reader.unwrap_or_else(|error| panic!("can't read {}: {error}", path.display()));
    batches.flat_map(|batch| rows_of(&batch.expect("the bundled file is whole"))).collect()
}

fn rows_of(batch: &RecordBatch) -> Vec<FlightRow> {
    let column = |name: &str| batch.column_by_name(name).unwrap_or_else(|| panic!("there is no column {name}"));
    let float = |name: &str| column(name).as_primitive::<Float64Type>();
    let int = |name: &str| column(name).as_primitive::<Int32Type>();
    let time = |name: &str| column(name).as_primitive::<TimestampMicrosecondType>();
    let text = |name: &str| column(name).as_string::<i32>();
    let (arr_delay, dep_delay, distance) = (float("ArrDelay"), float("DepDelay"), float("Distance"));
    let (crs_arr_time, crs_dep_time) = (time("CRSArrTime"), time("CRSDepTime"));
    let (day_of_month, day_of_week, day_of_year) = (int("DayOfMonth"), int("DayOfWeek"), int("DayOfYear"));
    let (carrier, flight_num, origin, dest) = (text("Carrier"), text("FlightNum"), text("Origin"), text("Dest"));
    let flight_date = column("FlightDate").as_primitive::<Date32Type>();
    let row = |at: usize| FlightRow {
        arr_delay: arr_delay.value(at),
        crs_arr_time: crs_arr_time.value(at),
        crs_dep_time: crs_dep_time.value(at),
        carrier: carrier.value(at).to_owned(),
        day_of_month: day_of_month.value(at),
        day_of_week: day_of_week.value(at),
        day_of_year: day_of_year.value(at),
        dep_delay: dep_delay.value(at),
        dest: dest.value(at).to_owned(),
        distance: distance.value(at),
        flight_date: flight_date.value(at),
        flight_num: flight_num.value(at).to_owned(),
        origin: origin.value(at).to_owned(),
    };
    (0..batch.num_rows()).map(row).collect()
}

/// The bytes of a file with these rows, in row groups of `group` rows.
#[must_use]
pub fn parquet_file(rows: &[FlightRow], group: usize) -> Vec<u8> {
    let batch = batch_of(rows);
    let properties =
        WriterProperties::builder().set_compression(Compression::SNAPPY).set_max_row_group_row_count(Some(group));
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).expect("these types can be stored");
    writer.write(&batch).and_then(|()| writer.close()).expect("memory can be written to");
    bytes
}

fn batch_of(rows: &[FlightRow]) -> RecordBatch {
    let float =
        |of: fn(&FlightRow) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values(rows.iter().map(of))) };
    let int = |of: fn(&FlightRow) -> i32| -> ArrayRef { Arc::new(Int32Array::from_iter_values(rows.iter().map(of))) };
    let text =
        |of: fn(&FlightRow) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
    let time = |of: fn(&FlightRow) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)).with_timezone(ZONE))
    };
    let columns: [(&str, ArrayRef); 13] = [
        ("ArrDelay", float(|row| row.arr_delay)),
        ("CRSArrTime", time(|row| row.crs_arr_time)),
        ("CRSDepTime", time(|row| row.crs_dep_time)),
        ("Carrier", text(|row| &row.carrier)),
        ("DayOfMonth", int(|row| row.day_of_month)),
        ("DayOfWeek", int(|row| row.day_of_week)),
        ("DayOfYear", int(|row| row.day_of_year)),
        ("DepDelay", float(|row| row.dep_delay)),
        ("Dest", text(|row| &row.dest)),
        ("Distance", float(|row| row.distance)),
        ("FlightDate", Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.flight_date)))),
        ("FlightNum", text(|row| &row.flight_num)),
        ("Origin", text(|row| &row.origin)),
    ];
    RecordBatch::try_from_iter(columns).expect("the columns are of one length")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::Folder;

    #[test]
    fn rows_come_back_as_they_were_written() {
        let folder = Folder::new();
        let rows = sample(500, 3);
        let path = folder.write("rows.parquet", parquet_file(&rows, 77));
        assert_eq!(read(&path), rows);
    }
}
