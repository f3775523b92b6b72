//! Rows taken by columns against the same rows one by one, which is what says how a row is read.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Date32Array, DictionaryArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use flightline_connectors::files::{ColumnBlock, Payload};
use proptest::prelude::*;

use super::tests::said;
use super::*;
use crate::flight::{FlightBatch, FlightBatchBuilder, FlightDate};

/// The same rows, each by itself.
#[derive(Default)]
struct OneByOne(FlightBatchBuilder);

impl RowSink for OneByOne {
    const NEEDED: &'static [Column] = FlightBatchBuilder::NEEDED;

    fn take(&mut self, row: &RawRow<'_>) -> Result<(), BadReason> {
        self.0.take(row)
    }

    fn counts(&mut self) -> &mut ReadCounts {
        RowSink::counts(&mut self.0)
    }
}

/// The rows by columns, and how many of them came one by one all the same.
#[derive(Default)]
struct ByColumns(FlightBatchBuilder, usize);

impl RowSink for ByColumns {
    const NEEDED: &'static [Column] = FlightBatchBuilder::NEEDED;

    fn take(&mut self, row: &RawRow<'_>) -> Result<(), BadReason> {
        self.1 += 1;
        self.0.take(row)
    }

    fn take_columns(&mut self, columns: &RawColumns<'_>) -> Vec<usize> {
        self.0.take_columns(columns)
    }

    fn counts(&mut self) -> &mut ReadCounts {
        RowSink::counts(&mut self.0)
    }
}

/// One value of each column as a number, of which a few stand for what is null or can't be true, and the column's type.
type Values = Vec<[u8; 13]>;

/// A value that is fit for most numbers, and otherwise null or one of `bad`.
fn value<T: Copy>(number: u8, odd: u8, fit: impl Fn(u8) -> T, bad: &[T]) -> Option<T> {
    match number {
        _ if number >= odd => Some(fit(number)),
        0 => None,
        _ => Some(bad[usize::from(number) % bad.len()]),
    }
}

const NAMES: [&str; 5] = ["AA", "B6", " WN ", "NA", "12345678"];
const BAD_NAMES: [&str; 4] = ["", "A-B", "123456789", "\u{e9}"];

