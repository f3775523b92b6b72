//! How good a forest is on rows that it did not see.
//!
//! A [`Tally`] holds integers only, so tallies of any split of the rows add up to the same one; [`Quality`] is computed
//! from it with a fixed order of operations.

mod out_of_bag;
mod permutation;
mod quality;
mod shell;
mod tally;
mod unseen;
#[cfg(test)]
mod unseen_tests;

pub use out_of_bag::out_of_bag;
pub use permutation::{Permuted, SampledRow, permute, sample};
pub use quality::{CalibrationPoint, ClassQuality, Quality};
pub use shell::{Trial, judge};
pub use tally::{CALIBRATION_BINS, CalibrationTally, MICRO, Tally};
pub use unseen::{Unseen, UnseenInput, judge_unseen};
