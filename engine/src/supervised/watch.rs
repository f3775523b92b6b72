//! A recorder in each worker of a supervised process, fed from the worker's own log.
//!
//! Timely gathers events in a buffer of its own and hands it over when it is full and after each step, so a lock is taken
//! once a step, not once an event.

use std::sync::PoisonError;
use std::time::Duration;

use timely::logging::{TimelyEvent, TimelyEventBuilder};
use timely::worker::Worker;

use super::BOARD;
use super::board::{Board, SharedRecorder};
use crate::ids::WorkerIndex;

/// How timely calls the log of what its workers do.
const LOG: &str = "timely";

/// From now on what this worker does is told, if the process is supervised. To be called before it builds anything.
pub(crate) fn watch(worker: &Worker) {
    if let Some(board) = BOARD.get() {
        watch_for(board, worker);
    }
}

/// The same, for a board that is given.
pub(super) fn watch_for(board: &Board, worker: &Worker) {
    if let Some(mut logs) = worker.log_register() {
        let recorder = board.recorder(WorkerIndex::new(worker.index()));
        logs.insert::<TimelyEventBuilder, _>(LOG, move |_, events| take(&recorder, events));
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
