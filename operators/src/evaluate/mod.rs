//! How good a forest is on rows that it did not see.
//!
//! A [`Tally`] holds integers only, so tallies of any split of the rows add up to the same one; [`Quality`] is computed
//! from it with a fixed order of operations.

mod quality;
mod shell;
mod tally;

pub use quality::{CalibrationPoint, ClassQuality, Quality};
pub use shell::{Trial, judge};
pub use tally::{CALIBRATION_BINS, CalibrationTally, MICRO, Tally};
