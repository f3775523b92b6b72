//! The same rows in three formats, rows with mistakes, and junk.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, DictionaryArray, Float32Array, Float64Array, Int16Array, Int64Array, LargeStringArray,
    RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray, TimestampNanosecondArray, types::Int8Type,
};
use flightline_connectors::files::{ColumnBlock, LineBlock, Payload};
use flightline_operators::columns::Number;
use proptest::prelude::*;

use super::*;
use crate::flight::{FlightBatch, FlightBatchBuilder, FlightDate, Instant, TrainingRow};

const CSV_HEADER: &str = "ArrDelay,CRSArrTime,CRSDepTime,Carrier,DayOfMonth,DayOfWeek,DayOfYear,DepDelay,Dest,Distance,\
                          FlightDate,FlightNum,Origin";

fn lines(header: Option<&str>, offset: u64, text: &[u8]) -> Payload {
    Payload::Lines(LineBlock {
        file: "f".into(),
        bytes: text.to_vec().into(),
        header: header.map(|header| Arc::from(header.as_bytes())),
        offset,
    })
}

fn columns(batch: RecordBatch) -> Payload {
    Payload::Columns(ColumnBlock { file: "f.parquet".into(), first_row: 0, batch })
}

fn decode(payloads: &[Payload]) -> Result<FlightBatch, DecodeError> {
    let mut builder = FlightBatchBuilder::default();
    let mut decoder = Decoder::new();
    payloads.iter().try_for_each(|payload| decoder.decode(payload, &mut builder))?;
    Ok(builder.finish())
}

/// All that a batch says of its rows.
pub(super) fn said(batch: &FlightBatch) -> Vec<String> {
    (0..batch.len())
        .map(|row| {
            format!("{:?} {:?} {:?}", batch.columns.facts(row), batch.arrival_delays.get(row), batch.identities[row])
        })
        .collect()
}

fn sample() -> TrainingRow {
    TrainingRow {
        arrival_delay: Number::from(5),
        scheduled_arrival: Instant::from_micros(1_451_560_800_000_000),
        scheduled_departure: Instant::from_micros(1_451_559_900_000_000),
        carrier: "WN".into(),
        day_of_month: 31,
        day_of_week: 4,
        day_of_year: 365,
        departure_delay: Number::from(14),
        dest: "SAN".into(),
        distance: Number::from(368),
        date: FlightDate::from_ymd(2015, 12, 31).unwrap(),
        flight_number: "6109".into(),
        origin: "TUS".into(),
    }
}

fn rows() -> impl Strategy<Value = Vec<TrainingRow>> {
    let delay = || prop_oneof![(-10_080_i32..=10_080).prop_map(f64::from), -10_080.0..=10_080.0_f64];
    let code = || "[!#-+.-9A-Za-z]{1,8}";
    let row = (
        (delay(), delay(), prop_oneof![(0_i32..25_000).prop_map(f64::from), 0.0..25_000.0_f64]),
        (-25_567_i32..84_005, 0_i64..2_880, -600_i64..2_880),
        (code(), prop_oneof![(0_u32..10_000).prop_map(|n| n.to_string()), code().prop_map(|c| c)], code(), code()),
    );
    let row = row.prop_map(|((arr, dep, distance), (days, starts, takes), (carrier, number, origin, dest))| {
        let date = FlightDate::from_days(days).unwrap();
        let scheduled_departure = date.midnight().plus_minutes(starts.min(1_439));
        let lands = scheduled_departure.plus_minutes(takes);
        let named = |text: String| text.replace('-', "_").into_boxed_str();
        TrainingRow {
            arrival_delay: Number::new(arr).unwrap(),
            departure_delay: Number::new(dep).unwrap(),
            distance: Number::new(distance).unwrap(),
            date,
            day_of_month: date.day_of_month(),
            day_of_week: date.day_of_week(),
            day_of_year: date.day_of_year(),
            scheduled_departure,
            // Near the ends of the calendar a flight would land outside it.
            scheduled_arrival: lands.utc_date().map_or(scheduled_departure, |_| lands),
            carrier: named(carrier),
            flight_number: named(number),
            origin: named(origin),
            dest: named(dest),
        }
    });
    prop::collection::vec(row, 1..30)
}

fn as_json(rows: &[TrainingRow]) -> Payload {
    let text: String = rows.iter().map(|row| serde_json::to_string(row).unwrap() + "\n").collect();
    lines(None, 0, text.as_bytes())
}

