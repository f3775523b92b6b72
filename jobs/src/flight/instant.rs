//! Points in time: the scheduled departure and arrival of a flight.
//!
//! An [`Instant`] is a number of microseconds, so that `03:05-08:00`, `11:05Z` and a Parquet timestamp of any unit are
//! one value. A text without an offset is read as UTC; so is the wall clock of the BTS files, which say only local times.

use std::fmt;
use std::str::FromStr;

use super::date::{FlightDate, digits, split_ymd};

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

/// The text is no point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no date-time: write YYYY-MM-DDThh:mm:ss, with an offset such as Z or -08:00")]
pub struct InstantError;

impl Instant {
    /// Microseconds of a day.
    pub const MICROS_PER_DAY: i64 = 86_400 * Self::MICROS_PER_SECOND;
    const MICROS_PER_SECOND: i64 = 1_000_000;
    const MICROS_PER_MINUTE: i64 = 60 * Self::MICROS_PER_SECOND;

    /// The point that many microseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The UTC date; `None` outside the years of a [`FlightDate`].
    #[must_use]
    pub fn utc_date(self) -> Option<FlightDate> {
        i32::try_from(self.0.div_euclid(Self::MICROS_PER_DAY)).ok().and_then(FlightDate::from_days)
    }

    /// This point moved by whole minutes; used for offsets, clock times and days, all far from the ends of the range.
    #[must_use]
    pub const fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes.saturating_mul(Self::MICROS_PER_MINUTE)))
    }
}

impl FromStr for Instant {
    type Err = InstantError;

    /// Reads RFC 3339, and its near forms: a blank for the `T`, no seconds, no fraction, an offset as `+0100` or `+01`.
    /// Digits beyond the microsecond are cut off.
    fn from_str(text: &str) -> Result<Self, InstantError> {
        usual(text).map_or_else(|| any_form(text), Ok)
    }
}

