//! How patient a start is with servers that are away.

use std::thread;

use super::Ending;
use super::retry::Backoff;
use super::setup::SinkSetup;
use crate::contract::{Fault, Sink, SinkSurvey};
use crate::ledger::Book;
use crate::log::Reached;

/// How often a transient fault is tried again before the start is given up: about half a minute.
const TRIES: u32 = 12;
/// The same for a sink that may lag.
const TRIES_OF_LAGGING: u32 = 3;

/// Tries a step again while its faults are transient, but not for ever.
pub(super) fn insist<T>(what: &str, mut step: impl FnMut() -> Result<T, Fault>) -> Result<T, Ending> {
    let mut backoff = Backoff::new(0x57a7);
    loop {
        match step() {
            Err(Fault::Transient(fault)) if backoff.tries() < TRIES => {
                tracing::warn!("{what}: {fault}; trying again");
                thread::sleep(backoff.next_wait());
            }
            outcome => return outcome.map_err(Ending::from),
        }
    }
}

/// Tries a step of a sink: patiently if it is required, else only so often that a hiccup is no absence. `None`: it is away.
pub(super) fn reach<T>(
    sink: &SinkSetup,
    what: &str,
    mut step: impl FnMut(&dyn Sink) -> Result<T, Fault>,
) -> Result<Option<T>, Ending> {
    let what = format!("{what} sink {}", sink.sink.name());
    let mut tries = 0;
    insist(&what, || {
        tries += 1;
        match step(sink.sink.as_ref()) {
            Err(Fault::Transient(fault)) if !sink.required && tries >= TRIES_OF_LAGGING => {
                tracing::warn!("{what}: {fault}; the job begins without it");
                Ok(None)
            }
            outcome => outcome.map(Some),
        }
    })
}

/// What is assumed of a sink that is away: that it is as it was left.
pub(super) fn unseen(sink: &SinkSetup, book: &Book) -> SinkSurvey {
    let starts = book.registered().get(sink.sink.name());
    let progress = starts.into_iter().flatten().map(|(partition, at)| (*partition, Reached::start(*at))).collect();
    SinkSurvey { owner: starts.and(book.job()).cloned(), progress }
}
