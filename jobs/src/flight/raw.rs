//! A row as a file has it: its fields found, but not yet believed.
//!
//! JSON, CSV and Parquet all end here, so that every check after it is the same for every format.

use std::borrow::Cow;

use super::column::Column;
use super::counts::BadReason;
use super::date::{DateError, FlightDate, digits};
use super::instant::Instant;
use flightline_operators::columns::Number;

/// One value as it stands in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RawValue<'a> {
    /// Not there, or null.
    #[default]
    Null,
    /// Text: from JSON, from CSV (every value there), or from a Parquet text column.
    Text(Cow<'a, str>),
    /// A number that is no whole one, or is typed as a float.
    Number(f64),
    /// A whole number, or a truth value as 0 or 1.
    Integer(i64),
    /// A day, as days since 1970-01-01.
    Day(i64),
    /// A point in time, as microseconds since 1970-01-01T00:00:00Z.
    Time(i64),
    /// A value of a kind that no column has: a list, an object, bytes.
    Other,
}

/// A scheduled time: BTS files give the local clock, all others a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    At(Instant),
    /// Minutes since midnight, 0 to 1440.
    Clock(i64),
}

/// The fields of one row, borrowed from the bytes of the file where that is possible.
#[derive(Clone, Debug, Default)]
pub struct RawRow<'a> {
    values: [RawValue<'a>; Column::COUNT],
}

impl<'a> RawRow<'a> {
    /// Sets one field.
    pub fn set(&mut self, column: Column, value: RawValue<'a>) {
        self.values[column.index()] = match (is_code(column), value) {
            (true, RawValue::Integer(number)) => RawValue::Text(number.to_string().into()),
            // A flight number that a program has read as a float.
            (true, RawValue::Number(number)) if number.fract() == 0.0 && number.abs() < 1e9 => {
                RawValue::Text(format!("{number:.0}").into())
            }
            (_, value) => value,
        };
    }

    /// Whether the field has no value: null, NaN, blank, or one of the usual words for that in a column of numbers.
    #[must_use]
    pub fn is_null(&self, column: Column) -> bool {
        match &self.values[column.index()] {
            RawValue::Null => true,
            RawValue::Number(number) => number.is_nan(),
            // The words for nothing are of letters; so this settles most values.
            RawValue::Text(text) if text.starts_with(|first: char| first.is_ascii_digit()) => false,
            RawValue::Text(text) => {
                let text = text.trim();
                text.is_empty() || (!is_code(column) && matches!(text, "NA" | "NaN" | "nan" | "null" | "NULL"))
            }
            _ => false,
        }
    }

    /// Whether a mark such as `Cancelled` is set.
    #[must_use]
    pub fn is_marked(&self, column: Column) -> bool {
        self.number(column).is_ok_and(|number| number.get() == 1.0)
    }

    /// A finite number.
    pub(super) fn number(&self, column: Column) -> Result<Number, BadReason> {
        let number = match &self.values[column.index()] {
            RawValue::Number(number) => *number,
            RawValue::Integer(number) => *number as f64,
            RawValue::Text(text) => decimal(text.trim()).ok_or(BadReason::Unreadable(column))?,
            _ => return Err(BadReason::Unreadable(column)),
        };
        Number::new(number).ok_or(BadReason::OutOfRange(column))
    }

    /// A name of 1 to 8 visible ASCII characters; trimmed.
    pub(super) fn code(&self, column: Column) -> Result<&str, BadReason> {
        let RawValue::Text(text) = &self.values[column.index()] else {
            return Err(BadReason::Unreadable(column));
        };
        code(text).ok_or(BadReason::OutOfRange(column))
    }

    /// A day of the calendar.
    pub(super) fn date(&self, column: Column) -> Result<FlightDate, BadReason> {
        let date = match &self.values[column.index()] {
            RawValue::Text(text) => match text.trim().parse() {
                Ok(date) => Some(date),
                Err(DateError::Form) => return Err(BadReason::Unreadable(column)),
                Err(DateError::NoSuchDay) => None,
            },
            RawValue::Day(days) => i32::try_from(*days).ok().and_then(FlightDate::from_days),
            RawValue::Time(micros) => Instant::from_micros(*micros).utc_date(),
            _ => return Err(BadReason::Unreadable(column)),
        };
        date.ok_or(BadReason::OutOfRange(column))
    }

    /// A scheduled time, as a point in time or as the clock of the day.
    pub(super) fn schedule(&self, column: Column) -> Result<Schedule, BadReason> {
        let clock = |hhmm: i64| clock_minutes(hhmm).map(Schedule::Clock).ok_or(BadReason::OutOfRange(column));
        match &self.values[column.index()] {
            RawValue::Text(text) => match hhmm(text.trim()) {
                Some(number) => clock(number),
                None => text.trim().parse().map(Schedule::At).map_err(|_| BadReason::Unreadable(column)),
            },
            RawValue::Integer(number) => clock(*number),
            RawValue::Number(number) => whole(*number).map_or(Err(BadReason::Unreadable(column)), clock),
            RawValue::Time(micros) => {
                let instant = Instant::from_micros(*micros);
                instant.utc_date().map(|_| Schedule::At(instant)).ok_or(BadReason::OutOfRange(column))
            }
            _ => Err(BadReason::Unreadable(column)),
        }
    }
}

