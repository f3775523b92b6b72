//! A flight as a line of JSON, written as bytes.
//!
//! What a [`TrainingRow`] is to serde, byte for byte, without its cost: names and times need no formatter and almost all
//! numbers are whole. What is unusual goes through serde's own writer.
//!
//! [`TrainingRow`]: crate::flight::TrainingRow

use std::io::{self, Write};

use flightline_operators::columns::Number;

use crate::flight::{Flight, FlightDate, Instant};

/// Whole numbers below this have no other text in JSON than their digits and `.0`.
const WHOLE: f64 = 1e9;

const MICROS_PER_MILLI: i64 = 1000;
const MILLIS_PER_SECOND: u32 = 1000;

/// Appends a flight as a line, its end included.
///
/// # Errors
/// None that a flight can cause; the signature is that of the writers beneath.
pub fn write_line(out: &mut Vec<u8>, flight: &Flight<'_>) -> io::Result<()> {
    let facts = &flight.facts;
    out.extend_from_slice(b"{\"ArrDelay\":");
    number(out, flight.arrival_delay)?;
    out.extend_from_slice(b",\"CRSArrTime\":\"");
    instant(out, flight.scheduled_arrival)?;
    out.extend_from_slice(b"\",\"CRSDepTime\":\"");
    instant(out, flight.scheduled_departure)?;
    out.extend_from_slice(b"\",\"Carrier\":");
    name(out, facts.carrier)?;
    out.extend_from_slice(b",\"DayOfMonth\":");
    whole(out, facts.date.day_of_month().unsigned_abs());
    out.extend_from_slice(b",\"DayOfWeek\":");
    whole(out, facts.date.day_of_week().unsigned_abs());
    out.extend_from_slice(b",\"DayOfYear\":");
    whole(out, facts.date.day_of_year().unsigned_abs());
    out.extend_from_slice(b",\"DepDelay\":");
    number(out, facts.departure_delay)?;
    out.extend_from_slice(b",\"Dest\":");
    name(out, facts.dest)?;
    out.extend_from_slice(b",\"Distance\":");
    number(out, facts.distance)?;
    out.extend_from_slice(b",\"FlightDate\":\"");
    date(out, facts.date);
    out.extend_from_slice(b"\",\"FlightNum\":");
    name(out, facts.flight_number)?;
    out.extend_from_slice(b",\"Origin\":");
    name(out, facts.origin)?;
    out.extend_from_slice(b"}\n");
    Ok(())
}

fn number(out: &mut Vec<u8>, number: Number) -> io::Result<()> {
    let value = number.get();
    if value.fract() != 0.0 || value.abs() >= WHOLE {
        return Ok(serde_json::to_writer(out, &value)?);
    }
    if value < 0.0 {
        out.push(b'-');
    }
    whole(out, value.abs() as u32);
    out.extend_from_slice(b".0");
    Ok(())
}

fn name(out: &mut Vec<u8>, name: &str) -> io::Result<()> {
    if name.bytes().any(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\')) {
        return Ok(serde_json::to_writer(out, name)?);
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
    Ok(())
}

fn date(out: &mut Vec<u8>, date: FlightDate) {
    let (year, month, day) = date.year_month_day();
    padded::<4>(out, year);
    out.push(b'-');
    padded::<2>(out, month);
    out.push(b'-');
    padded::<2>(out, day);
}

fn instant(out: &mut Vec<u8>, instant: Instant) -> io::Result<()> {
    let in_day = instant.micros().rem_euclid(Instant::MICROS_PER_DAY);
    let (Some(utc_date), 0) = (instant.utc_date(), in_day % MICROS_PER_MILLI) else {
        return write!(out, "{instant}");
    };
    // A day has fewer milliseconds than a u32 can count.
    let millis = (in_day / MICROS_PER_MILLI) as u32;
    let seconds = millis / MILLIS_PER_SECOND;
    date(out, utc_date);
    out.push(b'T');
    padded::<2>(out, seconds / 3600);
    out.push(b':');
    padded::<2>(out, seconds / 60 % 60);
    out.push(b':');
    padded::<2>(out, seconds % 60);
    out.push(b'.');
    padded::<3>(out, millis % MILLIS_PER_SECOND);
    out.push(b'Z');
    Ok(())
}

/// The digits of a number, with zeros in front up to a width that it fits into.
fn padded<const WIDTH: usize>(out: &mut Vec<u8>, mut number: u32) {
    let mut digits = [b'0'; WIDTH];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

/// The digits of a number.
fn whole(out: &mut Vec<u8>, number: u32) {
    match number {
        0..10 => padded::<1>(out, number),
        10..100 => padded::<2>(out, number),
        100..1000 => padded::<3>(out, number),
        1000..10_000 => padded::<4>(out, number),
        _ => {
            whole(out, number / 10_000);
            padded::<4>(out, number % 10_000);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flight::TrainingRow;

    fn any_number() -> impl Strategy<Value = Number> {
        let any = prop_oneof![
            (-10_080_i32..=10_080).prop_map(f64::from),
            any::<i64>().prop_map(|whole| whole as f64),
            any::<f64>().prop_filter("finite", |number| number.is_finite()),
            prop::sample::select(vec![0.0, -0.0, 999_999_999.0, 1e9, -1e9, 0.5, -14.25, 1e16, 5e-324]),
        ];
        any.prop_filter_map("finite", Number::new)
    }

    fn any_instant() -> impl Strategy<Value = Instant> {
        prop_oneof![
            any::<i64>().prop_map(Instant::from_micros),
            (-30_000_000_i64..120_000_000).prop_map(|minutes| Instant::from_micros(0).plus_minutes(minutes)),
            (-2_208_988_800_000_i64..7_258_032_000_000).prop_map(|millis| Instant::from_micros(millis * 1000)),
        ]
    }

    fn any_name() -> impl Strategy<Value = Box<str>> {
        prop_oneof!["[A-Z0-9]{1,8}", "[!-~]{1,8}", "\\PC{0,8}", ".{0,4}"].prop_map(String::into_boxed_str)
    }

    fn any_row() -> impl Strategy<Value = TrainingRow> {
        let numbers = (any_number(), any_number(), any_number());
        let names = (any_name(), any_name(), any_name(), any_name());
        let days = (-25_567_i32..84_005).prop_filter_map("a day", FlightDate::from_days);
        (numbers, (any_instant(), any_instant()), names, days).prop_map(|(numbers, times, names, date)| TrainingRow {
            arrival_delay: numbers.0,
            scheduled_arrival: times.0,
            scheduled_departure: times.1,
            carrier: names.0,
            day_of_month: date.day_of_month(),
            day_of_week: date.day_of_week(),
            day_of_year: date.day_of_year(),
            departure_delay: numbers.1,
            dest: names.1,
            distance: numbers.2,
            date,
            flight_number: names.2,
            origin: names.3,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_line_is_what_serde_makes_of_the_row(row in any_row()) {
            let mut line = Vec::new();
            write_line(&mut line, &row.flight()).unwrap();
            let expected = serde_json::to_string(&row).unwrap() + "\n";
            prop_assert_eq!(String::from_utf8(line).unwrap(), expected);
        }

        #[test]
        fn whole_numbers_are_their_digits(number: u32) {
            let mut digits = Vec::new();
            whole(&mut digits, number);
            prop_assert_eq!(String::from_utf8(digits).unwrap(), number.to_string());
        }
    }
}