/// The columns of some rows; `kinds` choose their types, and values below `odd` are unfit.
fn batch(values: &Values, kinds: [u8; 4], odd: u8) -> RecordBatch {
    let column = |at: usize| values.iter().map(move |row| row[at]);
    let name = |at: usize| -> ArrayRef {
        let names = column(at).map(|n| value(n, odd, |n| NAMES[usize::from(n) % 5], &BAD_NAMES));
        match kinds[0] % 3 {
            0 => Arc::new(names.collect::<StringArray>()),
            _ => Arc::new(names.collect::<DictionaryArray<Int32Type>>()),
        }
    };
    let number: ArrayRef = match kinds[1] % 3 {
        0 => Arc::new(column(1).map(|n| value(n, odd, i64::from, &[-1, 10_000_000_000])).collect::<Int64Array>()),
        1 => Arc::new(column(1).map(|n| value(n, odd, f64::from, &[0.5, f64::NAN])).collect::<Float64Array>()),
        _ => name(1),
    };
    let minutes = |at: usize| -> ArrayRef {
        let bad = [f64::NAN, f64::INFINITY, 30_000.0, -30_000.0];
        Arc::new(column(at).map(|n| value(n, odd, |n| f64::from(n) - 100.0, &bad)).collect::<Float64Array>())
    };
    let day = |n: u8| 16_000 + i32::from(n % 40);
    let date: ArrayRef = match kinds[2] % 3 {
        0 => Arc::new(column(5).map(|n| value(n, odd, day, &[i32::MAX, -40_000])).collect::<Date32Array>()),
        1 => {
            let micros = |n: u8| i64::from(day(n)) * 86_400_000_000 + 7;
            Arc::new(column(5).map(|n| value(n, odd, micros, &[i64::MAX])).collect::<TimestampMicrosecondArray>())
        }
        _ => {
            let texts: Vec<Option<String>> = column(5)
                .map(|n| value(n, odd, |n| Some(n % 40), &[None]).map(|n| n.map_or("?".to_owned(), day_text)))
                .collect();
            Arc::new(texts.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>())
        }
    };
    let time = |at: usize| -> ArrayRef {
        let millis = |n: u8| i64::from(day(n)) * 86_400_000 + i64::from(n);
        let nanos = |n: u8| millis(n) * 1_000_000 + 999;
        match kinds[3] % 3 {
            0 => {
                Arc::new(column(at).map(|n| value(n, odd, millis, &[i64::MIN])).collect::<TimestampMillisecondArray>())
            }
            1 => Arc::new(column(at).map(|n| value(n, odd, nanos, &[i64::MIN])).collect::<TimestampNanosecondArray>()),
            _ => {
                let clock = |n: u8| i16::from(n % 24) * 100 + i16::from(n % 60);
                Arc::new(column(at).map(|n| value(n, odd, clock, &[2401, 1260, -5])).collect::<Int16Array>())
            }
        }
    };
    let given = |at: usize, of: fn(FlightDate) -> i32| -> ArrayRef {
        let own = |(row, n): (&[u8; 13], u8)| {
            let date = FlightDate::from_days(day(row[5])).unwrap();
            value(n, odd, |_| of(date), &[of(date) % 7 + 1, 0, 400])
        };
        Arc::new(values.iter().zip(column(at)).map(own).collect::<Int32Array>())
    };
    let miles: Float32Array = column(4).map(|n| value(n, odd, |n| -0.0 + f32::from(n), &[-1.0])).collect();
    let marks = |at: usize| -> ArrayRef {
        Arc::new(column(at).map(|n| value(n, odd, |_| 0.0, &[1.0])).collect::<Float64Array>())
    };
    let columns: [(&str, ArrayRef); 13] = [
        ("Carrier", name(0)),
        ("FlightNum", number),
        ("Origin", name(2)),
        ("Dest", name(3)),
        ("Distance", Arc::new(miles)),
        ("FlightDate", date),
        ("CRSDepTime", time(6)),
        ("CRSArrTime", time(7)),
        ("DepDelay", minutes(8)),
        ("ArrDelay", minutes(9)),
        ("DayOfWeek", given(10, FlightDate::day_of_week)),
        ("DayOfYear", given(11, FlightDate::day_of_year)),
        ("Cancelled", marks(12)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn day_text(n: u8) -> String {
    FlightDate::from_days(16_000 + i32::from(n)).unwrap().to_string()
}

/// The rows by columns, how many of them came one by one all the same, and the rows one by one.
fn decode_both(batches: &[RecordBatch]) -> (FlightBatch, usize, FlightBatch) {
    let (mut by_columns, mut one_by_one) = (ByColumns::default(), OneByOne::default());
    for (batch, number) in batches.iter().zip(0..) {
        let block = ColumnBlock { file: "f".into(), first_row: number * 1000, batch: batch.clone() };
        let payload = Payload::Columns(block);
        Decoder::new().decode(&payload, &mut by_columns).unwrap();
        Decoder::new().decode(&payload, &mut one_by_one).unwrap();
    }
    (by_columns.0.finish(), by_columns.1, one_by_one.0.finish())
}

fn sorted(batch: &FlightBatch) -> Vec<String> {
    let mut said = said(batch);
    said.sort();
    said
}

proptest! {
    #[test]
    fn rows_taken_by_columns_are_those_taken_one_by_one(
        batches in prop::collection::vec((prop::collection::vec(any::<[u8; 13]>(), 0..40), any::<[u8; 4]>()), 1..4),
        odd in prop_oneof![Just(0_u8), Just(2), 0_u8..60],
    ) {
        // Flight numbers as floats are left to single rows.
        let unusual: usize = batches.iter().filter(|(_, kinds)| kinds[1] % 3 == 1).map(|(values, _)| values.len()).sum();
        let batches: Vec<RecordBatch> = batches.iter().map(|(values, kinds)| batch(values, *kinds, odd)).collect();
        let (by_columns, second_looks, one_by_one) = decode_both(&batches);
        prop_assert_eq!(&by_columns.counts, &one_by_one.counts);
        prop_assert_eq!(by_columns.counts.good as usize, by_columns.len());
        prop_assert_eq!(sorted(&by_columns), sorted(&one_by_one));
        if odd == 0 {
            prop_assert_eq!(second_looks, unusual, "all rows are fit");
            prop_assert_eq!(said(&by_columns), said(&one_by_one), "fit rows keep their order");
        }
    }

    /// A row group's batches share their dictionary; another row group has another one.
    #[test]
    fn shared_dictionaries_are_told_apart(picks in prop::collection::vec((any::<bool>(), 0_usize..3), 1..30)) {
        let rows: Values = vec![[200; 13]];
        let whole = batch(&rows, [0; 4], 0);
        let shared: [ArrayRef; 2] = [["AA", "B6", "WN"], ["WN", "XX", "AA"]].map(|names| Arc::new(StringArray::from(names.to_vec())) as _);
        let batches: Vec<RecordBatch> = picks.iter().map(|(second, key)| {
            let keys = Int32Array::from(vec![*key as i32]);
            let names = DictionaryArray::new(keys, Arc::clone(&shared[usize::from(*second)]));
            let mut columns: Vec<(String, ArrayRef)> =
                whole.schema().fields().iter().map(|field| field.name().clone()).zip(whole.columns().iter().cloned()).collect();
            columns[0].1 = Arc::new(names);
            RecordBatch::try_from_iter(columns).unwrap()
        }).collect();
        let (by_columns, second_looks, one_by_one) = decode_both(&batches);
        prop_assert_eq!((by_columns.len(), second_looks), (picks.len(), 0), "{}", by_columns.counts);
        prop_assert_eq!(said(&by_columns), said(&one_by_one));
    }
}
