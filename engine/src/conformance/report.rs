//! What is said when a connector breaks a rule.

use thiserror::Error;

use crate::contract::Fault;

/// A rule that a connector broke.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("broken rule: {rule}. Seen: {seen}. To see it again: seed {seed}")]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// What was seen instead.
    pub seen: String,
    /// The seed of the random choices that led there.
    pub seed: u64,
}

/// Turns what is seen into violations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    seed: u64,
}

impl Judge {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The violation of a rule.
    pub(super) fn broken(self, rule: &'static str, seen: impl Into<String>) -> Violation {
        Violation { rule, seen: seen.into(), seed: self.seed }
    }

    /// A rule that must hold; `seen` says what is so instead.
    pub(super) fn ensure(
        self,
        rule: &'static str,
        holds: bool,
        seen: impl FnOnce() -> String,
    ) -> Result<(), Violation> {
        if holds { Ok(()) } else { Err(self.broken(rule, seen())) }
    }

    /// A call that must work.
    pub(super) fn works<T>(self, rule: &'static str, result: Result<T, Fault>) -> Result<T, Violation> {
        result.map_err(|fault| self.broken(rule, format!("{fault:?}")))
    }

    /// A call that must fail for good; gives the sentence that says why.
    pub(super) fn refused<T>(self, rule: &'static str, result: Result<T, Fault>) -> Result<String, Violation> {
        match result {
            Err(Fault::Permanent(permanent)) => Ok(permanent.0),
            Err(other) => Err(self.broken(rule, format!("{other:?}, which is not permanent"))),
            Ok(_) => Err(self.broken(rule, "it was allowed")),
        }
    }
}
