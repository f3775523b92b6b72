//! What a supervised process has to tell, and when. Those who have something to tell post it once; a snapshot is put together
//! when the telling thread asks for it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::graph::Graph;
use super::recorder::Recorder;
use super::telemetry::Telemetry;
use crate::http::Health;
use crate::ledger::Generation;
use crate::metrics::StreamMetrics;
use crate::process::{memory_bytes, peak_memory_bytes};
use crate::progress::ShownStages;

/// A command shows stages once or twice; of more than this the oldest are forgotten.
const MOST_SHOWN_STAGES: usize = 16;

/// How long an end of the process may wait for an agent that doesn't read.
const LAST_WORD: Duration = Duration::from_millis(500);

/// What a worker's log has come to, shared by the worker and the telling thread.
pub(super) type SharedRecorder = Arc<Mutex<Recorder>>;

/// What the workers of a run have come to; each worker has a record of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Run(Arc<Mutex<Vec<SharedRecorder>>>);

impl Run {
    /// A fresh record, for a worker.
    pub(super) fn recorder(&self) -> SharedRecorder {
        let recorder = SharedRecorder::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&recorder));
        recorder
    }

    /// The sum over its workers; `None` before there are any.
    fn graph(&self) -> Option<Graph> {
        let recorders = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A worker waits only for its own counts to be copied.
        let counts = recorders.iter().map(|recorder| recorder.lock().unwrap_or_else(PoisonError::into_inner).counts());
        (!recorders.is_empty()).then(|| Graph::merge(counts.map(|counts| counts.graph())))
    }
}

/// The board.
#[derive(Debug, Default)]
pub(super) struct Board {
    posted: Mutex<Posted>,
    heard: Condvar,
}

#[derive(Debug, Default)]
struct Posted {
    stages: VecDeque<ShownStages>,
    run: Run,
    stream: Option<(Health, StreamMetrics)>,
    ledger_generation: Option<Generation>,
    made: Option<Box<str>>,
    changed: bool,
    end: End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Far,
    Near,
    Told,
}

/// When a snapshot is due, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Others will follow.
    Next,
    /// The process ends when it is told.
    Last,
}

impl Board {
    /// Stages to tell of.
    pub(super) fn show_stages(&self, stages: ShownStages) {
        self.post(|posted| {
            posted.stages.push_back(stages);
            if posted.stages.len() > MOST_SHOWN_STAGES {
                posted.stages.pop_front();
            }
        });
    }

    /// The streaming job to tell of: its latest life.
    pub(super) fn show_stream(&self, health: Health, metrics: StreamMetrics) {
        self.post(|posted| posted.stream = Some((health, metrics)));
    }

    /// The run to tell of from now on, in the place of the one before it.
    pub(super) fn new_run(&self) -> Run {
        let run = Run::default();
        self.lock().run = run.clone();
        run
    }

    /// The generation that refused ours.
    pub(super) fn ledger_holds(&self, generation: Generation) {
        self.post(|posted| posted.ledger_generation = Some(generation));
    }

    /// What was made and saved.
    pub(super) fn has_made(&self, id: &str) {
        self.post(|posted| posted.made = Some(id.into()));
    }

    /// Asks for a snapshot now.
    pub(super) fn changed(&self) {
        self.post(|_| {});
    }

    /// Asks for a last snapshot, and waits until it is told, but not for long.
    pub(super) fn finish(&self) {
        let mut posted = self.lock();
        if posted.end == End::Far {
            posted.end = End::Near;
        }
        self.heard.notify_all();
        drop(self.heard.wait_timeout_while(posted, LAST_WORD, |posted| posted.end != End::Told));
    }

    /// Waits until a snapshot is due: when something has changed, and `every` so often.
    pub(super) fn wait(&self, every: Duration) -> Due {
        let still = |posted: &mut Posted| !posted.changed && posted.end != End::Near;
        let waited = self.heard.wait_timeout_while(self.lock(), every, still);
        let (mut posted, _) = waited.unwrap_or_else(PoisonError::into_inner);
        posted.changed = false;
        if posted.end == End::Near { Due::Last } else { Due::Next }
    }

    /// Nothing will be told any more: the last snapshot is, or nobody listens.
    pub(super) fn told(&self) {
        self.lock().end = End::Told;
        self.heard.notify_all();
    }

    /// How the process stands now.
    pub(super) fn snapshot(&self) -> Telemetry {
        let posted = self.lock();
        let (stages, run, stream) = (posted.stages.clone(), posted.run.clone(), posted.stream.clone());
        let (ledger_generation, made) = (posted.ledger_generation, posted.made.clone());
        // Those who post don't wait for what follows.
        drop(posted);
        let (health, metrics) = stream.unzip();
        Telemetry {
            stages: stages.iter().flat_map(ShownStages::reports).collect(),
            graph: run.graph(),
            stream: metrics.map(|metrics| metrics.status()),
            health: health.map(|health| health.report()),
            memory_bytes: memory_bytes(),
            peak_memory_bytes: peak_memory_bytes(),
            ledger_generation,
            made,
        }
    }

    fn post(&self, change: impl FnOnce(&mut Posted)) {
        let mut posted = self.lock();
        change(&mut posted);
        posted.changed = true;
        self.heard.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Posted> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