/// The form in which our own files and the seed's have it, `YYYY-MM-DDThh:mm:ss.mmm` with `Z` or an offset as `-08:00`;
/// whatever else is for [`any_form`] to say.
fn usual(text: &str) -> Option<Instant> {
    let (stamp, offset) = text.as_bytes().split_first_chunk::<23>()?;
    let two = |at: usize| -> Option<u32> {
        let (ten, one) = (stamp.get(at)?.wrapping_sub(b'0'), stamp.get(at + 1)?.wrapping_sub(b'0'));
        (ten < 10 && one < 10).then(|| u32::from(ten) * 10 + u32::from(one))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.')];
    if marks.iter().any(|(at, mark)| stamp[*at] != *mark) || !stamp[22].is_ascii_digit() {
        return None;
    }
    let offset = match offset {
        b"Z" => 0,
        [b'+' | b'-', ..] => offset_minutes(text.get(23..)?)?,
        _ => return None,
    };
    let date = FlightDate::from_ymd((two(0)? * 100 + two(2)?) as i32, two(5)?, two(8)?)?;
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let millis = two(20)? * 10 + u32::from(stamp[22] - b'0');
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let clock = i64::from((hour * 60 + minute) * 60 + second) * Instant::MICROS_PER_SECOND + i64::from(millis) * 1000;
    Some(Instant(date.midnight().0 + clock).plus_minutes(-offset))
}

/// Any of the forms that are understood.
fn any_form(text: &str) -> Result<Instant, InstantError> {
    let (date, rest) = split_ymd(text).ok_or(InstantError)?.map_err(|_| InstantError)?;
    let rest = rest.strip_prefix(['T', 't', ' ']).ok_or(InstantError)?;
    let offset_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, offset) = rest.split_at(offset_at);
    let clock = clock_micros(clock.trim_end()).ok_or(InstantError)?;
    let offset = offset_minutes(offset).ok_or(InstantError)?;
    Ok(Instant(date.midnight().0 + clock).plus_minutes(-offset))
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fraction`, as microseconds since midnight.
fn clock_micros(clock: &str) -> Option<i64> {
    let (whole, fraction) = clock.split_once('.').map_or((clock, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut parts = whole.split(':');
    let hour = two_digits(parts.next()?, 23)?;
    let minute = two_digits(parts.next()?, 59)?;
    let second = match parts.next() {
        Some(second) => two_digits(second, 59)?,
        None if fraction.is_none() => 0,
        None => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    let micros = fraction.map_or(Some(0), fraction_micros)?;
    Some(((hour * 60 + minute) * 60 + second) * Instant::MICROS_PER_SECOND + micros)
}

/// The digits after the point of a second, as microseconds.
fn fraction_micros(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    Some(digits.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')))
}

/// An offset from UTC in minutes; nothing at all is UTC.
fn offset_minutes(offset: &str) -> Option<i64> {
    let (sign, digits) = match offset.as_bytes().first() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (offset.len() == 1).then_some(0),
        Some(b'-') => (-1, &offset[1..]),
        Some(_) => (1, &offset[1..]),
    };
    let (hours, minutes) = match (digits.len(), digits.split_once(':')) {
        (5, Some((hours, minutes))) => (hours, minutes),
        (4, None) if digits.is_ascii() => digits.split_at(2),
        (2, None) => (digits, "00"),
        _ => return None,
    };
    Some(sign * (two_digits(hours, 23)? * 60 + two_digits(minutes, 59)?))
}

fn two_digits(text: &str, most: i64) -> Option<i64> {
    let number = (text.len() == 2).then(|| digits(text.as_bytes())).flatten().map(i64::from)?;
    (number <= most).then_some(number)
}

impl fmt::Display for Instant {
    /// RFC 3339 in UTC with milliseconds, as in the seed's files; with microseconds when there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_day = self.0.rem_euclid(Self::MICROS_PER_DAY);
        let (seconds, micros) = (in_day / Self::MICROS_PER_SECOND, in_day % Self::MICROS_PER_SECOND);
        match self.utc_date() {
            Some(date) => write!(f, "{date}")?,
            None => return write!(f, "{} microseconds since 1970", self.0),
        }
        write!(f, "T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if micros % 1000 == 0 { write!(f, ".{:03}Z", micros / 1000) } else { write!(f, ".{micros:06}Z") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_of_one_instant() {
        for text in [
            "2015-12-31T03:05:00.000-08:00",
            "2015-12-31T03:05:00-08:00",
            "2015-12-31T03:05:00-0800",
            "2015-12-31T03:05:00-08",
            "2015-12-31T03:05-08:00",
            "2015-12-31 11:05:00",
            "2015-12-31T11:05:00Z",
            "2015-12-31t11:05:00z",
            "2015-12-31T11:05:00.000000000+00:00",
            "2015-12-31T20:35:00+0930",
            "2015-12-31 11:05:00 +0000",
        ] {
            let instant: Instant = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(instant.to_string(), "2015-12-31T11:05:00.000Z", "{text}");
        }
        let fine: Instant = "1969-12-31T23:59:59.1234567Z".parse().unwrap();
        assert_eq!(fine.to_string(), "1969-12-31T23:59:59.123456Z");
        assert!(fine.micros() < 0);
    }

    #[test]
    fn what_is_no_instant() {
        for text in [
            "",
            "2015-12-31",
            "2015-12-31T",
            "2015-12-31T24:00:00Z",
            "2015-12-31T03:60:00Z",
            "2015-12-31T03:05:61Z",
            "2015-12-31T3:05:00Z",
            "2015-12-31T03:05:00.Z",
            "2015-12-31T03:05:00Zulu",
            "2015-12-31T03:05:00+1",
            "2015-12-31T03:05:00+24:00",
            "2015-12-31T03:05:00:00Z",
            "2015-02-30T03:05:00Z",
            "2015-12-31T03:05.5Z",
            "2015-12-31T03:05:00-é8",
        ] {
            assert_eq!(text.parse::<Instant>(), Err(InstantError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_chrono_on_rfc_3339(
            micros in -2_208_988_800_000_000_i64..7_258_032_000_000_000, offset in -14 * 60_i32..=14 * 60,
        ) {
            let zone = chrono::FixedOffset::east_opt(offset * 60).unwrap();
            let text = chrono::DateTime::from_timestamp_micros(micros).unwrap().with_timezone(&zone).to_rfc3339();
            // Near the ends the local date may lie outside the years that a date can have.
            if let Ok(instant) = text.parse::<Instant>() {
                prop_assert_eq!(instant.micros(), micros);
                prop_assert_eq!(instant.to_string().parse::<Instant>(), Ok(instant));
            } else {
                prop_assert!(text.starts_with("1899") || text.starts_with("2200"), "{} is refused", text);
            }
        }

        #[test]
        fn the_usual_form_is_one_of_all(
            text in "(2015|1899|0000|2016)-(02|12|13|0[0-9])-(29|3[0-9]|[01][0-9])[Tt ][012][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{2}[0-9a]?([Zz+-]|-08:00|[ +-][0-9:]{0,6}|é)?",
        ) {
            prop_assert_eq!(text.parse::<Instant>(), any_form(&text));
        }

        #[test]
        fn any_text_is_an_instant_or_an_error(text in "2015-12-31[T ]\\PC{0,24}") {
            let _ = text.parse::<Instant>();
        }
    }
}
