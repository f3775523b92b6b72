//! The day of a flight.
//!
//! A [`FlightDate`] is a day of the proleptic Gregorian calendar between 1900 and 2199. A date-time with an offset means
//! its UTC date, so that every reader of a file sees the same day. The day fields of a row (day of month, of week, of
//! year) are functions of the date, and this is the only place that computes them.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::instant::Instant;

/// First and last year of a flight.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2199;

/// Days from 0001-01-01 (day 1 of chrono's common era) to 1970-01-01.
const EPOCH_DAY_OF_COMMON_ERA: i32 = 719_163;

/// A day, as the number of days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlightDate(i32);

/// Why a text is no [`FlightDate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// The text has no form of a date.
    #[error("no date: write YYYY-MM-DD, or a date-time with an offset")]
    Form,
    /// The text has the form of a date, but the calendar has no such day, or it lies outside 1900 to 2199.
    #[error("no day of the calendar between 1900 and 2199")]
    NoSuchDay,
}

impl FlightDate {
    /// The day that many days after 1970-01-01; `None` outside 1900 to 2199.
    #[must_use]
    pub fn from_days(days: i32) -> Option<Self> {
        let date = NaiveDate::from_num_days_from_ce_opt(days.checked_add(EPOCH_DAY_OF_COMMON_ERA)?)?;
        YEARS.contains(&date.year()).then_some(Self(days))
    }

    /// The day of a year, a month (1 to 12) and a day (1 to 31); `None` when the calendar has no such day.
    #[must_use]
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        let date = NaiveDate::from_ymd_opt(year, month, day)?;
        YEARS.contains(&year).then(|| Self(date.num_days_from_ce() - EPOCH_DAY_OF_COMMON_ERA))
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn days(self) -> i32 {
        self.0
    }

    /// Midnight of this day, read as UTC.
    #[must_use]
    pub fn midnight(self) -> Instant {
        Instant::from_micros(i64::from(self.0) * Instant::MICROS_PER_DAY)
    }

    /// The year, the month (1 to 12) and the day of the month (1 to 31).
    #[must_use]
    pub fn year_month_day(self) -> (u32, u32, u32) {
        let date = self.calendar();
        // No year of a flight is below 0.
        (date.year().unsigned_abs(), date.month(), date.day())
    }

    /// Day of the month, 1 to 31.
    #[must_use]
    pub fn day_of_month(self) -> i32 {
        self.calendar().day() as i32
    }

    /// Day of the week, 1 (Monday) to 7 (Sunday).
    #[must_use]
    pub fn day_of_week(self) -> i32 {
        // 1970-01-01 was a Thursday.
        (self.0 + 3).rem_euclid(7) + 1
    }

    /// Day of the year, 1 to 366.
    #[must_use]
    pub fn day_of_year(self) -> i32 {
        self.calendar().ordinal() as i32
    }

    /// Number of days of this date's year: 365 or 366.
    #[must_use]
    pub fn days_in_year(self) -> i32 {
        if self.calendar().leap_year() { 366 } else { 365 }
    }

    /// Every value of the type was checked when it was made, so the fallback is never taken.
    fn calendar(self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.0 + EPOCH_DAY_OF_COMMON_ERA).unwrap_or_default()
    }
}

impl FromStr for FlightDate {
    type Err = DateError;

    /// Reads `YYYY-MM-DD`; a date-time, which means its UTC date (its own date when it has no offset); and the form of
    /// the BTS downloads, `M/D/YYYY`, with or without a time of day after it.
    fn from_str(text: &str) -> Result<Self, DateError> {
        if let Some(ymd) = split_ymd(text) {
            let (date, rest) = ymd?;
            return if rest.is_empty() {
                Ok(date)
            } else {
                let instant: Instant = text.parse().map_err(|_| DateError::Form)?;
                instant.utc_date().ok_or(DateError::NoSuchDay)
            };
        }
        let day = text.split_once(' ').map_or(text, |(day, _time)| day);
        let mut parts = day.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(month), Some(day), Some(year), None) if year.len() == 4 => {
                let number = |text: &str| digits(text.as_bytes()).ok_or(DateError::Form);
                let (year, month, day) = (number(year)?, number(month)?, number(day)?);
                Self::from_ymd(year as i32, month, day).ok_or(DateError::NoSuchDay)
            }
            _ => Err(DateError::Form),
        }
    }
}

