//! What is tried again, and who is told. The caller waits.
//!
//! Invariants: whatever fails in passing is named by the job's health from its first fault on until it works; the log names
//! it at once, and then ever more seldom.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::contract::Transient;
use crate::http::Health;

/// Something that may fail in passing, and is tried until it works.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    what: Box<str>,
    health: Health,
    backoff: Backoff,
}

impl Trial {
    /// `what` names it for people: `sink files`. No two of a process have one name.
    pub(crate) fn new(what: impl Into<Box<str>>, health: &Health) -> Self {
        let what = what.into();
        Self { backoff: Backoff::of(&what), what, health: health.clone() }
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
