//! How a job is, in a word.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

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

/// A job's health. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<HealthState>>);

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

    /// What it is doing now.
    #[must_use]
    pub fn state(&self) -> HealthState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut HealthState)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_goes_one_way_and_keeps_the_first_reason() {
        let health = Health::new();
        let twin = health.clone();
        assert_eq!(health.state(), HealthState::Starting);
        health.running();
        assert_eq!(twin.state(), HealthState::Running);
        health.draining();
        health.running();
        assert_eq!(twin.state(), HealthState::Draining);
        health.failed("disk full");
        health.failed("lost a thread");
        health.draining();
        let json = serde_json::to_string(&health.state()).unwrap();
        assert_eq!(json, r#"{"state":"failed","reason":"disk full"}"#);
    }
}