/// Whether a column holds names, even where they look like numbers.
const fn is_code(column: Column) -> bool {
    matches!(column, Column::Carrier | Column::FlightNum | Column::Origin | Column::Dest)
}

/// The longest code, in bytes.
pub(super) const CODE_LENGTH: usize = 8;

/// A carrier or a flight number: 1 to 8 visible ASCII characters, once trimmed.
pub(crate) fn code(text: &str) -> Option<&str> {
    let text = text.trim();
    ((1..=CODE_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
}

/// An airport: a code without a hyphen, which is what joins two of them to a route.
pub(crate) fn airport(text: &str) -> Option<&str> {
    code(text).filter(|text| !text.contains('-'))
}

/// A decimal number in plain or scientific form; the names of NaN and infinity are no numbers.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let first = text.bytes().find(|byte| !matches!(byte, b'+' | b'-'))?;
    (first.is_ascii_digit() || first == b'.').then(|| text.parse().ok()).flatten()
}

/// The number in a text of one to four digits, perhaps with `.0` or `.00` after it.
fn hhmm(text: &str) -> Option<i64> {
    if text.len() > "2359.00".len() {
        return None;
    }
    let whole = text.strip_suffix(".00").or_else(|| text.strip_suffix(".0")).unwrap_or(text);
    if whole.len() > 4 { None } else { digits(whole.as_bytes()).map(i64::from) }
}

/// A whole number that is typed as a float.
pub(super) fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0).then_some(number as i64)
}

/// `hhmm` as minutes since midnight; 2400 is the midnight after.
pub(super) fn clock_minutes(hhmm: i64) -> Option<i64> {
    let (hour, minute) = (hhmm.div_euclid(100), hhmm.rem_euclid(100));
    ((0..24).contains(&hour) && minute < 60 || hhmm == 2400).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(column: Column, value: RawValue<'_>) -> RawRow<'_> {
        let mut row = RawRow::default();
        row.set(column, value);
        row
    }

    fn text(text: &str) -> RawValue<'_> {
        RawValue::Text(text.into())
    }

    #[test]
    fn clock_times() {
        for (value, minutes) in [
            (text("0005"), Some(5)),
            (text("5"), Some(5)),
            (text(" 1605 "), Some(965)),
            (text("1605.00"), Some(965)),
            (text("2400"), Some(1440)),
            (text("0000"), Some(0)),
            (RawValue::Integer(2359), Some(1439)),
            (RawValue::Number(730.0), Some(450)),
            (text("2401"), None),
            (text("1260"), None),
            (RawValue::Integer(-5), None),
            (RawValue::Integer(i64::MIN), None),
        ] {
            let expected = minutes.map(Schedule::Clock).ok_or(BadReason::OutOfRange(Column::CrsDepTime));
            assert_eq!(row(Column::CrsDepTime, value.clone()).schedule(Column::CrsDepTime), expected, "{value:?}");
        }
        for value in [text("12:30"), text("20151231"), text("noon"), RawValue::Number(12.5), RawValue::Other] {
            let found = row(Column::CrsDepTime, value.clone()).schedule(Column::CrsDepTime);
            assert_eq!(found, Err(BadReason::Unreadable(Column::CrsDepTime)), "{value:?}");
        }
    }

    #[test]
    fn numbers_in_all_their_forms() {
        for value in [
            text("368"),
            text("368.00"),
            text(" 3.68e2"),
            text("+368."),
            RawValue::Integer(368),
            RawValue::Number(368.0),
        ] {
            let found = row(Column::Distance, value.clone()).number(Column::Distance);
            assert_eq!(found, Ok(Number::from(368)), "{value:?}");
        }
        for value in
            [text("inf"), text("-infinity"), text("0x10"), text("3,5"), text("--3"), RawValue::Day(3), RawValue::Other]
        {
            let found = row(Column::Distance, value.clone()).number(Column::Distance);
            assert_eq!(found, Err(BadReason::Unreadable(Column::Distance)), "{value:?}");
        }
        let found = row(Column::Distance, text("1e999")).number(Column::Distance);
        assert_eq!(found, Err(BadReason::OutOfRange(Column::Distance)));
    }

    #[test]
    fn a_flight_number_is_a_name_however_it_is_typed() {
        for value in [text(" 6109 "), RawValue::Integer(6109), RawValue::Number(6109.0)] {
            assert_eq!(row(Column::FlightNum, value.clone()).code(Column::FlightNum), Ok("6109"), "{value:?}");
        }
        for value in [text("a b"), text("ABCDEFGHI"), text("é"), text("")] {
            let found = row(Column::FlightNum, value.clone());
            assert_eq!(found.code(Column::FlightNum), Err(BadReason::OutOfRange(Column::FlightNum)), "{value:?}");
        }
        assert_eq!(airport("TUS-SAN"), None);
    }

    #[test]
    fn what_counts_as_null() {
        for (value, null) in [
            (RawValue::Null, true),
            (text("  "), true),
            (text("NA"), true),
            (RawValue::Number(f64::NAN), true),
            (RawValue::Integer(0), false),
            (text("0"), false),
        ] {
            assert_eq!(row(Column::ArrDelay, value.clone()).is_null(Column::ArrDelay), null, "{value:?}");
        }
        assert!(!row(Column::Carrier, text("NA")).is_null(Column::Carrier), "a carrier may be called NA");
    }
}
