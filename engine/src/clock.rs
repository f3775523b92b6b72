//! A monotonic clock that is handed in, so that whatever depends on time can be tested without waiting.
//!
//! It tells the time since its own start and never goes backwards. It knows no date: wall-clock time is nobody's
//! input here.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Tells the time since some start of its own.
pub trait Clock: Debug + Send + Sync {
    /// The time since this clock's start. Never less than an earlier answer.
    fn now(&self) -> Duration;
}

/// The operating system's monotonic clock, from 0 when it was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// A clock that starts now.
    #[allow(clippy::new_without_default, reason = "a default value that depends on when it was asked for misleads")]
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A clock that stands still until it is told to go on. Clones share one time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the time on (to at most 584 years: it counts nanoseconds in 64 bits).
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_for_all_its_clones() {
        let clock = ManualClock::new();
        let twin = clock.clone();
        assert_eq!(twin.now(), Duration::ZERO);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(twin.now(), Duration::from_millis(1500));
    }

    #[test]
    fn the_system_clock_never_goes_back() {
        let clock = SystemClock::new();
        let first = clock.now();
        assert!(clock.now() >= first);
    }
}