fn as_csv(rows: &[TrainingRow]) -> Payload {
    let text: String = rows
        .iter()
        .map(|r| {
            format!(
                "{},{},{},\"{}\",{},{},{},{:?},{},{},{},{},{}\r\n",
                r.arrival_delay.get(),
                r.scheduled_arrival,
                r.scheduled_departure,
                r.carrier,
                r.day_of_month,
                r.day_of_week,
                r.day_of_year,
                r.departure_delay.get(),
                r.dest,
                r.distance.get(),
                r.date,
                r.flight_number,
                r.origin,
            )
        })
        .collect();
    lines(Some(CSV_HEADER), 0, text.as_bytes())
}

/// The rows as columns, in other types for each `kind`.
fn as_columns(rows: &[TrainingRow], kind: usize) -> Payload {
    let text = |get: fn(&TrainingRow) -> &str| -> ArrayRef {
        let values = rows.iter().map(get);
        match kind {
            0 => Arc::new(StringArray::from_iter_values(values)),
            1 => Arc::new(LargeStringArray::from_iter_values(values)),
            2 => Arc::new(StringViewArray::from_iter_values(values)),
            _ => Arc::new(values.collect::<DictionaryArray<Int8Type>>()),
        }
    };
    let float = |get: fn(&TrainingRow) -> Number| -> ArrayRef {
        let values = rows.iter().map(|row| get(row).get());
        match kind {
            1 => Arc::new(StringArray::from_iter_values(values.map(|value| value.to_string()))),
            _ => Arc::new(Float64Array::from_iter_values(values)),
        }
    };
    let time = |get: fn(&TrainingRow) -> Instant| -> ArrayRef {
        let values = rows.iter().map(|row| get(row).micros());
        match kind {
            1 => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| get(row).to_string()))),
            // A nanosecond timestamp does not reach the whole calendar.
            2 if values.clone().all(|micros| micros.checked_mul(1000).is_some()) => {
                Arc::new(TimestampNanosecondArray::from_iter_values(values.map(|micros| micros * 1000)))
            }
            3 => Arc::new(TimestampMicrosecondArray::from_iter_values(values)),
            _ => Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("America/New_York")),
        }
    };
    let date: ArrayRef = match kind {
        1 => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.date.to_string()))),
        2 => Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.date.midnight().micros()))),
        _ => Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.date.days()))),
    };
    let batch = RecordBatch::try_from_iter([
        ("Origin", text(|row| &row.origin)),
        ("Dest", text(|row| &row.dest)),
        ("Carrier", text(|row| &row.carrier)),
        ("FlightNum", text(|row| &row.flight_number)),
        ("ArrDelay", float(|row| row.arrival_delay)),
        ("DepDelay", float(|row| row.departure_delay)),
        ("Distance", float(|row| row.distance)),
        ("CRSDepTime", time(|row| row.scheduled_departure)),
        ("CRSArrTime", time(|row| row.scheduled_arrival)),
        ("FlightDate", date),
        ("DayOfMonth", Arc::new(Int16Array::from_iter_values(rows.iter().map(|row| row.day_of_month as i16)))),
        ("DayOfWeek", Arc::new(Float32Array::from_iter_values(rows.iter().map(|row| row.day_of_week as f32)))),
        ("DayOfYear", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.day_of_year.into())))),
    ]);
    columns(batch.unwrap())
}

