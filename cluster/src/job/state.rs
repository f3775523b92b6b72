//! Where a job stands, and each legal step from there.
//!
//! ```text
//! queued ─► starting ─► running ─► ending ─► backing off ─► queued (the next generation)
//!   │          │           │          │           │
//!   └──────────┴───────────┴── stop ──┴───────────┘─► stopping ─► stopped, killed
//!              ├───────────┼──────────┤    running, ending ─► completed, failed
//!              └───────────┴──────────┴─► upgrading ─► queued (the next generation, as another specification says)
//! ```
//!
//! What is over stays as it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::Moment;

/// Where a job stands. As JSON: `{"state":"queued","why":"..."}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum JobState {
    /// It waits for room on workers.
    Queued {
        /// What it waits for, in a sentence.
        why: String,
    },
    /// Its processes are being started.
    Starting,
    /// All of its processes are at work.
    Running,
    /// A process ended or was lost; the others are being ended.
    Ending {
        /// What happened first, in a sentence.
        why: String,
    },
    /// It is started again later.
    BackingOff {
        /// When.
        until: Moment,
        /// Why the last generation ended, in a sentence.
        why: String,
    },
    /// Somebody wants it to go on otherwise: the present generation is ended, and the next one follows at once.
    Upgrading {
        /// Since when.
        since: Moment,
        /// How the present generation is ended.
        how: StopHow,
    },
    /// Somebody asked it to end.
    Stopping {
        /// How.
        how: StopHow,
    },
    /// All of its processes ended well.
    Completed,
    /// It can't go on.
    Failed {
        /// Why, in a sentence.
        why: String,
    },
    /// It ended because it was asked to, and had finished what it had begun.
    Stopped,
    /// It was ended at once because somebody asked for it.
    Killed,
}

/// How somebody wants a job to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopHow {
    /// It finishes what it has begun (SIGTERM).
    Stop,
    /// At once (SIGKILL). Nothing is lost or doubled by that either.
    Kill,
}

/// The name of a [`JobState`], without what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// [`JobState::Queued`]
    Queued,
    /// [`JobState::Starting`]
    Starting,
    /// [`JobState::Running`]
    Running,
    /// [`JobState::Ending`]
    Ending,
    /// [`JobState::BackingOff`]
    BackingOff,
    /// [`JobState::Upgrading`]
    Upgrading,
    /// [`JobState::Stopping`]
    Stopping,
    /// [`JobState::Completed`]
    Completed,
    /// [`JobState::Failed`]
    Failed,
    /// [`JobState::Stopped`]
    Stopped,
    /// [`JobState::Killed`]
    Killed,
}

impl JobState {
    /// Which one it is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Queued { .. } => Phase::Queued,
            Self::Starting => Phase::Starting,
            Self::Running => Phase::Running,
            Self::Ending { .. } => Phase::Ending,
            Self::BackingOff { .. } => Phase::BackingOff,
            Self::Upgrading { .. } => Phase::Upgrading,
            Self::Stopping { .. } => Phase::Stopping,
            Self::Completed => Phase::Completed,
            Self::Failed { .. } => Phase::Failed,
            Self::Stopped => Phase::Stopped,
            Self::Killed => Phase::Killed,
        }
    }

    /// Whether it is over for good.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase().next().is_empty()
    }
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Starting,
        Self::Running,
        Self::Ending,
        Self::BackingOff,
        Self::Upgrading,
        Self::Stopping,
        Self::Completed,
        Self::Failed,
        Self::Stopped,
        Self::Killed,
    ];

    /// Where a job may go from here: the one place that says it.
    #[must_use]
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Queued => &[Self::Starting, Self::Failed, Self::Stopped, Self::Killed],
            Self::Starting => &[Self::Running, Self::Ending, Self::Upgrading, Self::Stopping],
            Self::Running => &[Self::Ending, Self::Upgrading, Self::Stopping, Self::Completed],
            Self::Ending => &[Self::BackingOff, Self::Upgrading, Self::Stopping, Self::Completed, Self::Failed],
            Self::BackingOff => &[Self::Queued, Self::Stopped, Self::Killed],
            Self::Upgrading => &[Self::Upgrading, Self::Queued, Self::Stopping],
            Self::Stopping => &[Self::Stopping, Self::Stopped, Self::Killed],
            Self::Completed | Self::Failed | Self::Stopped | Self::Killed => &[],
        }
    }

    /// Whether processes of it may be at work.
    #[must_use]
    pub const fn has_processes(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Ending | Self::Upgrading | Self::Stopping)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Ending => "ending",
            Self::BackingOff => "backing off",
            Self::Upgrading => "upgrading",
            Self::Stopping => "stopping",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_and_all_else_can_end() {
        let mut reaches_an_end = vec![Phase::Completed, Phase::Failed, Phase::Stopped, Phase::Killed];
        assert!(reaches_an_end.iter().all(|phase| phase.next().is_empty()));
        let others: Vec<Phase> = Phase::ALL.into_iter().filter(|phase| !reaches_an_end.contains(phase)).collect();
        for _ in &others {
            let more: Vec<Phase> = others
                .iter()
                .copied()
                .filter(|phase| phase.next().iter().any(|next| reaches_an_end.contains(next)))
                .collect();
            reaches_an_end.extend(more);
        }
        assert!(others.iter().all(|phase| reaches_an_end.contains(phase)));
    }

    #[test]
    fn a_state_says_what_it_is_in_json() {
        let state = JobState::Queued { why: "it needs 4 cores".to_owned() };
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(json, r#"{"state":"queued","why":"it needs 4 cores"}"#);
        assert_eq!(serde_json::from_str::<JobState>(&json).unwrap(), state);
        assert_eq!(serde_json::to_string(&JobState::Running).unwrap(), r#"{"state":"running"}"#);
    }
}
