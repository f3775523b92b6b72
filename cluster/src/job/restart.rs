//! How often a job that ends is started again, and after which pause. Pure.

use std::time::Duration;

/// What a job's lives may cost before it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So many lives in a row may end before their time: then the job has failed.
    pub lives: u32,
    /// A life that was up for so long has been a healthy one, and what was before it is forgotten.
    pub healthy: Duration,
    /// The pause before the second life; each is twice the one before.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            lives: 5,
            healthy: Duration::from_secs(60),
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(30),
        }
    }
}

impl Budget {
    /// How many lives in a row have ended before their time, with one that was up for `up`, and `before` before it.
    #[must_use]
    pub fn failures(&self, before: u32, up: Duration) -> u32 {
        if up >= self.healthy { 1 } else { before.saturating_add(1) }
    }

    /// The pause before the next life after so many failures; `None` when they are too many. `chance` is from 0 to 1: jobs
    /// that ended together don't come back together.
    #[must_use]
    pub fn pause(&self, failures: u32, chance: f64) -> Option<Duration> {
        if failures >= self.lives {
            return None;
        }
        let doubled =
            self.first_pause.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let whole = doubled.min(self.longest_pause);
        Some(whole.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: Budget = Budget {
        lives: 5,
        healthy: Duration::from_secs(60),
        first_pause: Duration::from_millis(200),
        longest_pause: Duration::from_secs(1),
    };

    #[test]
    fn five_ends_in_a_row_are_the_last_and_a_healthy_life_forgives_all() {
        let pauses: Vec<Option<Duration>> = (1..=5).map(|failures| BUDGET.pause(failures, 1.0)).collect();
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(pauses, [millis(200), millis(400), millis(800), millis(1000), None]);
        assert_eq!(BUDGET.failures(4, Duration::from_secs(59)), 5);
        assert_eq!(BUDGET.failures(4, Duration::from_secs(60)), 1);
    }

    proptest! {
        #[test]
        fn a_pause_is_at_least_half_of_the_whole_and_never_longer(failures in 1_u32..200, chance in -1.0..2.0) {
            let budget = Budget { lives: u32::MAX, ..BUDGET };
            let (half, some, whole) = (budget.pause(failures, 0.0).unwrap(), budget.pause(failures, chance).unwrap(), budget.pause(failures, 1.0).unwrap());
            prop_assert!(half <= some && some <= whole && whole <= budget.longest_pause && half * 2 >= whole);
        }
    }
}
