//! The bundled flights as rows, and the same rows in every form that a user may have them in.
//!
//! Written without a line of the code under test, so that a mistake there can't hide here.

mod json;
mod parquet;

use std::sync::OnceLock;

pub use json::{Zip, json_line, json_lines, packed};
pub use parquet::parquet_file;

use crate::bundled_flights;

/// One training row. Times are microseconds since 1970 in UTC, the date is days since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightRow {
    /// Minutes.
    pub arr_delay: f64,
    /// Scheduled arrival.
    pub crs_arr_time: i64,
    /// Scheduled departure.
    pub crs_dep_time: i64,
    /// Code of the airline.
    pub carrier: String,
    /// From 1.
    pub day_of_month: i32,
    /// 1 is Monday.
    pub day_of_week: i32,
    /// From 1.
    pub day_of_year: i32,
    /// Minutes.
    pub dep_delay: f64,
    /// Code of the airport.
    pub dest: String,
    /// Miles.
    pub distance: f64,
    /// Days since 1970.
    pub flight_date: i32,
    /// Number of the flight.
    pub flight_num: String,
    /// Code of the airport.
    pub origin: String,
}

/// All bundled flights, in the order of the file.
#[must_use]
pub fn bundled() -> &'static [FlightRow] {
    static ROWS: OnceLock<Vec<FlightRow>> = OnceLock::new();
    ROWS.get_or_init(|| parquet::read(&bundled_flights()))
}

/// About `number` bundled flights, spread evenly over the year, from the `first` on.
#[must_use]
pub fn sample(number: usize, first: usize) -> Vec<FlightRow> {
    let rows = bundled();
    let step = rows.len() / number;
    rows.iter().skip(first % step).step_by(step).take(number).cloned().collect()
}

/// The split by which models are compared: true for the rows to train on, which are about four in five.
#[must_use]
pub fn is_training_index(index: usize) -> bool {
    let mixed = (index as u64).wrapping_mul(2_654_435_761) % (1 << 32);
    (mixed as f64) < 0.8 * 2_f64.powi(32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_rows_are_all_there() {
        assert_eq!(bundled().len(), 327_346);
        let sample = sample(1000, 7);
        assert_eq!((sample.len(), &sample[0]), (1000, &bundled()[7]));
        let training = (0..bundled().len()).filter(|index| is_training_index(*index)).count();
        assert!((training as f64 / 327_346.0 - 0.8).abs() < 0.001, "{training}");
    }
}
