//! How long to wait before something that failed is tried again. The caller waits.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The first wait, before jitter.
const FIRST: Duration = Duration::from_millis(50);
/// The longest wait, before jitter.
const LONGEST: Duration = Duration::from_secs(5);

/// A row of tries that failed. Each wait is twice the one before, from 50 ms up to five seconds, and spread over half of
/// itself.
#[derive(Clone, Debug)]
pub struct Backoff {
    seed: u64,
    tries: u32,
}

impl Backoff {
    /// No try has failed yet. Different names wait differently, and so do different processes, so that many who fail together
    /// don't return together.
    #[must_use]
    pub fn of(what: &str) -> Self {
        Self::new(xxh3_64_with_seed(what.as_bytes(), u64::from(std::process::id())))
    }

    const fn new(seed: u64) -> Self {
        Self { seed, tries: 0 }
    }

    /// A try has failed; how long to wait.
    pub fn next_wait(&mut self) -> Duration {
        let wait = FIRST.saturating_mul(1 << self.tries.min(10)).min(LONGEST);
        let chance = xxh3_64_with_seed(&self.tries.to_le_bytes(), self.seed) as f64 / u64::MAX as f64;
        self.tries = self.tries.saturating_add(1);
        wait.mul_f64(0.5 + chance / 2.0)
    }

    /// A try has worked.
    pub const fn succeeded(&mut self) {
        self.tries = 0;
    }

    /// How many tries have failed in a row.
    #[must_use]
    pub const fn tries(&self) -> u32 {
        self.tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_start_anew_after_success() {
        let mut backoff = Backoff::new(7);
        let waits: Vec<Duration> = (0..20).map(|_| backoff.next_wait()).collect();
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2);
        assert!(waits[10..].iter().all(|wait| *wait <= LONGEST && *wait >= LONGEST / 2));
        assert!(waits[8] > waits[0]);
        assert_eq!(backoff.tries(), 20);
        backoff.succeeded();
        assert!(backoff.next_wait() <= FIRST);
    }
}
