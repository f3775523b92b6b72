//! The state of one stage, shared by the workers that run it and the thread that draws it.
//!
//! Counting is one relaxed atomic add. Starting and ending take a lock; they happen once per worker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::draw::Bell;
use crate::clock::Clock;
use crate::supervised::{self, StagePhase, StageReport};

/// What a stage counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Rows of data.
    Rows,
    /// Nodes of trees.
    Nodes,
    /// Whole trees.
    Trees,
    /// Bytes; shown in KiB, MiB and so on.
    Bytes,
    /// Files.
    Files,
    /// Levels of all trees together.
    Levels,
}

/// A stage of the work, handed to the workers that run it. Clones are the same stage.
///
/// Each of the stage's `parts` (local workers) calls [`start`](Stage::start) once and [`end`](Stage::end) once.
#[derive(Clone, Debug)]
pub struct Stage(Arc<StageState>);

impl Stage {
    pub(super) fn new(state: Arc<StageState>) -> Self {
        Self(state)
    }

    /// Says that this part begins, and how many units it has to do. The first part's start starts the clock.
    ///
    /// The shares of all parts are added up. A part with nothing to do says 0; if the stage's size can't be known, all
    /// parts say 0, and then there is no percent and no time left.
    pub fn start(&self, total: u64) {
        self.0.total.fetch_add(total, Ordering::Relaxed);
        let mut times = self.0.times();
        times.started_parts += 1;
        if times.start.is_none() {
            times.start = Some(self.0.clock.now());
            drop(times);
            supervised::changed();
        }
    }

    /// Counts units as done. Cheap: one relaxed atomic add.
    pub fn add(&self, units: u64) {
        self.0.done.fetch_add(units, Ordering::Relaxed);
    }

    /// Says that this part is done. The last part's end stops the clock.
    pub fn end(&self) {
        let mut times = self.0.times();
        times.ended_parts += 1;
        if times.ended_parts == self.0.parts {
            times.end = Some(self.0.clock.now());
            drop(times);
            self.0.bell.ring();
            supervised::changed();
        }
    }
}

/// What clones of a [`Stage`] share.
#[derive(Debug)]
pub(super) struct StageState {
    name: &'static str,
    unit: Unit,
    parts: usize,
    clock: Arc<dyn Clock>,
    bell: Arc<Bell>,
    total: AtomicU64,
    done: AtomicU64,
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    started_parts: usize,
    ended_parts: usize,
    start: Option<Duration>,
    end: Option<Duration>,
}

/// A look at a stage that has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// Units done so far.
    pub(super) done: u64,
    /// Units in all, once every part has said its share; never less than `done`.
    pub(super) total: Option<u64>,
    /// From the first start until the end, or until now.
    pub(super) elapsed: Duration,
    pub(super) ended: bool,
}

impl StageState {
    pub(super) fn new(name: &'static str, unit: Unit, parts: usize, clock: Arc<dyn Clock>, bell: Arc<Bell>) -> Self {
        Self {
            name,
            unit,
            parts,
            clock,
            bell,
            total: AtomicU64::new(0),
            done: AtomicU64::new(0),
            times: Mutex::default(),
        }
    }

    /// How the stage stands at `now`; `None` before its first start.
    pub(super) fn look(&self, now: Duration) -> Option<Snapshot> {
        let times = self.times();
        let start = times.start?;
        let done = self.done.load(Ordering::Relaxed);
        let total = self.total.load(Ordering::Relaxed);
        // A share that was guessed too small is as good as none.
        let known = times.started_parts >= self.parts && total > 0 && done <= total;
        Some(Snapshot {
            name: self.name,
            unit: self.unit,
            done,
            total: known.then_some(total),
            elapsed: times.end.unwrap_or(now).saturating_sub(start),
            ended: times.end.is_some(),
        })
    }

    /// How the stage stands at `now`, whether it has started or not.
    pub(super) fn report(&self, now: Duration) -> StageReport {
        let look = self.look(now);
        StageReport {
            name: self.name.to_owned(),
            unit: self.unit,
            total: look.and_then(|look| look.total),
            done: look.map_or(0, |look| look.done),
            state: match look {
                None => StagePhase::Waiting,
                Some(look) if look.ended => StagePhase::Ended,
                Some(_) => StagePhase::Running,
            },
            seconds: look.map_or(0.0, |look| look.elapsed.as_secs_f64()),
        }
    }

    /// The stage's name and wall seconds, once it has ended.
    pub(super) fn seconds(&self) -> Option<(&'static str, f64)> {
        let times = self.times();
        let (start, end) = times.start.zip(times.end)?;
        Some((self.name, end.saturating_sub(start).as_secs_f64()))
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn stage(parts: usize) -> (ManualClock, Arc<StageState>, Stage) {
        let clock = ManualClock::new();
        let state =
            Arc::new(StageState::new("read", Unit::Rows, parts, Arc::new(clock.clone()), Arc::new(Bell::default())));
        (clock, Arc::clone(&state), Stage::new(state))
    }

    #[test]
    fn the_clock_runs_from_the_first_start_to_the_last_end() {
        let (clock, state, stage) = stage(2);
        clock.advance(Duration::from_secs(10));
        assert_eq!(state.look(clock.now()), None);
        stage.start(5);
        clock.advance(Duration::from_secs(1));
        stage.start(7);
        stage.end();
        clock.advance(Duration::from_secs(2));
        assert_eq!(state.seconds(), None);
        stage.end();
        clock.advance(Duration::from_secs(4));
        assert_eq!(state.seconds(), Some(("read", 3.0)));
        let look = state.look(clock.now()).unwrap();
        assert_eq!((look.elapsed, look.ended), (Duration::from_secs(3), true));
    }

    #[test]
    fn a_total_is_known_when_all_parts_have_said_theirs_and_it_holds() {
        let (clock, state, stage) = stage(3);
        let total = || state.look(clock.now()).unwrap().total;
        stage.start(5);
        stage.start(0);
        assert_eq!(total(), None, "one part is still to say its share");
        stage.start(7);
        assert_eq!(total(), Some(12));
        stage.add(12);
        assert_eq!(total(), Some(12));
        stage.add(1);
        assert_eq!(total(), None, "more was done than was said");
    }

    #[test]
    fn a_stage_of_unknown_size_has_no_total() {
        let (clock, state, stage) = stage(1);
        stage.start(0);
        assert_eq!(state.look(clock.now()).unwrap().total, None);
    }
}
