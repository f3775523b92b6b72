//! Rows as JSON lines, in the very form of the seed's file, and packed.

use std::io::Write;

use chrono::{DateTime, FixedOffset};
use serde_json::json;

use super::FlightRow;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// One row, without a line feed: `{"ArrDelay":5.0,"CRSArrTime":"2015-12-31T03:20:00.000-08:00",…}`.
#[must_use]
pub fn json_line(row: &FlightRow) -> String {
    json!({
        "ArrDelay": row.arr_delay,
        "CRSArrTime": time(row.crs_arr_time),
        "CRSDepTime": time(row.crs_dep_time),
        "Carrier": row.carrier,
        "DayOfMonth": row.day_of_month,
        "DayOfWeek": row.day_of_week,
        "DayOfYear": row.day_of_year,
        "DepDelay": row.dep_delay,
        "Dest": row.dest,
        "Distance": row.distance,
        "FlightDate": time(i64::from(row.flight_date) * MICROS_PER_DAY),
        "FlightNum": row.flight_num,
        "Origin": row.origin,
    })
    .to_string()
}

/// Rows as JSON lines.
#[must_use]
pub fn json_lines(rows: &[FlightRow]) -> Vec<u8> {
    rows.iter().flat_map(|row| (json_line(row) + "\n").into_bytes()).collect()
}

/// A time with the offset that the seed's file has.
fn time(micros: i64) -> String {
    let offset = FixedOffset::west_opt(8 * 3600).expect("eight hours are an offset");
    let time = DateTime::from_timestamp_micros(micros).expect("the bundled times are in range");
    time.with_timezone(&offset).format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// A way to pack a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zip {
    /// `.gz`
    Gzip,
    /// `.bz2`
    Bzip2,
    /// `.zst`
    Zstandard,
}

/// The bytes, packed.
#[must_use]
pub fn packed(bytes: &[u8], zip: Zip) -> Vec<u8> {
    let done = match zip {
        Zip::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes).and_then(|()| out.finish())
        }
        Zip::Bzip2 => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(bytes).and_then(|()| out.finish())
        }
        Zip::Zstandard => zstd::encode_all(bytes, 1),
    };
    done.expect("memory can be written to")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_form_of_the_seeds_file() {
        let row = FlightRow {
            arr_delay: 5.0,
            crs_arr_time: 1_451_560_800_000_000,
            crs_dep_time: 1_451_559_900_000_000,
            carrier: "WN".to_owned(),
            day_of_month: 31,
            day_of_week: 4,
            day_of_year: 365,
            dep_delay: 14.0,
            dest: "SAN".to_owned(),
            distance: 368.0,
            flight_date: 16_800,
            flight_num: "6109".to_owned(),
            origin: "TUS".to_owned(),
        };
        let expected = r#"{"ArrDelay":5.0,"CRSArrTime":"2015-12-31T03:20:00.000-08:00","CRSDepTime":"2015-12-31T03:05:00.000-08:00","Carrier":"WN","DayOfMonth":31,"DayOfWeek":4,"DayOfYear":365,"DepDelay":14.0,"Dest":"SAN","Distance":368.0,"FlightDate":"2015-12-30T16:00:00.000-08:00","FlightNum":"6109","Origin":"TUS"}"#;
        assert_eq!(json_line(&row), expected);
    }
}
