//! Rows taken by columns against the same rows one by one, which is what says how a row is read.

mod arrays;

use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
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

/// One value of each column as a number, of which a few stand for what is null or can't be true.
type Values = Vec<[u8; 13]>;

/// Types of the columns: a number for each, and whether there may be some that can't be taken by columns.
#[derive(Clone, Copy, Debug)]
struct Types {
    kinds: [u8; 13],
    unusual: bool,
}

impl Types {
    fn integer(self, at: usize) -> u8 {
        self.kinds[at] / 4 % if self.unusual { arrays::NUMBERS } else { arrays::INTEGERS }
    }

    fn number(self, at: usize) -> u8 {
        self.kinds[at] / 4 % if self.unusual { arrays::NUMBERS } else { arrays::USUAL_NUMBERS }
    }

    fn text(self, at: usize) -> u8 {
        self.kinds[at] / 4 % if self.unusual { arrays::TEXTS } else { arrays::USUAL_TEXTS }
    }

    /// Which of the forms of a column it is: what it is in that form is told by what is left of the number.
    fn form(self, at: usize, forms: u8) -> u8 {
        self.kinds[at] % 4 % forms
    }
}

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
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The columns of some rows; values below `odd` are unfit.
fn batch(values: &Values, types: Types, odd: u8) -> RecordBatch {
    let of = |at: usize, fit: &dyn Fn(u8) -> f64, bad: &[f64]| -> Vec<Option<f64>> {
        values.iter().map(|row| value(row[at], odd, fit, bad)).collect()
    };
    let name = |at: usize| -> ArrayRef {
        let names = values.iter().map(|row| value(row[at], odd, |n| NAMES[usize::from(n) % 5], &BAD_NAMES));
        arrays::texts(types.text(at), names)
    };
    let flight_number = match types.form(1, 2) {
        0 => name(1),
        _ => arrays::numbers(types.integer(1), &of(1, &f64::from, &[-1.0, 1e10, 0.5, f64::NAN])),
    };
    let miles = |n: u8| if n.is_multiple_of(7) { -0.0 } else { f64::from(n) };
    let minutes = |at: usize| {
        let bad = [f64::NAN, f64::INFINITY, 30_000.0, -30_000.0];
        arrays::numbers(types.number(at), &of(at, &|n| f64::from(n) - 100.0, &bad))
    };
    let micros = |at: usize, bad: &[i64]| -> Vec<Option<i64>> {
        let fit = |n: u8| i64::from(day(n)) * MICROS_PER_DAY + i64::from(n) * 1_000_007;
        values.iter().map(|row| value(row[at], odd, fit, bad)).collect()
    };
    let date = match types.form(5, 3) {
        0 => arrays::days(types.kinds[5] / 4, &micros(5, &[i64::MAX, -40_000 * MICROS_PER_DAY])),
        1 => arrays::times(types.kinds[5] / 4, &micros(5, &[i64::MAX, i64::MIN])),
        _ => {
            let texts = values.iter().map(|row| value(row[5], odd, |n| Some(n % 40), &[None]));
            arrays::texts(types.text(5), texts.map(|n| n.map(|n| n.map_or("?".to_owned(), day_text))))
        }
    };
    let time = |at: usize| match types.form(at, 2) {
        0 => arrays::times(types.kinds[at] / 4, &micros(at, &[i64::MIN, i64::MAX])),
        _ => {
            let clock = |n: u8| f64::from(n % 24) * 100.0 + f64::from(n % 60);
            arrays::numbers(types.number(at), &of(at, &clock, &[2401.0, 1260.0, -5.0, 12.5, f64::NAN]))
        }
    };
    let given = |at: usize, of: fn(FlightDate) -> i32| {
        let own = |row: &[u8; 13]| {
            let own = of(FlightDate::from_days(day(row[5])).unwrap());
            value(row[at], odd, |_| f64::from(own), &[f64::from(own % 7 + 1), 0.0, 400.0, 3.5])
        };
        arrays::wide_numbers(types.number(at), &values.iter().map(own).collect::<Vec<_>>())
    };
    let columns: [(&str, ArrayRef); 13] = [
        ("Carrier", name(0)),
        ("FlightNum", flight_number),
        ("Origin", name(2)),
        ("Dest", name(3)),
        ("Distance", arrays::numbers(types.number(4), &of(4, &miles, &[-1.0]))),
        ("FlightDate", date),
        ("CRSDepTime", time(6)),
        ("CRSArrTime", time(7)),
        ("DepDelay", minutes(8)),
        ("ArrDelay", minutes(9)),
        ("DayOfWeek", given(10, FlightDate::day_of_week)),
        ("DayOfYear", given(11, FlightDate::day_of_year)),
        ("Cancelled", arrays::marks(types.number(12), &of(12, &|_| 0.0, &[1.0]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn day(n: u8) -> i32 {
    16_000 + i32::from(n % 40)
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

/// Whether fit rows of these types are taken by columns.
fn can_be_taken(batch: &RecordBatch) -> bool {
    batch.schema().fields().iter().all(|field| arrays::is_usual(field.name(), field.data_type()))
}

fn types() -> impl Strategy<Value = Types> {
    (any::<[u8; 13]>(), prop::bool::weighted(0.2)).prop_map(|(kinds, unusual)| Types { kinds, unusual })
}

proptest! {
    #[test]
    fn rows_taken_by_columns_are_those_taken_one_by_one(
        batches in prop::collection::vec((prop::collection::vec(any::<[u8; 13]>(), 0..40), types()), 1..4),
        odd in prop_oneof![Just(0_u8), Just(2), 0_u8..60],
    ) {
        let batches: Vec<RecordBatch> = batches.iter().map(|(values, types)| batch(values, *types, odd)).collect();
        let unusual: usize = batches.iter().filter(|batch| !can_be_taken(batch)).map(RecordBatch::num_rows).sum();
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
        let whole = batch(&rows, Types { kinds: [0; 13], unusual: false }, 0);
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

/// What lies under a null of the shared list is no value, though no key is null.
#[test]
fn a_null_among_shared_texts_is_a_null() {
    let whole = batch(&vec![[200; 13]; 2], Types { kinds: [0; 13], unusual: false }, 0);
    let mut columns = whole.columns().to_vec();
    columns[0] = arrays::nulls_in_the_list([None, Some("AA")].into_iter());
    let names = whole.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    let batch = RecordBatch::try_from_iter_with_nullable(
        names.into_iter().zip(columns).map(|(name, array)| (name, array, true)),
    );
    let (by_columns, _, one_by_one) = decode_both(&[batch.unwrap()]);
    assert_eq!((by_columns.len(), one_by_one.len()), (1, 1), "{}", by_columns.counts);
    assert_eq!(by_columns.counts, one_by_one.counts);
}
