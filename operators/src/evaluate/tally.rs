//! Integer sums over judged rows, mergeable in any order.

use serde::{Deserialize, Serialize};

use crate::forest::{FlatForest, most_probable};
use crate::table::{BinnedRows, Class};

/// Fixed-point unit of losses and probabilities: a millionth.
pub const MICRO: f64 = 1e6;

/// Probabilities are judged in tenths.
pub const CALIBRATION_BINS: usize = 10;

/// Log loss counts no probability as smaller than this, as scikit-learn and others do.
const LEAST_PROBABILITY: f64 = 1e-15;

/// What was predicted with a probability in one tenth, for one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalibrationTally {
    /// Rows whose probability of the class lies in the tenth.
    pub rows: u64,
    /// Sum of those probabilities, in millionths.
    pub predicted_micros: u64,
    /// Rows among them that are of the class.
    pub observed: u64,
}

/// Integer sums over judged rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Number of classes.
    pub classes: u8,
    /// Rows by actual and predicted class, row-major by actual class.
    pub confusion: Vec<u64>,
    /// Sum of the log losses, in millionths of a nat, each rounded to the nearest.
    pub log_loss_micros: u64,
    /// By class, then tenth: `classes x CALIBRATION_BINS`.
    pub calibration: Vec<CalibrationTally>,
}

impl Tally {
    /// No rows.
    #[must_use]
    pub fn empty(classes: u8) -> Self {
        let count = usize::from(classes);
        Self {
            classes,
            confusion: vec![0; count * count],
            log_loss_micros: 0,
            calibration: vec![CalibrationTally::default(); count * CALIBRATION_BINS],
        }
    }

    /// Judges a forest by some rows, in batches that fit the cache.
    #[must_use]
    pub fn of(forest: &FlatForest, rows: &BinnedRows, mut on_rows: impl FnMut(u64)) -> Self {
        let mut tally = Self::empty(forest.classes() as u8);
        const BATCH: usize = 16_384;
        for start in (0..rows.len()).step_by(BATCH) {
            let end = rows.len().min(start + BATCH);
            let probabilities = forest.probabilities(&rows.columns, start..end);
            for (actual, probabilities) in rows.classes[start..end].iter().zip(probabilities.chunks(forest.classes())) {
                tally.add(*actual, probabilities);
            }
            on_rows((end - start) as u64);
        }
        tally
    }

    /// Adds one judged row.
    pub fn add(&mut self, actual: Class, probabilities: &[f64]) {
        let predicted = usize::from(most_probable(probabilities));
        self.confusion[actual.index() * usize::from(self.classes) + predicted] += 1;
        let loss = -libm::log(probabilities[actual.index()].max(LEAST_PROBABILITY));
        self.log_loss_micros += micros(loss);
        for (class, probability) in probabilities.iter().enumerate() {
            let tenth = ((probability * CALIBRATION_BINS as f64) as usize).min(CALIBRATION_BINS - 1);
            let bin = &mut self.calibration[class * CALIBRATION_BINS + tenth];
            bin.rows += 1;
            bin.predicted_micros += micros(*probability);
            bin.observed += u64::from(class == actual.index());
        }
    }

    /// Adds the rows of another tally over the same classes.
    pub fn merge(&mut self, other: &Self) {
        self.confusion.iter_mut().zip(&other.confusion).for_each(|(rows, more)| *rows += more);
        self.log_loss_micros += other.log_loss_micros;
        for (bin, more) in self.calibration.iter_mut().zip(&other.calibration) {
            bin.rows += more.rows;
            bin.predicted_micros += more.predicted_micros;
            bin.observed += more.observed;
        }
    }

    /// Number of judged rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.confusion.iter().sum()
    }
}

/// A number in millionths, rounded to the nearest, halves up; 0 for one below 0. For numbers below 10^9.
///
/// That is `round`, which is a call of the C library wherever not every processor has an instruction for it.
fn micros(number: f64) -> u64 {
    let scaled = number * MICRO;
    let whole = scaled as i64;
    // Exact: both are near each other, and far below 2^53.
    let nearest = whole + i64::from(scaled - whole as f64 >= 0.5);
    u64::try_from(nearest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers of all sizes, and those around which rounding turns.
    fn numbers() -> impl Strategy<Value = f64> {
        let near_a_half = (0_u64..40_000_000, -3_i64..=3).prop_map(|(whole, off)| {
            let half = (whole as f64 + 0.5) / MICRO;
            f64::from_bits(half.to_bits().wrapping_add_signed(off))
        });
        prop_oneof![0.0..1.0_f64, 0.0..40.0_f64, -1e-5..1e-5_f64, near_a_half]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn micros_are_rounded_as_the_library_rounds(number in numbers()) {
            prop_assert_eq!(micros(number), (number * MICRO).round() as u64);
        }
    }
}
