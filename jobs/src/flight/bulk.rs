//! Many rows of a columnar file at once, column by column.
//!
//! What makes a row bad is said once, by [`RawRow`] and [`record`](super::record). Here that is asked once per distinct
//! value of a column, as a row that has this value alone, and the answer is kept with the value's code. A row all of whose
//! values are fit is taken; any other one (a null, a value that is unfit, a mark, day fields that are not those of the
//! date) is *odd*, and looked at row by row, as are all rows of a batch with a column of an unusual type.
//!
//! Not here: what times of day mean together, and who a row is; both are shared with the rows that come one by one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use flightline_operators::columns::{Code, CodedBuilder, Number, StableHasher};

use super::batch::{FlightBatchBuilder, make_room};
use super::column::Column;
use super::date::FlightDate;
use super::decode::RawColumns;
use super::decode::views::{self, Texts};
use super::identity::Pieces;
use super::instant::Instant;
use super::raw::{RawRow, RawValue, clock_minutes, whole};
use super::record;

/// What is remembered from batch to batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Bulk {
    days: HashMap<i64, Option<Code>, StableHasher>,
    flight_numbers: HashMap<i64, Option<Code>, StableHasher>,
    /// Of dates and the four names.
    shared: [Shared; 5],
    day_fields: Vec<[f64; 3]>,
    pieces: Pieces,
}

/// The texts that batches of one row group share, and what has been found of each.
#[derive(Clone, Debug, Default)]
struct Shared {
    texts: Option<ArrayRef>,
    codes: Vec<Found>,
}

#[derive(Clone, Copy, Debug)]
enum Found {
    NotYet,
    Code(Code),
    Unfit,
}

/// Rows that are looked at one by one.
struct Odd(Vec<bool>);

impl Odd {
    /// The code of each row; a row without one is odd.
    fn codes(&mut self, found: impl Iterator<Item = Option<Code>>) -> Vec<Code> {
        let mut codes = Vec::with_capacity(self.0.len());
        for (odd, found) in self.0.iter_mut().zip(found) {
            *odd |= found.is_none();
            codes.push(found.unwrap_or(Code(0)));
        }
        codes
    }

    fn mark(&mut self, odd: impl Iterator<Item = bool>) {
        self.0.iter_mut().zip(odd).for_each(|(known, odd)| *known |= odd);
    }
}

/// Takes what can be taken by columns; returns the other rows.
pub(super) fn take(to: &mut FlightBatchBuilder, columns: &RawColumns<'_>) -> Vec<usize> {
    try_take(to, columns).unwrap_or_else(|| (0..columns.rows()).collect())
}

/// `None` when a column has a type that has no view; no row was taken then.
fn try_take(to: &mut FlightBatchBuilder, columns: &RawColumns<'_>) -> Option<Vec<usize>> {
    let mut odd = Odd(vec![false; columns.rows()]);
    for nulls in columns.arrays().filter_map(|array| array.nulls()) {
        odd.mark(nulls.iter().map(|valid| !valid));
    }
    for mark in [Column::Cancelled, Column::Diverted] {
        if let Some(array) = columns.array(mark) {
            odd.mark(views::numbers(array)?.iter().map(|mark| *mark == 1.0));
        }
    }
    let times = [times(columns, Column::CrsDepTime)?, times(columns, Column::CrsArrTime)?];
    let codes = codes(to, columns, &mut odd)?;
    let FlightBatchBuilder { columns: known, arrival_delays, identities, counts, bulk, .. } = to;
    compare_day_fields(bulk, known.dates.values(), &codes[0], columns, &mut odd)?;

    bulk.pieces.follow(known, arrival_delays);
    make_room(identities, columns.rows());
    for row in 0..columns.rows() {
        let date = |code: Code| known.dates.values()[code.index()];
        let schedule = if odd.0[row] { None } else { schedule(&times, row, date(codes[0][row])) };
        match schedule {
            None => odd.0[row] = true,
            Some((departure, arrival)) => {
                let codes = std::array::from_fn(|column| codes[column][row]);
                identities.push(bulk.pieces.identify(codes, departure, arrival));
                counts.good += 1;
            }
        }
    }
    let [dates, carriers, flight_numbers, origins, dests, distances, departures, arrivals] =
        codes.each_ref().map(|codes| codes.iter().zip(&odd.0).filter(|(_, odd)| !**odd).map(|(code, _)| *code));
    known.dates.extend(dates);
    known.carriers.extend(carriers);
    known.flight_numbers.extend(flight_numbers);
    known.origins.extend(origins);
    known.dests.extend(dests);
    known.distances.extend(distances);
    known.departure_delays.extend(departures);
    arrival_delays.extend(arrivals);
    Some(odd.0.iter().enumerate().filter(|(_, odd)| **odd).map(|(row, _)| row).collect())
}