proptest! {
    #[test]
    fn any_format_gives_the_same_columns_and_identities(rows in rows()) {
        let json = decode(&[as_json(&rows)]).unwrap();
        prop_assert_eq!(json.counts.good, rows.len() as u64, "{}", &json.counts);
        prop_assert_eq!(json.counts.day_disagreements, 0);
        let mut built = FlightBatchBuilder::default();
        rows.iter().for_each(|row| built.push(&row.flight()));
        let expected = said(&built.finish());
        prop_assert_eq!(&said(&json), &expected);
        prop_assert_eq!(&said(&decode(&[as_csv(&rows)]).unwrap()), &expected);
        for kind in 0..4 {
            prop_assert_eq!(&said(&decode(&[as_columns(&rows, kind)]).unwrap()), &expected, "columns of kind {}", kind);
        }
    }

    #[test]
    fn json_rows_with_any_field_spoilt_agree_with_a_tree_of_values(
        spoilt in prop::collection::vec((0_usize..13, 0_usize..4), 1..20),
    ) {
        let mut text = String::new();
        let mut expected_good = Vec::new();
        let mut expected_nulls = 0;
        for (field, how) in spoilt {
            let mut value = serde_json::to_value(sample()).unwrap();
            let column = Column::ALL[field];
            match how {
                0 => value[column.name()] = serde_json::Value::Null,
                1 => drop(value.as_object_mut().unwrap().remove(column.name())),
                2 => value[column.name()] = serde_json::json!([1, {"a": 2}]),
                _ => value["Unknown"] = serde_json::json!({"b": ["c"]}),
            }
            let whole = Column::OF_A_FLIGHT.iter().all(|needed| !value[needed.name()].is_null());
            expected_nulls += u64::from(!whole);
            if whole && how != 2 {
                expected_good.push((value["Origin"].as_str().unwrap().to_owned(), value["Distance"].as_f64().unwrap()));
            }
            text += &format!("{value}\n");
        }
        let batch = decode(&[lines(None, 0, text.as_bytes())]).unwrap();
        let good: Vec<(String, f64)> = (0..batch.len())
            .map(|row| (batch.columns.origins.get(row).to_string(), batch.columns.distances.get(row).get()))
            .collect();
        prop_assert_eq!(good, expected_good);
        prop_assert_eq!(batch.counts.nulls.values().sum::<u64>(), expected_nulls);
    }

    #[test]
    fn junk_is_counted_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        text in "([0-9A-Z:.\\-\",{}\\[\\] ]{0,30}\n){0,5}",
    ) {
        for junk in [&bytes, text.as_bytes()] {
            for header in [None, Some(CSV_HEADER)] {
                let batch = decode(&[lines(header, 0, junk)]).unwrap();
                prop_assert_eq!(batch.len(), 0);
            }
        }
    }

    #[test]
    fn csv_rows_do_not_depend_on_how_the_file_was_cut(
        picks in prop::collection::vec(0_usize..5, 1..12), cut in 0_usize..12,
    ) {
        let good = "1,2015-12-31T11:20:00Z,0305,WN,31,4,365,14,SAN,368,2015-12-31,6109,TUS\n";
        let pieces: [&str; 5] = [good, "\n", "1,\"2,3\n", "1,2\n", "1,\"a \"\"b\"\", c\",3\r\n"];
        let all: Vec<&str> = picks.iter().map(|pick| pieces[*pick]).collect();
        let (head, tail) = all.split_at(cut.min(all.len()));
        let (head, tail) = (head.concat(), tail.concat());
        let whole = decode(&[lines(Some(CSV_HEADER), 7, all.concat().as_bytes())]).unwrap();
        let parts = [
            lines(Some(CSV_HEADER), 7, head.as_bytes()),
            lines(Some(CSV_HEADER), 7 + head.len() as u64, tail.as_bytes()),
        ];
        let parts = decode(&parts).unwrap();
        prop_assert_eq!(said(&parts), said(&whole));
        prop_assert_eq!(&parts.counts, &whole.counts);
        prop_assert_eq!(whole.counts.good, picks.iter().filter(|pick| **pick == 0).count() as u64);
        prop_assert_eq!(whole.counts.bad_rows(), picks.iter().filter(|pick| **pick > 1).count() as u64);
    }
}

#[test]
fn the_seeds_sample_row_reads_as_it_is() {
    let line = br#"{"ArrDelay":5.0,"CRSArrTime":"2015-12-31T03:20:00.000-08:00","CRSDepTime":"2015-12-31T03:05:00.000-08:00","Carrier":"WN","DayOfMonth":31,"DayOfWeek":4,"DayOfYear":365,"DepDelay":14.0,"Dest":"SAN","Distance":368.0,"FlightDate":"2015-12-30T16:00:00.000-08:00","FlightNum":"6109","Origin":"TUS"}"#;
    let batch = decode(&[lines(None, 0, line)]).unwrap();
    assert_eq!(said(&batch), said(&decode(&[as_json(&[sample()])]).unwrap()));
    assert_eq!(batch.counts.day_disagreements, 0);
}

#[test]
fn a_bad_row_is_counted_with_its_place() {
    let good = serde_json::to_string(&sample()).unwrap();
    let far = good.replace("368.0", "-1");
    let text = format!("\u{feff}{good}\r\n{far}\n\n{{\"Origin\n{good}");
    let batch = decode(&[lines(None, 100, text.as_bytes())]).unwrap();
    assert_eq!(batch.len(), 2);
    let offset = 100 + 3 + good.len() as u64 + 2;
    let place = |offset| Location { file: "f".to_owned(), position: Position::Byte(offset) };
    let found: Vec<_> = batch.counts.bad.iter().map(|(reason, bad)| (*reason, bad.rows, bad.first.clone())).collect();
    assert_eq!(
        found,
        [
            (BadReason::Malformed, 1, place(offset + far.len() as u64 + 2)),
            (BadReason::OutOfRange(Column::Distance), 1, place(offset)),
        ]
    );
}

