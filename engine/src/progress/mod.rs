//! Progress of a job, stage by stage, for a person who watches standard error, and the wall time of each stage.
//!
//! A [`Progress`] is made before the workers start; its [`Stage`]s are cloned into their closures. Workers only count;
//! a thread of its own draws. It counts this process's work only: a cluster's other processes show their own.

mod draw;
mod pace;
mod stage;
mod words;

use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, PoisonError};

use draw::{Bell, Drawing, Stages};
use stage::StageState;

pub use stage::{Stage, Unit};

use crate::clock::{Clock, SystemClock};

/// The progress of one job. Drop it (or call [`Progress::finish`]) before the report is written: that draws the last
/// lines and takes the bars away.
#[derive(Debug)]
pub struct Progress {
    stages: Stages,
    clock: Arc<dyn Clock>,
    bell: Arc<Bell>,
    drawing: Mutex<Option<Drawing>>,
}

impl Progress {
    /// Draws to standard error: bars if it is a terminal, else plain lines.
    pub fn to_stderr() -> Self {
        let progress = Self::hidden();
        let drawing = Drawing::start(
            Arc::clone(&progress.stages),
            Arc::clone(&progress.clock),
            Arc::clone(&progress.bell),
            stderr().is_terminal(),
        );
        Self { drawing: Mutex::new(Some(drawing)), ..progress }
    }

    /// Draws nothing, and still measures the time of each stage.
    pub fn hidden() -> Self {
        Self::with_clock(Arc::new(SystemClock::new()))
    }

    /// Draws nothing and takes the time from `clock`.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { stages: Stages::default(), clock, bell: Arc::default(), drawing: Mutex::default() }
    }

    /// Adds a stage that `parts` local workers will each start once and end once.
    pub fn stage(&self, name: &'static str, unit: Unit, parts: usize) -> Stage {
        let state = StageState::new(name, unit, parts, Arc::clone(&self.clock), Arc::clone(&self.bell));
        let state = Arc::new(state);
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&state));
        Stage::new(state)
    }

    /// The wall seconds of each stage that has ended, in the order in which the stages were made.
    pub fn seconds(&self) -> Vec<(&'static str, f64)> {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.iter().filter_map(|stage| stage.seconds()).collect()
    }

    /// Draws the last lines and stops drawing; [`seconds`](Progress::seconds) can still be asked for.
    pub fn finish(&self) {
        *self.drawing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn seconds_come_in_the_order_of_creation_and_only_for_what_has_ended() {
        let clock = ManualClock::new();
        let progress = Progress::with_clock(Arc::new(clock.clone()));
        let [read, grow, save] = ["read", "grow", "save"].map(|name| progress.stage(name, Unit::Rows, 1));
        save.start(0);
        read.start(0);
        clock.advance(Duration::from_millis(250));
        save.end();
        clock.advance(Duration::from_millis(250));
        read.end();
        grow.start(0);
        assert_eq!(progress.seconds(), [("read", 0.5), ("save", 0.25)]);
        progress.finish();
        assert_eq!(progress.seconds().len(), 2);
    }
}
