//! How patient a start is with servers that are away.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Ending;
use super::retry::Trial;
use super::setup::SinkSetup;
use crate::clock::Clock;
use crate::contract::{Fault, Sink, SinkSurvey};
use crate::http::Health;
use crate::ledger::Book;
use crate::log::Reached;

/// How often a transient fault of a sink that may lag is tried again before the job begins without it.
const TRIES_OF_LAGGING: u32 = 3;

/// Tries steps of a start again while their faults are transient, but not for ever.
#[derive(Clone, Debug)]
pub(super) struct Insistence {
    pub(super) health: Health,
    pub(super) clock: Arc<dyn Clock>,
    /// How long one step is tried.
    pub(super) patience: Duration,
}

impl Insistence {
    /// Tries a step; `what` says what it does.
    pub(super) fn insist<T>(&self, what: &str, mut step: impl FnMut() -> Result<T, Fault>) -> Result<T, Ending> {
        let (mut trial, begun) = (Trial::new(what, &self.health), self.clock.now());
        loop {
            match step() {
                Err(Fault::Transient(fault)) => {
                    let tried = self.clock.now().saturating_sub(begun);
                    if tried >= self.patience {
                        let (seconds, tries) = (tried.as_secs(), trial.tries() + 1);
                        return Err(Ending::Failed(format!("{what}: {fault} (tried {tries} times in {seconds} s)")));
                    }
                    thread::sleep(trial.failed(&fault));
                }
                outcome => {
                    trial.worked();
                    return outcome.map_err(Ending::from);
                }
            }
        }
    }
}

/// Whether a job can begin without a sink: if it may lag, and has been this job's before. One that is new to the ledger must
/// be there once, or the next start could not tell it from one that has lost all it had; so must one that gets new partitions.
fn can_be_away(sink: &SinkSetup, book: &Book) -> bool {
    let starts = book.registered().get(sink.sink.name());
    !sink.required && starts.is_some_and(|starts| starts.len() == book.partitions() as usize)
}

/// Tries a step of a sink: patiently if the job can't begin without it, else only so often that a hiccup is no absence.
/// `None`: it is away.
pub(super) fn reach<T>(
    start: &Insistence,
    sink: &SinkSetup,
    book: &Book,
    what: &str,
    mut step: impl FnMut(&dyn Sink) -> Result<T, Fault>,
) -> Result<Option<T>, Ending> {
    let what = format!("{what} sink {}", sink.sink.name());
    let can_be_away = can_be_away(sink, book);
    let mut tries = 0;
    start.insist(&what, || {
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
    use super::*;
    use crate::clock::ManualClock;
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

    #[test]
    fn a_step_is_tried_for_so_long_and_then_said_to_have_failed() {
        let clock = ManualClock::default();
        let start =
            Insistence { health: Health::new(), clock: Arc::new(clock.clone()), patience: Duration::from_secs(3) };
        let mut tries = 0;
        let ended = start.insist::<()>("asking the request log", || {
            tries += 1;
            clock.advance(Duration::from_secs(1));
            Err(Fault::transient("no broker answers"))
        });
        let told = "asking the request log: no broker answers (tried 3 times in 3 s)";
        assert_eq!((ended, tries), (Err(Ending::Failed(told.to_owned())), 3));
        assert!(start.health.report().waits_for.is_empty());
        assert_eq!(start.insist("x", || Ok(7)), Ok(7));
        let permanent = start.insist::<()>("x", || Err(Fault::permanent("no such topic")));
        assert_eq!(permanent, Err(Ending::Failed("no such topic".to_owned())));
    }
}
