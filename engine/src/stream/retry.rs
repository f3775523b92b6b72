//! What is tried again: how long to wait before the next try, and who is told. The caller waits.
//!
//! Invariants: whatever fails in passing is named by the job's health from its first fault on until it works; the log names
//! it at once, and then ever more seldom.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::contract::Transient;
use crate::http::Health;

/// The first wait, before jitter.
const FIRST: Duration = Duration::from_millis(50);
/// The longest wait, before jitter.
const LONGEST: Duration = Duration::from_secs(5);

/// A row of tries that failed.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    seed: u64,
    tries: u32,
}

impl Backoff {
    /// No try has failed yet. Different seeds wait differently, so that many who fail together don't return together.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, tries: 0 }
    }

    /// A try has failed: the wait doubles, up to five seconds, and is spread over half of itself.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let wait = FIRST.saturating_mul(1 << self.tries.min(10)).min(LONGEST);
        let chance = xxh3_64_with_seed(&self.tries.to_le_bytes(), self.seed) as f64 / u64::MAX as f64;
        self.tries = self.tries.saturating_add(1);
        wait.mul_f64(0.5 + chance / 2.0)
    }

    /// A try has worked.
    pub(crate) fn succeeded(&mut self) {
        self.tries = 0;
    }

    /// How many tries have failed in a row.
    pub(crate) const fn tries(&self) -> u32 {
        self.tries
    }
}

/// Something that may fail in passing, and is tried until it works.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    what: Box<str>,
    health: Health,
    backoff: Backoff,
}

impl Trial {
    /// `what` names it for people: `sink files`. No two of a process have one name, so it is as good as a seed.
    pub(crate) fn new(what: impl Into<Box<str>>, health: &Health) -> Self {
        let what = what.into();
        let backoff = Backoff::new(xxh3_64_with_seed(what.as_bytes(), u64::from(std::process::id())));
        Self { what, health: health.clone(), backoff }
    }

    /// A try has failed. Says how long to wait before the next.
    pub(crate) fn failed(&mut self, fault: &Transient) -> Duration {
        let wait = self.backoff.next_wait();
        self.health.waits_for(&self.what, &fault.0);
        let tries = self.backoff.tries();
        // A server that is away for an hour is a few lines, not hundreds.
        if tries.is_power_of_two() {
            tracing::warn!(tries, "{}: {fault}; trying again", self.what);
        } else {
            tracing::debug!(tries, "{}: {fault}; trying again", self.what);
        }
        wait
    }

    /// It is given up, since somebody must mend it; the job goes on.
    pub(crate) fn gave_up(&self, why: &str) {
        self.health.goes_without(&self.what, why);
    }

    /// A try has worked. Says whether one had failed before.
    pub(crate) fn worked(&mut self) -> bool {
        let is_back = self.backoff.tries() > 0;
        if is_back {
            tracing::info!("{}: works again", self.what);
            self.health.no_longer_waits_for(&self.what);
        }
        self.backoff.succeeded();
        is_back
    }

    /// How many tries have failed in a row.
    pub(crate) const fn tries(&self) -> u32 {
        self.backoff.tries()
    }
}

impl Drop for Trial {
    /// Nobody tries any more.
    fn drop(&mut self) {
        if self.backoff.tries() > 0 {
            self.health.no_longer_waits_for(&self.what);
        }
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

    #[test]
    fn health_names_what_is_tried_again() {
        let health = Health::new();
        let waits_for = || health.report().waits_for.into_iter().collect::<Vec<_>>();
        let mut trial = Trial::new("sink files", &health);
        assert!(!trial.worked());
        trial.failed(&Transient("timed out".to_owned()));
        assert_eq!(waits_for(), [("sink files".to_owned(), "timed out".to_owned())]);
        assert!(trial.worked() && waits_for().is_empty());
        trial.failed(&Transient("timed out".to_owned()));
        trial.gave_up("its quota is full");
        drop(trial);
        assert_eq!(waits_for(), []);
        assert_eq!(health.report().without["sink files"], "its quota is full");
    }
}