/// Splits `YYYY-MM-DD` off the front; `None` when the text does not start in that form.
pub(super) fn split_ymd(text: &str) -> Option<Result<(FlightDate, &str), DateError>> {
    let bytes = text.as_bytes();
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' || !text.is_char_boundary(10) {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..10])?);
    let date = FlightDate::from_ymd(year as i32, month, day).ok_or(DateError::NoSuchDay);
    Some(date.map(|date| (date, &text[10..])))
}

/// A run of 1 to 9 ASCII digits as a number.
pub(super) fn digits(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || bytes.len() > 9 || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(bytes.iter().fold(0, |number, byte| number * 10 + u32::from(byte - b'0')))
}

impl fmt::Display for FlightDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.year_month_day();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl Serialize for FlightDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FlightDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.trim().parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_of_one_day() {
        for (text, day) in [
            ("2015-12-31", "2015-12-31"),
            ("2015-12-30T16:00:00.000-08:00", "2015-12-31"),
            ("2015-12-30T15:59:59.999-08:00", "2015-12-30"),
            ("2015-12-31T09:00:00+0900", "2015-12-31"),
            ("2015-12-31T08:59:59+09:00", "2015-12-30"),
            ("2015-12-31T23:59:59Z", "2015-12-31"),
            ("2015-12-31 00:00:00", "2015-12-31"),
            ("2020-02-29", "2020-02-29"),
            ("2000-02-29", "2000-02-29"),
            ("1/5/2023", "2023-01-05"),
            ("12/31/2019 12:00:00 AM", "2019-12-31"),
        ] {
            assert_eq!(text.parse::<FlightDate>().map(|date| date.to_string()), Ok(day.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_day() {
        for (text, error) in [
            ("2023-02-29", DateError::NoSuchDay),
            ("1900-02-29", DateError::NoSuchDay),
            ("2023-13-01", DateError::NoSuchDay),
            ("2023-00-10", DateError::NoSuchDay),
            ("2023-04-31", DateError::NoSuchDay),
            ("1899-12-31", DateError::NoSuchDay),
            ("2200-01-01", DateError::NoSuchDay),
            ("2/29/2023", DateError::NoSuchDay),
            ("2023-1-1", DateError::Form),
            ("2023-01-01x", DateError::Form),
            ("2023-01-01T25:00:00Z", DateError::Form),
            ("1/5/23", DateError::Form),
            ("", DateError::Form),
            ("yesterday", DateError::Form),
            ("2023-01-0é", DateError::Form),
            ("+023-01-01", DateError::Form),
        ] {
            assert_eq!(text.parse::<FlightDate>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_day_fields_of_the_seeds_sample_row() {
        let date: FlightDate = "2015-12-30T16:00:00.000-08:00".parse().unwrap();
        assert_eq!((date.day_of_month(), date.day_of_week(), date.day_of_year()), (31, 4, 365));
        assert_eq!(FlightDate::from_ymd(2016, 12, 31).map(FlightDate::day_of_year), Some(366));
        assert_eq!(FlightDate::from_ymd(2024, 1, 7).map(FlightDate::day_of_week), Some(7), "a Sunday is 7");
        assert_eq!(FlightDate::from_ymd(1960, 1, 1).map(FlightDate::day_of_week), Some(5), "before 1970");
    }

    proptest! {
        #[test]
        fn every_day_agrees_with_chrono_and_round_trips(days in -25_567_i32..84_005) {
            let date = FlightDate::from_days(days).unwrap();
            let oracle = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::Days::new(0) + chrono::TimeDelta::days(days.into());
            prop_assert_eq!(date.to_string(), oracle.to_string());
            prop_assert_eq!(date.day_of_week() as u32, oracle.weekday().number_from_monday());
            prop_assert_eq!(date.to_string().parse::<FlightDate>(), Ok(date));
            prop_assert_eq!(date.midnight().utc_date(), Some(date));
        }

        #[test]
        fn any_text_is_a_day_or_an_error(text in "\\PC{0,30}") {
            let _ = text.parse::<FlightDate>();
        }
    }

    #[test]
    fn days_outside_the_calendar_are_refused() {
        for days in [i32::MIN, -25_568, 84_006, i32::MAX] {
            assert_eq!(FlightDate::from_days(days), None, "{days}");
        }
    }
}
