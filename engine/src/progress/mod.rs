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
use crate::supervised::{self, StageReport};

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
    /// Draws to standard error: bars if it is a terminal, else plain lines. The agent of a supervised process is told, too.
    pub fn to_stderr() -> Self {
        let progress = Self::hidden();
        supervised::show_stages(progress.shown());
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

    /// Its stages, those that are still to be made included, for someone else to look at.
    pub(crate) fn shown(&self) -> ShownStages {
        ShownStages { stages: Arc::clone(&self.stages), clock: Arc::clone(&self.clock) }
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

/// The stages of a [`Progress`], to be looked at from elsewhere, also when that is gone.
#[derive(Clone, Debug)]
pub(crate) struct ShownStages {
    stages: Stages,
    clock: Arc<dyn Clock>,
}

impl ShownStages {
    /// How each stage stands now, in the order in which they were made.
    pub(crate) fn reports(&self) -> Vec<StageReport> {
        let now = self.clock.now();
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.iter().map(|stage| stage.report(now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;
    use crate::supervised::StagePhase;

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

    #[test]
    fn who_looks_from_elsewhere_sees_each_stage_as_it_stands() {
        let clock = ManualClock::new();
        let progress = Progress::with_clock(Arc::new(clock.clone()));
        let shown = progress.shown();
        let [read, grow, _save] = ["read", "grow", "save"].map(|name| progress.stage(name, Unit::Rows, 1));
        read.start(2);
        read.add(2);
        clock.advance(Duration::from_millis(500));
        read.end();
        grow.start(10);
        grow.add(3);
        clock.advance(Duration::from_millis(250));
        drop(progress);
        let report = |name: &str, total, done, state, seconds| StageReport {
            name: name.to_owned(),
            unit: Unit::Rows,
            total,
            done,
            state,
            seconds,
        };
        let expected = [
            report("read", Some(2), 2, StagePhase::Ended, 0.5),
            report("grow", Some(10), 3, StagePhase::Running, 0.25),
            report("save", None, 0, StagePhase::Waiting, 0.0),
        ];
        assert_eq!(shown.reports(), expected);
    }
}
