//! Counts of times in buckets.

use std::time::Duration;

/// The upper ends of the buckets in seconds, without the last one, which has none.
const ENDS: [f64; 17] =
    [0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// A histogram of times.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    counts: [u64; ENDS.len() + 1],
    pub(super) sum_seconds: f64,
}

impl Histogram {
    /// Counts a time, so many times.
    pub(super) fn add(&mut self, time: Duration, times: u64) {
        let seconds = time.as_secs_f64();
        let bucket = ENDS.partition_point(|end| *end < seconds);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += times;
        }
        #[allow(clippy::cast_precision_loss, reason = "a mean of more than 2^53 requests may be off in its last digit")]
        let times = times as f64;
        self.sum_seconds += seconds * times;
    }

    /// How many times were counted.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Each bucket's upper end in seconds, and how many times fell into it alone.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        ENDS.into_iter().chain([f64::INFINITY]).zip(self.counts).collect()
    }

    /// A time in seconds that `percent` of the times don't exceed: the upper end of a bucket. `None` if nothing was
    /// counted, or if it was longer than the last end.
    pub(super) fn at_most(&self, percent: u64) -> Option<f64> {
        let needed = (u128::from(self.count()) * u128::from(percent)).div_ceil(100);
        let mut seen = 0;
        let reaches = |(_, count): &(f64, u64)| {
            seen += u128::from(*count);
            seen >= needed
        };
        self.buckets().into_iter().find(reaches).map(|(end, _)| end).filter(|end| end.is_finite() && needed > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_first_bucket_that_it_does_not_exceed() {
        let mut histogram = Histogram::default();
        for (millis, times) in [(0, 1), (1, 10), (2, 5), (3, 1), (61_000, 2)] {
            histogram.add(Duration::from_millis(millis), times);
        }
        let filled: Vec<_> = histogram.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.000_2, 1), (0.001, 10), (0.002, 5), (0.005, 1), (f64::INFINITY, 2)]);
        assert_eq!(histogram.count(), 19);
        assert!((histogram.sum_seconds - 122.023).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_ends_of_buckets() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.at_most(50), None);
        histogram.add(Duration::from_millis(4), 98);
        histogram.add(Duration::from_millis(150), 2);
        assert_eq!((histogram.at_most(50), histogram.at_most(98)), (Some(0.005), Some(0.005)));
        assert_eq!(histogram.at_most(99), Some(0.2));
        histogram.add(Duration::from_secs(100), 100);
        assert_eq!((histogram.at_most(50), histogram.at_most(51)), (Some(0.2), None));
    }
}
