//! The dataflow graphs of jobs, as their workers told them last: asked for once for all who look, and waited for no longer than
//! a moment.
//!
//! Invariants: of a life there is one question on its way at a time; there are never more than [`MOST`] in all; whoever looks
//! gets an answer at once or after [`MOMENT`], whatever the workers do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use flightline_engine::clock::Clock;
use flightline_engine::supervised::Graph;

use crate::protocol::life::LifeRef;
use crate::ui::NotHad;

/// Nobody waits longer for workers.
const MOMENT: Duration = Duration::from_millis(300);

/// What was told is told again for so long.
const FRESH: Duration = Duration::from_millis(500);

/// And is better than nothing for so long.
const STALE: Duration = Duration::from_secs(20);

/// The most jobs whose workers are asked at once.
const MOST: usize = 16;

type Told = Result<Arc<Graph>, NotHad>;

/// The graphs that were asked for lately.
pub(super) struct Graphs {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Shared {
    lives: Mutex<BTreeMap<LifeRef, Entry>>,
    told: Condvar,
}

#[derive(Default)]
struct Entry {
    is_asked: bool,
    last: Option<(Duration, Told)>,
}

impl fmt::Debug for Graphs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graphs({})", self.shared.lock().len())
    }
}

impl Graphs {
    /// None yet.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { shared: Arc::default(), clock }
    }

    /// The graph of a life. `ask` may take long: it has a thread of its own. Blocks for a moment.
    ///
    /// # Errors
    /// Why it can't be had now, in a sentence.
    pub(super) fn get(&self, life: LifeRef, ask: impl FnOnce() -> Result<Graph, NotHad> + Send + 'static) -> Told {
        let now = self.clock.now();
        let age = |entry: &Entry| entry.last.as_ref().map(|(at, _)| now.saturating_sub(*at));
        let mut lives = self.shared.lock();
        lives.retain(|_, entry| entry.is_asked || age(entry).is_some_and(|age| age < STALE));
        let asked = lives.values().filter(|entry| entry.is_asked).count();
        let entry = lives.entry(life).or_default();
        let is_fresh = age(entry).is_some_and(|age| age < FRESH);
        if !is_fresh && !entry.is_asked && asked < MOST {
            entry.is_asked = self.ask(life, ask);
        }
        if !is_fresh {
            let is_asked = |lives: &mut BTreeMap<LifeRef, Entry>| lives.get(&life).is_some_and(|entry| entry.is_asked);
            let waited = self.shared.told.wait_timeout_while(lives, MOMENT, is_asked);
            lives = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let not_yet = || Err(NotHad::Away("its workers have not told yet what it runs".to_owned()));
        lives.get(&life).and_then(|entry| entry.last.as_ref()).map_or_else(not_yet, |(_, told)| told.clone())
    }

    fn ask(&self, life: LifeRef, ask: impl FnOnce() -> Result<Graph, NotHad> + Send + 'static) -> bool {
        let (shared, clock) = (Arc::clone(&self.shared), Arc::clone(&self.clock));
        let asking = move || {
            let told = ask().map(Arc::new);
            if let Some(entry) = shared.lock().get_mut(&life) {
                *entry = Entry { is_asked: false, last: Some((clock.now(), told)) };
            }
            shared.told.notify_all();
        };
        thread::Builder::new().name("graph".to_owned()).spawn(asking).is_ok()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<LifeRef, Entry>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{self, SyncSender};

    use flightline_engine::clock::ManualClock;

    use super::*;
    use crate::ids::{Generation, JobId};

    type Tell = SyncSender<Result<Graph, NotHad>>;

    fn away(why: &str) -> NotHad {
        NotHad::Away(why.to_owned())
    }

    fn life(job: u64) -> LifeRef {
        LifeRef { job: JobId(job), generation: Generation(1) }
    }

    /// Workers that say something when they are told to, and how often they were asked.
    fn workers() -> (Tell, Arc<AtomicUsize>, impl Fn(&Graphs, u64) -> Told) {
        let (tell, told) = mpsc::sync_channel(9);
        let (told, asked) = (Arc::new(Mutex::new(told)), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        let look = move |graphs: &Graphs, job| {
            let (told, count) = (Arc::clone(&told), Arc::clone(&count));
            graphs.get(life(job), move || {
                count.fetch_add(1, Ordering::SeqCst);
                told.lock().unwrap().recv().unwrap()
            })
        };
        (tell, asked, look)
    }

    fn until_told(mut look: impl FnMut() -> Told) -> Told {
        loop {
            match look() {
                Err(why) if why.to_string().contains("not told yet") => {}
                told => return told,
            }
        }
    }

    /// Each load of a page waited for five seconds, and each page that stood open asked for itself.
    #[test]
    fn workers_that_do_not_answer_are_asked_once_for_all_and_waited_for_by_nobody() {
        let clock = ManualClock::new();
        let graphs = Graphs::new(Arc::new(clock.clone()));
        let (tell, asked, look) = workers();
        for _ in 0..3 {
            assert!(look(&graphs, 1).unwrap_err().to_string().contains("have not told yet"));
        }
        tell.send(Ok(Graph { truncated: true, ..Graph::default() })).unwrap();
        assert!(until_told(|| look(&graphs, 1)).unwrap().truncated);
        assert!(look(&graphs, 1).unwrap().truncated);
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        clock.advance(FRESH);
        assert!(look(&graphs, 1).unwrap().truncated, "what was told last, while the next one is on its way");
        tell.send(Err(away("a worker is away"))).unwrap();
        while look(&graphs, 1).is_ok() {}
        assert_eq!(look(&graphs, 1).unwrap_err(), away("a worker is away"));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        clock.advance(STALE);
        assert!(look(&graphs, 2).is_err());
        assert!(!graphs.shared.lock().contains_key(&life(1)), "what nobody looks at is forgotten");
        tell.send(Err(away("over"))).unwrap();
    }

    #[test]
    fn no_more_jobs_are_asked_for_at_once_than_there_may_be() {
        let graphs = Graphs::new(Arc::new(ManualClock::new()));
        let (tell, asked, look) = workers();
        thread::scope(|scope| {
            for job in 0..MOST as u64 {
                let (graphs, look) = (&graphs, &look);
                scope.spawn(move || look(graphs, job).unwrap_err());
            }
        });
        assert!(look(&graphs, 99).unwrap_err().to_string().contains("have not told yet"));
        drop(tell.send(Err(away("told"))));
        while asked.load(Ordering::SeqCst) < MOST {
            thread::yield_now();
        }
        assert_eq!(graphs.shared.lock().values().filter(|entry| entry.is_asked).count().min(MOST - 1), MOST - 1);
        (1..MOST).for_each(|_| tell.send(Err(away("told"))).unwrap());
        assert_eq!(until_told(|| look(&graphs, 3)).unwrap_err(), away("told"));
    }
}
