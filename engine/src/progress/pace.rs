//! How fast a stage goes now, and how long it still takes: from what was done lately, not from its start.
//!
//! Honest means: no time left is given before it can be known, that is before a second has been watched and something
//! has been done in it; and a stage that stands still has none.

use std::collections::VecDeque;
use std::time::Duration;

/// Older observations than this don't tell how fast it goes now.
const WINDOW: Duration = Duration::from_secs(10);

/// Less than this is too little to tell a rate from.
const SHORTEST: Duration = Duration::from_secs(1);

/// The latest observations of one stage, oldest first.
#[derive(Debug, Default)]
pub(super) struct Pace {
    seen: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// Takes note that `done` units were done when the stage had run for `elapsed`.
    pub(super) fn observe(&mut self, elapsed: Duration, done: u64) {
        self.seen.push_back((elapsed, done));
        // One observation at or before the window's beginning stays, so that the window is whole.
        while self.seen.get(1).is_some_and(|(second, _)| elapsed.saturating_sub(*second) >= WINDOW) {
            self.seen.pop_front();
        }
    }

    /// Units per second lately.
    pub(super) fn rate(&self) -> Option<f64> {
        let ((first, before), (last, after)) = (self.seen.front()?, self.seen.back()?);
        let watched = last.saturating_sub(*first);
        (watched >= SHORTEST).then(|| after.saturating_sub(*before) as f64 / watched.as_secs_f64())
    }

    /// The time that `remaining` units take at the rate of late.
    pub(super) fn left(&self, remaining: u64) -> Option<Duration> {
        let rate = self.rate().filter(|rate| *rate > 0.0)?;
        Duration::try_from_secs_f64(remaining as f64 / rate).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn nothing_is_said_before_it_can_be_known() {
        let mut pace = Pace::default();
        assert_eq!(pace.rate(), None);
        pace.observe(seconds(0), 0);
        pace.observe(Duration::from_millis(900), 900);
        assert_eq!((pace.rate(), pace.left(10)), (None, None));
        pace.observe(seconds(2), 2000);
        assert_eq!(pace.rate(), Some(1000.0));
        assert_eq!(pace.left(5000), Some(seconds(5)));
    }

    #[test]
    fn the_rate_is_that_of_the_window() {
        let mut pace = Pace::default();
        // Slow for 100 seconds, then ten times as fast for 20.
        (0..=100).for_each(|second| pace.observe(seconds(second), second));
        (1..=20).for_each(|second| pace.observe(seconds(100 + second), 100 + 10 * second));
        assert_eq!(pace.rate(), Some(10.0));
        assert!(pace.seen.len() <= 12, "old observations are forgotten");
    }

    #[test]
    fn a_stage_that_stands_still_has_no_time_left() {
        let mut pace = Pace::default();
        (0..30).for_each(|second| pace.observe(seconds(second), 7));
        assert_eq!((pace.rate(), pace.left(1)), (Some(0.0), None));
    }
}