#[test]
fn a_field_that_is_there_twice_spoils_its_row() {
    let line = serde_json::to_string(&sample()).unwrap().replace("\"Dest\"", "\"Dest\":\"SFO\",\"Dest\"");
    let batch = decode(&[lines(None, 0, line.as_bytes())]).unwrap();
    assert_eq!(batch.counts.bad[0].0, BadReason::Malformed);
}

#[test]
fn a_file_without_a_needed_column_is_an_error_that_names_it() {
    let header = CSV_HEADER.replace("Distance,", "");
    let error = decode(&[lines(Some(&header), 0, b"")]).unwrap_err().to_string();
    assert!(
        error.starts_with("f has no column Distance; of the columns that flights have it has ArrDelay, CRSArrTime, "),
        "{error}"
    );

    let Payload::Columns(mut block) = as_columns(&[sample()], 0) else { panic!("columns") };
    block.batch = block.batch.project(&[0, 1, 2]).unwrap();
    let error = decode(&[Payload::Columns(block)]).unwrap_err().to_string();
    let message = "f.parquet has no column FlightDate, FlightNum, Distance, CRSDepTime, CRSArrTime, DepDelay, ArrDelay; \
                   of the columns that flights have it has Carrier, Dest, Origin";
    assert_eq!(error, message);
}

#[test]
fn a_column_of_an_impossible_type_is_an_error_that_names_it() {
    let Payload::Columns(block) = as_columns(&[sample()], 0) else { panic!("columns") };
    let schema = block.batch.schema();
    let rows = schema.fields().iter().zip(block.batch.columns().to_vec());
    let swapped: Vec<(String, ArrayRef)> = rows
        .map(|(field, array)| {
            let array = if field.name() == "FlightDate" { Arc::new(Float64Array::from(vec![1.0])) } else { array };
            (field.name().clone(), array)
        })
        .collect();
    let error = decode(&[columns(RecordBatch::try_from_iter(swapped).unwrap())]).unwrap_err().to_string();
    assert_eq!(error, "f.parquet: column FlightDate is of type Float64, but must be a date, a timestamp or text");
}

#[test]
fn nulls_in_columns_are_counted_per_column() {
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("Origin", Arc::new(StringArray::from(vec![Some("A"), None, Some(" ")])) as ArrayRef, true),
        ("Dest", Arc::new(vec![Some("B"), None, Some("C")].into_iter().collect::<DictionaryArray<Int8Type>>()), true),
        ("Distance", Arc::new(Float64Array::from(vec![Some(1.0), Some(2.0), Some(f64::NAN)])), true),
    ]);
    let mut sink = crate::table::DistanceRows::default();
    Decoder::new().decode(&columns(batch.unwrap()), &mut sink).unwrap();
    assert_eq!(sink.rows.len(), 1);
    let nulls: Vec<(Column, u64)> = sink.counts.nulls.into_iter().collect();
    assert_eq!(nulls, [(Column::Dest, 1), (Column::Distance, 1), (Column::Origin, 2)]);
    assert_eq!(sink.counts.bad[0].0, BadReason::Null(Column::Origin));
    assert_eq!(sink.counts.bad[0].1.first.position, Position::Row(1));
}

#[test]
fn cancelled_and_lost_flights_are_left_out_and_counted() {
    let header = "FL_DATE,OP_UNIQUE_CARRIER,OP_CARRIER_FL_NUM,ORIGIN,DEST,DEP_DELAY,ARR_DELAY,DISTANCE,CRS_DEP_TIME,\
                  CRS_ARR_TIME,CANCELLED,DIVERTED,";
    let text = "1/5/2023 12:00:00 AM,AA,1,JFK,LAX,-3.00,12.00,2475.00,0700,1020,0.00,0.00,\n\
                1/5/2023 12:00:00 AM,AA,2,JFK,LAX,,,2475.00,0800,1120,1.00,0.00,\n\
                1/5/2023 12:00:00 AM,AA,3,JFK,LAX,5.00,,2475.00,2300,0220,0.00,1.00,\n\
                1/5/2023 12:00:00 AM,AA,4,JFK,LAX,5.00,90.00,2475.00,2300,0220,0.00,1.00,\n\
                1/5/2023 12:00:00 AM,AA,5,JFK,LAX,5.00,,2475.00,2300,0220,0.00,0.00,\n";
    let counts = decode(&[lines(Some(header), 0, text.as_bytes())]).unwrap().counts;
    assert_eq!((counts.good, counts.cancelled, counts.diverted, counts.bad_rows()), (2, 1, 1, 1));
    assert_eq!(counts.bad[0].0, BadReason::Null(Column::ArrDelay));
}
