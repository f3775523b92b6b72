//! How a job is, in a word.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::supervised;

/// What a job is doing. As JSON: `{"state":"failed","reason":"..."}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum HealthState {
    /// It is not ready yet.
    #[default]
    Starting,
    /// It answers requests.
    Running,
    /// It was asked to end, and finishes what it has begun.
    Draining,
    /// It can't go on.
    Failed {
        /// Why, in a sentence.
        reason: String,
    },
}

/// How a job is. As JSON: `{"state":"running","waits_for":{"sink files":"..."}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// What it is doing.
    #[serde(flatten)]
    pub state: HealthState,
    /// What is away just now and tried again, by name, and the fault of the last try.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waits_for: BTreeMap<String, String>,
    /// What the job goes on without until it is started again, by name, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub without: BTreeMap<String, String>,
}

/// A job's health. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<HealthReport>>);

impl Health {
    /// Of a job that starts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// It answers requests from now on; unless it is on its way to its end already.
    pub fn running(&self) {
        self.change(|state| {
            if *state == HealthState::Starting {
                *state = HealthState::Running;
            }
        });
    }

    /// It was asked to end.
    pub fn draining(&self) {
        self.change(|state| {
            if !matches!(state, HealthState::Failed { .. }) {
                *state = HealthState::Draining;
            }
        });
    }

    /// It can't go on. The first reason stays: what comes later follows from it.
    pub fn failed(&self, reason: impl Into<String>) {
        self.change(|state| {
            if !matches!(state, HealthState::Failed { .. }) {
                *state = HealthState::Failed { reason: reason.into() };
            }
        });
    }

    /// Something is away, and will be tried again; `fault` is a sentence.
    pub fn waits_for(&self, what: &str, fault: &str) {
        self.lock().waits_for.insert(what.to_owned(), fault.to_owned());
    }

    /// It works again.
    pub fn no_longer_waits_for(&self, what: &str) {
        self.lock().waits_for.remove(what);
    }

    /// Somebody must mend it, and the job goes on without it meanwhile; `why` is a sentence.
    pub fn goes_without(&self, what: &str, why: &str) {
        self.lock().without.insert(what.to_owned(), why.to_owned());
    }

    /// How it is now.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        self.lock().clone()
    }

    fn change(&self, change: impl FnOnce(&mut HealthState)) {
        let mut report = self.lock();
        let before = report.state.clone();
        change(&mut report.state);
        let has_changed = report.state != before;
        drop(report);
        if has_changed {
            supervised::changed();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HealthReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_goes_one_way_and_keeps_the_first_reason() {
        let health = Health::new();
        let twin = health.clone();
        assert_eq!(health.report().state, HealthState::Starting);
        health.running();
        assert_eq!(twin.report().state, HealthState::Running);
        health.draining();
        health.running();
        assert_eq!(twin.report().state, HealthState::Draining);
        health.failed("disk full");
        health.failed("lost a thread");
        health.draining();
        let json = serde_json::to_string(&health.report()).unwrap();
        assert_eq!(json, r#"{"state":"failed","reason":"disk full"}"#);
    }

    #[test]
    fn what_is_away_is_named_until_it_is_back() {
        let health = Health::new();
        health.running();
        health.waits_for("sink files", "no route");
        health.waits_for("sink files", "timed out");
        let json = serde_json::to_string(&health.report()).unwrap();
        assert_eq!(json, r#"{"state":"running","waits_for":{"sink files":"timed out"}}"#);
        assert_eq!(serde_json::from_str::<HealthReport>(&json).unwrap(), health.report());
        health.no_longer_waits_for("sink files");
        assert_eq!(serde_json::to_string(&health.report()).unwrap(), r#"{"state":"running"}"#);
        health.goes_without("sink files", "its quota is full");
        let json = serde_json::to_string(&health.report()).unwrap();
        assert_eq!(json, r#"{"state":"running","without":{"sink files":"its quota is full"}}"#);
    }
}