/// The codes of all rows, in the order of the canonical form.
fn codes(to: &mut FlightBatchBuilder, columns: &RawColumns<'_>, odd: &mut Odd) -> Option<[Vec<Code>; 8]> {
    use Column::{ArrDelay, Carrier, DepDelay, Dest, Distance, FlightDate, FlightNum, Origin};
    let (known, bulk) = (&mut to.columns, &mut to.bulk);
    let [of_dates, of_carriers, of_numbers, of_origins, of_dests] = &mut bulk.shared;
    let code = |column| move |row: &RawRow<'_>| row.code(column).ok().map(Box::from);
    let airport = |column| move |row: &RawRow<'_>| record::airport_code(row, column).ok().map(Box::from);
    let delay = |column| move |row: &RawRow<'_>| record::delay(row, column).ok();
    let miles = |row: &RawRow<'_>| record::distance(row).ok();
    let day = |row: &RawRow<'_>| row.date(FlightDate).ok();

    let array = columns.array(FlightDate)?;
    let dates = match views::days(array) {
        Some(days) => by_number(&days, FlightDate, &mut bulk.days, &mut known.dates, RawValue::Day, day, odd),
        None => by_text(views::texts(array)?, FlightDate, of_dates, &mut known.dates, |_, _| None, day, odd),
    };
    let array = columns.array(FlightNum)?;
    let number = code(FlightNum);
    let memo = &mut bulk.flight_numbers;
    let numbers = match views::integers(array) {
        Some(all) => by_number(&all, FlightNum, memo, &mut known.flight_numbers, RawValue::Integer, number, odd),
        None => by_text(views::texts(array)?, FlightNum, of_numbers, &mut known.flight_numbers, name, number, odd),
    };
    let mut text = |column: Column, shared, builder, fit: &dyn Fn(&RawRow<'_>) -> Option<Box<str>>| {
        let texts = views::texts(columns.array(column)?)?;
        Some(by_text(texts, column, shared, builder, name, fit, odd))
    };
    let carriers = text(Carrier, of_carriers, &mut known.carriers, &code(Carrier))?;
    let origins = text(Origin, of_origins, &mut known.origins, &airport(Origin))?;
    let dests = text(Dest, of_dests, &mut known.dests, &airport(Dest))?;
    let distances = by_value(columns, Distance, &mut known.distances, miles, odd)?;
    let departures = by_value(columns, DepDelay, &mut known.departure_delays, delay(DepDelay), odd)?;
    let arrivals = by_value(columns, ArrDelay, &mut to.arrival_delays, delay(ArrDelay), odd)?;
    Some([dates, carriers, numbers, origins, dests, distances, departures, arrivals])
}

/// What is asked of a single value: a row that has nothing else.
fn ask<V>(column: Column, value: RawValue<'_>, fit: impl Fn(&RawRow<'_>) -> Option<V>) -> Option<V> {
    let mut row = RawRow::default();
    row.set(column, value);
    if row.is_null(column) { None } else { fit(&row) }
}

