//! The figures that people read, from a tally.

use serde::{Deserialize, Serialize};

use super::tally::{CALIBRATION_BINS, MICRO, Tally};

/// Quality of the predictions of one class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassQuality {
    /// Rows of the class.
    pub rows: u64,
    /// Share of the rows predicted as the class that are of it; 0 when none is predicted so.
    pub precision: f64,
    /// Share of the rows of the class that are predicted as it; 0 when it has none.
    pub recall: f64,
    /// Harmonic mean of both; 0 when both are.
    pub f1: f64,
}

/// A point of a class's reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationPoint {
    /// Rows with a probability in this tenth.
    pub rows: u64,
    /// Their mean predicted probability.
    pub predicted: f64,
    /// The share of them that are of the class.
    pub observed: f64,
}

/// Quality of a forest on some rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Judged rows.
    pub rows: u64,
    /// Share of rows whose class is predicted.
    pub accuracy: f64,
    /// Mean of `-ln(probability of the actual class)`, in nats.
    pub log_loss: f64,
    /// Mean F1 of the classes, each counting the same.
    pub macro_f1: f64,
    /// Accuracy of always saying the most frequent class of these rows: what a model must beat.
    pub base_rate: f64,
    /// By class.
    pub classes: Vec<ClassQuality>,
    /// By actual class, then predicted class.
    pub confusion: Vec<Vec<u64>>,
    /// By class: the tenths of probability that have rows, ascending.
    pub calibration: Vec<Vec<CalibrationPoint>>,
    /// Mean distance of predicted from observed shares over all classes and rows (expected calibration error).
    pub calibration_error: f64,
}

impl Quality {
    /// The figures of a tally; `None` for one without rows.
    #[must_use]
    pub fn of(tally: &Tally) -> Option<Self> {
        let (rows, count) = (tally.rows(), usize::from(tally.classes));
        if rows == 0 {
            return None;
        }
        let confusion: Vec<Vec<u64>> = tally.confusion.chunks(count).map(<[u64]>::to_vec).collect();
        let classes: Vec<ClassQuality> = (0..count).map(|class| class_quality(&confusion, class)).collect();
        let hits: u64 = (0..count).map(|class| confusion[class][class]).sum();
        let most: u64 = classes.iter().map(|class| class.rows).max().unwrap_or(0);
        Some(Self {
            rows,
            accuracy: ratio(hits, rows),
            log_loss: tally.log_loss_micros as f64 / MICRO / rows as f64,
            macro_f1: classes.iter().map(|class| class.f1).sum::<f64>() / count as f64,
            base_rate: ratio(most, rows),
            calibration: (0..count).map(|class| calibration(tally, class)).collect(),
            calibration_error: calibration_error(tally),
            classes,
            confusion,
        })
    }
}

fn class_quality(confusion: &[Vec<u64>], class: usize) -> ClassQuality {
    let rows: u64 = confusion[class].iter().sum();
    let predicted: u64 = confusion.iter().map(|actual| actual[class]).sum();
    let hits = confusion[class][class];
    ClassQuality {
        rows,
        precision: ratio(hits, predicted),
        recall: ratio(hits, rows),
        f1: ratio(2 * hits, rows + predicted),
    }
}

fn calibration(tally: &Tally, class: usize) -> Vec<CalibrationPoint> {
    let tenths = &tally.calibration[class * CALIBRATION_BINS..(class + 1) * CALIBRATION_BINS];
    let filled = tenths.iter().filter(|tenth| tenth.rows > 0);
    let point = |tenth: &super::CalibrationTally| CalibrationPoint {
        rows: tenth.rows,
        predicted: tenth.predicted_micros as f64 / MICRO / tenth.rows as f64,
        observed: ratio(tenth.observed, tenth.rows),
    };
    filled.map(point).collect()
}

fn calibration_error(tally: &Tally) -> f64 {
    let judged: u64 = tally.calibration.iter().map(|tenth| tenth.rows).sum();
    let gaps =
        tally.calibration.iter().map(|tenth| (tenth.predicted_micros as f64 / MICRO - tenth.observed as f64).abs());
    gaps.sum::<f64>() / judged as f64
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Class;

    #[test]
    fn figures_of_four_rows_by_hand() {
        let mut tally = Tally::empty(2);
        for (actual, probability) in [(1, 0.9), (1, 0.4), (0, 0.2), (0, 0.6)] {
            tally.add(Class(actual), &[1.0 - probability, probability]);
        }
        let quality = Quality::of(&tally).unwrap();
        assert_eq!(quality.confusion, [[1, 1], [1, 1]]);
        assert_eq!((quality.accuracy, quality.base_rate, quality.macro_f1), (0.5, 0.5, 0.5));
        let expected: f64 = [0.9_f64, 0.4, 0.8, 0.4].iter().map(|p| -p.ln() / 4.0).sum();
        assert!((quality.log_loss - expected).abs() < 1e-6);
        assert_eq!(quality.calibration[1].len(), 4);
        assert!(Quality::of(&Tally::empty(2)).is_none());
    }

    #[test]
    fn tallies_of_parts_add_up() {
        let (mut whole, mut a, mut b) = (Tally::empty(3), Tally::empty(3), Tally::empty(3));
        for row in 0..200_u32 {
            let p = [f64::from(row % 7), f64::from(row % 5), 1.0];
            let sum: f64 = p.iter().sum();
            let p = p.map(|p| p / sum);
            let actual = Class((row % 3) as u8);
            whole.add(actual, &p);
            if row % 4 == 0 { a.add(actual, &p) } else { b.add(actual, &p) }
        }
        b.merge(&a);
        assert_eq!(whole, b);
    }
}
