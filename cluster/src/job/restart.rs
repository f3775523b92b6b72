//! How often a job that ends is started again, and after which pause. Pure.
//!
//! Only a job's own crashes are counted against it. What it needs may be away for a night, and workers may be stopped one after
//! another: a job that shall run for ever does.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a job's lives may cost before it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So many lives in a row may end by their own fault: then the job has failed.
    pub lives: u32,
    /// A life that was up for so long has been a healthy one, and what was before it is forgotten.
    pub healthy: Duration,
    /// The pause before the second life; each is twice the one before.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

/// Why a life ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Something was done to it: its worker was lost or stopped.
    Nobody,
    /// Something that it needs was not to be had.
    Elsewhere,
    /// It crashed.
    Itself,
}

/// Lives in a row that have ended before their time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strikes {
    /// All but those that somebody else ended.
    pub all: u32,
    /// By their own fault.
    pub own: u32,
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

impl Strikes {
    /// One more life has ended, which was up for `up`.
    #[must_use]
    pub fn and(self, blame: Blame, up: Duration, budget: &Budget) -> Self {
        let before = if up >= budget.healthy { Self::default() } else { self };
        Self {
            all: before.all.saturating_add(u32::from(blame != Blame::Nobody)),
            own: before.own.saturating_add(u32::from(blame == Blame::Itself)),
        }
    }
}

impl Budget {
    /// The pause before the next life; `None` when there shall be none. `chance` is from 0 to 1: jobs that ended together don't
    /// come back together.
    #[must_use]
    pub fn pause(&self, strikes: Strikes, chance: f64) -> Option<Duration> {
        if strikes.own >= self.lives {
            return None;
        }
        let doubled = 1_u32.checked_shl(strikes.all.saturating_sub(1)).unwrap_or(u32::MAX);
        let whole = self.first_pause.saturating_mul(doubled).min(self.longest_pause);
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

    fn after(blames: &[Blame]) -> Strikes {
        blames.iter().fold(Strikes::default(), |strikes, blame| strikes.and(*blame, Duration::ZERO, &BUDGET))
    }

    #[test]
    fn five_crashes_in_a_row_are_the_last_and_a_healthy_life_forgives_all() {
        let pauses: Vec<Option<Duration>> =
            (1..=5).map(|lives| BUDGET.pause(after(&vec![Blame::Itself; lives]), 1.0)).collect();
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(pauses, [millis(200), millis(400), millis(800), millis(1000), None]);
        let four = after(&[Blame::Itself; 4]);
        assert_eq!(four.and(Blame::Itself, Duration::from_secs(59), &BUDGET), Strikes { all: 5, own: 5 });
        assert_eq!(four.and(Blame::Itself, Duration::from_secs(60), &BUDGET), Strikes { all: 1, own: 1 });
    }

    /// Five workers that were stopped in turn, and brokers that were away for three minutes, ended a stream for good.
    #[test]
    fn what_is_not_its_own_fault_never_ends_a_job() {
        assert_eq!(after(&[Blame::Nobody; 100]), Strikes::default());
        assert_eq!(BUDGET.pause(after(&[Blame::Elsewhere; 100]), 1.0), Some(BUDGET.longest_pause));
    }

    proptest! {
        #[test]
        fn a_pause_is_at_least_half_of_the_whole_and_never_longer(all in 1_u32..200, chance in -1.0..2.0) {
            let strikes = Strikes { all, own: 0 };
            let (half, some, whole) = (BUDGET.pause(strikes, 0.0).unwrap(), BUDGET.pause(strikes, chance).unwrap(), BUDGET.pause(strikes, 1.0).unwrap());
            prop_assert!(half <= some && some <= whole && whole <= BUDGET.longest_pause && half * 2 >= whole);
        }
    }
}