/// Codes of numbers of which each is looked up as it is: a number that the column has was found fit before.
fn by_value(
    columns: &RawColumns<'_>,
    column: Column,
    builder: &mut CodedBuilder<Number>,
    fit: impl Fn(&RawRow<'_>) -> Option<Number>,
    odd: &mut Odd,
) -> Option<Vec<Code>> {
    let values = views::numbers(columns.array(column)?)?;
    Some(odd.codes(values.iter().map(|value| {
        let known = Number::new(*value).and_then(|number| builder.known(&number));
        known.or_else(|| ask(column, RawValue::Number(*value), &fit).map(|number| builder.code(&number)))
    })))
}

/// Codes of values that numbers stand for, each of which is converted once.
fn by_number<V: Clone + Eq + std::hash::Hash>(
    numbers: &[i64],
    column: Column,
    memo: &mut HashMap<i64, Option<Code>, StableHasher>,
    builder: &mut CodedBuilder<V>,
    raw: fn(i64) -> RawValue<'static>,
    fit: impl Fn(&RawRow<'_>) -> Option<V>,
    odd: &mut Odd,
) -> Vec<Code> {
    // Rows are often in the order of their days.
    let mut last = None;
    odd.codes(numbers.iter().map(|number| match last {
        Some((same, code)) if same == *number => code,
        _ => {
            let new = || ask(column, raw(*number), &fit).map(|value| builder.code(&value));
            let code = *memo.entry(*number).or_insert_with(new);
            last = Some((*number, code));
            code
        }
    }))
}

/// A name that the column has was found fit before.
fn name(builder: &CodedBuilder<Box<str>>, text: &str) -> Option<Code> {
    builder.known(text)
}

/// Codes of texts; those of a shared list are each looked up once.
fn by_text<V: Clone + Eq + std::hash::Hash>(
    texts: Texts<'_>,
    column: Column,
    shared: &mut Shared,
    builder: &mut CodedBuilder<V>,
    known: impl Fn(&CodedBuilder<V>, &str) -> Option<Code>,
    fit: impl Fn(&RawRow<'_>) -> Option<V>,
    odd: &mut Odd,
) -> Vec<Code> {
    let mut find = |text: &str| {
        let new = || ask(column, RawValue::Text(Cow::Borrowed(text)), &fit);
        known(builder, text).or_else(|| new().map(|value| builder.code(&value)))
    };
    match texts {
        Texts::Plain(text) => odd.codes((0..).map(|row| find(text(row)))),
        Texts::Shared(keys, texts) => {
            if !shared.texts.as_ref().is_some_and(|before| Arc::ptr_eq(before, texts)) {
                *shared = Shared { texts: Some(Arc::clone(texts)), codes: vec![Found::NotYet; texts.len()] };
            }
            let texts = texts.as_string::<i32>();
            odd.codes(keys.iter().map(|key| {
                // The key of a null may be anything.
                let found = shared.codes.get_mut(usize::try_from(*key).ok()?)?;
                if matches!(found, Found::NotYet) {
                    let place = *key as usize;
                    let text = texts.is_valid(place).then(|| texts.value(place));
                    *found = text.and_then(&mut find).map_or(Found::Unfit, Found::Code);
                }
                match found {
                    Found::Code(code) => Some(*code),
                    Found::NotYet | Found::Unfit => None,
                }
            }))
        }
    }
}

/// Scheduled times of a column.
enum Times<'a> {
    /// Points in time, and whether all of them are known to lie within the calendar.
    Micros(Cow<'a, [i64]>, bool),
    /// `hhmm`.
    Clock(Cow<'a, [f64]>),
}

fn times<'a>(columns: &RawColumns<'a>, column: Column) -> Option<Times<'a>> {
    let array = columns.array(column)?;
    let Some(micros) = views::micros(array) else { return views::numbers(array).map(Times::Clock) };
    // What lies between two days of the calendar is of the calendar, too.
    let ends = [micros.iter().min(), micros.iter().max()];
    let all_fit = ends.into_iter().flatten().all(|micros| instant(*micros).is_some());
    Some(Times::Micros(micros, all_fit))
}

fn instant(micros: i64) -> Option<Instant> {
    Some(Instant::from_micros(micros)).filter(|instant| instant.utc_date().is_some())
}

/// Departure and arrival of a row on some date, if both are fit.
fn schedule([departures, arrivals]: &[Times<'_>; 2], row: usize, date: FlightDate) -> Option<(Instant, Instant)> {
    let checked = |micros: i64, fits: bool| if fits { Some(Instant::from_micros(micros)) } else { instant(micros) };
    let minutes = |hhmm: f64| whole(hhmm).and_then(clock_minutes);
    let departure = match departures {
        Times::Micros(micros, fits) => checked(micros[row], *fits)?,
        Times::Clock(hhmm) => record::departure_at(date, minutes(hhmm[row])?),
    };
    let arrival = match arrivals {
        Times::Micros(micros, fits) => checked(micros[row], *fits)?,
        Times::Clock(hhmm) => record::arrival_after(departure, date, minutes(hhmm[row])?),
    };
    Some((departure, arrival))
}

/// Marks rows whose own day fields are not those of their date.
fn compare_day_fields(
    bulk: &mut Bulk,
    dates: &[FlightDate],
    codes: &[Code],
    columns: &RawColumns<'_>,
    odd: &mut Odd,
) -> Option<()> {
    let fields = |date: &FlightDate| [date.day_of_month(), date.day_of_week(), date.day_of_year()].map(f64::from);
    bulk.day_fields.extend(dates[bulk.day_fields.len()..].iter().map(fields));
    for (field, column) in [Column::DayOfMonth, Column::DayOfWeek, Column::DayOfYear].into_iter().enumerate() {
        if let Some(array) = columns.array(column) {
            let given = views::numbers(array)?;
            // An odd row's date may have no code.
            let date = |code: &Code| bulk.day_fields.get(code.index()).map(|fields| fields[field]);
            odd.mark(given.iter().zip(codes).map(|(given, code)| date(code) != Some(*given)));
        }
    }
    Some(())
}
