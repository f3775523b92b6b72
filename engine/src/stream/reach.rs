//! How patient a start is with servers that are away.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::retry::Trial;
use super::setup::SinkSetup;
use super::{Ending, threads};
use crate::clock::Clock;
use crate::contract::{Fault, Sink, SinkName, SinkSurvey, Transient};
use crate::http::Health;
use crate::ledger::Book;
use crate::log::{Partition, Reached};

/// How long a start waits for the survey of a sink that it can begin without. A store's client may try for many seconds by
/// itself before it says that nobody is there, and as long nobody would be answered.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Tries steps of a start again while their faults are transient, but not for ever.
#[derive(Clone, Debug)]
pub(super) struct Insistence {
    pub(super) health: Health,
    pub(super) clock: Arc<dyn Clock>,
    /// How long one step is tried, from its first fault on.
    pub(super) patience: Duration,
}

impl Insistence {
    /// Tries a step; `what` says what it does.
    pub(super) fn insist<T>(&self, what: &str, mut step: impl FnMut() -> Result<T, Fault>) -> Result<T, Ending> {
        // From the first fault on: a process that was stopped in the midst of a try has not tried for long.
        let (mut trial, mut begun) = (Trial::new(what, &self.health), None);
        loop {
            match step() {
                Err(Fault::Transient(fault)) => {
                    let now = self.clock.now();
                    let tried = now.saturating_sub(*begun.get_or_insert(now));
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
pub(super) fn can_be_away(sink: &SinkSetup, book: &Book) -> bool {
    let starts = book.registered().get(sink.sink.name());
    !sink.required && starts.is_some_and(|starts| starts.len() == book.partitions() as usize)
}

/// What a step of a sink gives, or why the sink is away.
pub(super) type Found<T> = Result<T, Transient>;

/// Sinks that a start of this process has found away, and what they failed with. Nobody looks for them again until the job
/// runs: each step would wait anew for a server that says nothing, and a sink that comes back catches up by itself.
#[derive(Debug, Default)]
pub(super) struct Absent(Mutex<BTreeMap<SinkName, Transient>>);

impl Absent {
    fn sinks(&self) -> MutexGuard<'_, BTreeMap<SinkName, Transient>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, name: &SinkName, what: &str, fault: &Transient) {
        tracing::warn!("{what}: {fault}; the job begins without it, and brings it up when it answers");
        self.sinks().insert(name.clone(), fault.clone());
    }
}

/// The survey of a sink that [can be away](can_be_away), made beside those of all others. A thread that is left alone with it
/// has only read, and ends when its client gives up.
#[derive(Debug)]
pub(super) struct Look {
    sink: SinkName,
    begun: Instant,
    survey: Receiver<Result<SinkSurvey, Fault>>,
}

impl Look {
    /// Begins to ask.
    pub(super) fn begin(sink: &SinkSetup, partitions: Vec<Partition>) -> Result<Self, Ending> {
        let (name, sink, (tell, survey)) = (sink.sink.name().clone(), Arc::clone(&sink.sink), mpsc::channel());
        // Nobody hears it who has waited for long enough.
        threads::begin(&format!("look-{name}"), move || drop(tell.send(sink.survey(&partitions))))?;
        Ok(Self { sink: name, begun: Instant::now(), survey })
    }

    /// What it says within so long from its beginning.
    pub(super) fn hear(self, limit: Duration, absent: &Absent) -> Result<Found<SinkSurvey>, Ending> {
        let what = format!("looking at sink {}", self.sink);
        let survey = self.survey.recv_timeout(limit.saturating_sub(self.begun.elapsed()));
        let silence = |silence| match silence {
            RecvTimeoutError::Timeout => Fault::transient(format!("no answer within {limit:?}")),
            RecvTimeoutError::Disconnected => Fault::permanent(format!("{what} has panicked (bug)")),
        };
        match survey.map_err(silence).flatten() {
            Err(Fault::Transient(fault)) => {
                absent.add(&self.sink, &what, &fault);
                Ok(Err(fault))
            }
            survey => survey.map(Ok).map_err(Ending::from),
        }
    }
}

/// Tries a step of a sink: patiently if the job can't begin without it, else once.
pub(super) fn reach<T>(
    start: &Insistence,
    absent: &Absent,
    sink: &SinkSetup,
    book: &Book,
    what: &str,
    mut step: impl FnMut(&dyn Sink) -> Result<T, Fault>,
) -> Result<Found<T>, Ending> {
    let name = sink.sink.name();
    if let Some(fault) = absent.sinks().get(name) {
        return Ok(Err(fault.clone()));
    }
    let what = format!("{what} sink {name}");
    start.insist(&what, || match step(sink.sink.as_ref()) {
        Err(Fault::Transient(fault)) if can_be_away(sink, book) => {
            absent.add(name, &what, &fault);
            Ok(Err(fault))
        }
        outcome => outcome.map(Ok),
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

    /// Longer than any answer takes on a busy machine.
    const LONG: Duration = Duration::from_secs(60);

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

    /// With HDFS away a start looked for it in each of its steps, three times, and nobody was answered for half a minute.
    #[test]
    fn a_sink_that_is_away_is_looked_for_once() {
        let clock = ManualClock::default();
        let start = Insistence { health: Health::new(), clock: Arc::new(clock), patience: Duration::from_secs(3) };
        let memory = MemorySink::new("files");
        let sink = SinkSetup { sink: Arc::new(memory.clone()), required: false, backfill: false };
        let mut book = Book::default();
        for body in [
            EntryBody::Open { job: JobName("job".into()), partitions: 1, nonce: 0 },
            EntryBody::Register { sink: sink.sink.name().clone(), starts: [(Partition(0), Offset(0))].into() },
        ] {
            book.apply(book.next_seq(), &Entry { generation: Generation(1), body }).unwrap();
        }
        let (absent, mut tries) = (Absent::default(), 0);
        memory.troubles().be_away(true);
        let away = Look::begin(&sink, vec![Partition(0)]).unwrap().hear(LONG, &absent).unwrap().unwrap_err();
        let step = |_: &dyn Sink| {
            tries += 1;
            Ok(())
        };
        assert_eq!(reach(&start, &absent, &sink, &book, "opening", step), Ok(Err(away)));
        assert_eq!(tries, 0);
    }

    /// With HDFS away its client tried by itself for three seconds before it said so, and a job that was killed meanwhile
    /// answered nobody as long.
    #[test]
    fn a_start_does_not_wait_long_for_who_may_be_away() {
        let memory = MemorySink::new("files");
        let sink = SinkSetup { sink: Arc::new(memory.clone()), required: false, backfill: false };
        let absent = Absent::default();
        let look = |limit| Look::begin(&sink, vec![Partition(0)]).unwrap().hear(limit, &absent);
        assert_eq!(look(LONG), Ok(Ok(SinkSurvey::default())));
        assert!(absent.sinks().is_empty());
        memory.troubles().be_slow(60 * LONG);
        assert!(matches!(look(Duration::from_millis(10)), Ok(Err(_))), "not after an hour");
        assert!(absent.sinks().contains_key(sink.sink.name()));
        memory.troubles().be_slow(Duration::ZERO);
        memory.troubles().be_broken(Some("a wrong password"));
        assert_eq!(look(LONG), Err(Ending::Failed("a wrong password".to_owned())));
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
        let told = "asking the request log: no broker answers (tried 4 times in 3 s)";
        assert_eq!((ended, tries), (Err(Ending::Failed(told.to_owned())), 4), "from the first fault on");
        assert!(start.health.report().waits_for.is_empty());
        assert_eq!(start.insist("x", || Ok(7)), Ok(7));
        let permanent = start.insist::<()>("x", || Err(Fault::permanent("no such topic")));
        assert_eq!(permanent, Err(Ending::Failed("no such topic".to_owned())));
    }

    /// A process that was stopped for longer than a start is patient, in the midst of a try, gave up when it woke up.
    #[test]
    fn one_try_is_never_all_however_long_it_took() {
        let clock = ManualClock::default();
        let start =
            Insistence { health: Health::new(), clock: Arc::new(clock.clone()), patience: Duration::from_secs(3) };
        let mut tries = 0;
        let ended = start.insist("looking", || {
            tries += 1;
            clock.advance(Duration::from_secs(41));
            if tries == 1 { Err(Fault::transient("it took too long")) } else { Ok(()) }
        });
        assert_eq!((ended, tries), (Ok(()), 2));
    }
}
