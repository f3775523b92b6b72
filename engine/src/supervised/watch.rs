//! A recorder in each worker of a supervised process, fed from the worker's own log.
//!
//! Timely gathers events in a buffer of its own and hands it over when it is full and after each step, so a lock is taken
//! once a step, not once an event.

use std::sync::PoisonError;
use std::time::Duration;

use timely::logging::{TimelyEvent, TimelyEventBuilder};
use timely::worker::Worker;

use super::BOARD;
use super::board::{Board, Run, SharedRecorder};

/// How timely calls the log of what its workers do.
const LOG: &str = "timely";

/// Who watches the workers of a run: nobody, if the process isn't supervised.
#[derive(Debug)]
pub(crate) struct Watch(Option<Run>);

impl Watch {
    /// Of a run that begins; what was told of the one before it is forgotten.
    pub(crate) fn of_new_run() -> Self {
        Self(BOARD.get().map(Board::new_run))
    }

    /// The same, told to a board that is given.
    #[cfg(test)]
    pub(super) fn on(board: &Board) -> Self {
        Self(Some(board.new_run()))
    }

    /// From now on what this worker does is told. To be called before it builds anything.
    pub(crate) fn worker(&self, worker: &Worker) {
        if let (Some(run), Some(mut logs)) = (&self.0, worker.log_register()) {
            let recorder = run.recorder();
            logs.insert::<TimelyEventBuilder, _>(LOG, move |_, events| take(&recorder, events));
        }
    }
}

/// Takes a batch of events, and leaves its memory for the next one.
fn take(recorder: &SharedRecorder, events: &mut Option<Vec<(Duration, TimelyEvent)>>) {
    // A flush without events.
    let Some(events) = events else { return };
    let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    for (at, event) in events.drain(..) {
        recorder.record(at, &event);
    }
}
