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

/// Whether a job can begin without a sink: if it may lag, and has been this job's before. One that is new to the ledger must
/// be there once, or the next start could not tell it from one that has lost all it had.
fn can_be_away(sink: &SinkSetup, book: &Book) -> bool {
    !sink.required && book.registered().contains_key(sink.sink.name())
}

/// Tries a step of a sink: patiently if the job can't begin without it, else only so often that a hiccup is no absence.
/// `None`: it is away.
pub(super) fn reach<T>(
    sink: &SinkSetup,
    book: &Book,
    what: &str,
    mut step: impl FnMut(&dyn Sink) -> Result<T, Fault>,
) -> Result<Option<T>, Ending> {
    let what = format!("{what} sink {}", sink.sink.name());
    let can_be_away = can_be_away(sink, book);
    let mut tries = 0;
    insist(&what, || {
        tries += 1;
        match step(sink.sink.as_ref()) {
            Err(Fault::Transient(fault)) if can_be_away && tries >= TRIES_OF_LAGGING => {
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
    SinkSurvey { owner: starts.and_then(|_| book.id()), progress }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ids::JobName;
    use crate::ledger::{Entry, EntryBody, Generation};
    use crate::log::{Offset, Partition};
    use crate::memory::MemorySink;

    /// A sink that was away at the very first start was registered unseen, and the second start took it for one that had lost
    /// its progress: the job never began again.
    #[test]
    fn only_a_sink_that_was_there_once_may_be_away() {
        let sink = |required| SinkSetup { sink: Arc::new(MemorySink::new("files")), required, backfill: false };
        let name = sink(false).sink.name().clone();
        let mut book = Book::default();
        let mut write = |body| {
            book.apply(book.next_seq(), &Entry { generation: Generation(1), body }).unwrap();
            book.clone()
        };
        let new = write(EntryBody::Open { job: JobName("job".into()), partitions: 1, nonce: 0 });
        let known = write(EntryBody::Register { sink: name, starts: [(Partition(0), Offset(0))].into() });
        assert!(!can_be_away(&sink(false), &new));
        assert!(can_be_away(&sink(false), &known));
        assert!(!can_be_away(&sink(true), &known));
    }
}
