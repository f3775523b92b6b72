//! What a streaming job is made of, in one process.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::catch_up::{CatchUp, Recompute};
use super::job::{StreamJob, TableSpread};
use super::keeper::{ModelWatch, TableVersions};
use super::owner::Owners;
use super::reach::{Absent, Insistence};
use crate::clock::Clock;
use crate::cluster::ClusterPlan;
use crate::contract::{Blobs, Fault, Sink, Source, TableSource};
use crate::http::Health;
use crate::ids::{JobName, ProcessIndex};
use crate::ledger::{AnswerFormat, Binding, Book, Generation};
use crate::metrics::StreamMetrics;
use crate::recovery::SinkPolicy;

/// A sink, and what is expected of it.
#[derive(Clone, Debug)]
pub struct SinkSetup {
    /// The destination.
    pub sink: Arc<dyn Sink>,
    /// Whether the job waits for it; otherwise it may lag, and catches up by itself.
    pub required: bool,
    /// Whether, when it is new, it begins at the log's start instead of the present.
    pub backfill: bool,
}

/// Bounds of memory, and of patience.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Weight of the requests of a process that may be read and not yet durable, for each required sink, in bytes; shared by
    /// the partitions.
    pub in_flight_bytes: usize,
    /// Weight that is read at once, at most a partition's share, in bytes.
    pub read_batch_bytes: usize,
    /// Bytes of answers that may wait before each writer of a sink that may lag.
    pub lagging_queue_bytes: usize,
    /// Rows up to which a table is held whole by every worker.
    pub small_table_rows: usize,
    /// How long a step of a start is tried while a server is away.
    pub start_patience: Duration,
    /// How long a drain waits for sinks that may lag.
    pub drain_patience: Duration,
}

/// What process 0 has beside.
pub struct LeadSetup {
    /// The table.
    pub table: Box<dyn TableSource>,
    /// Its versions.
    pub versions: Arc<dyn TableVersions>,
    /// Which model is wanted.
    pub model: Box<dyn ModelWatch>,
    /// How answers are to be written down.
    pub format: AnswerFormat,
    /// The configuration that can change an answer.
    pub settings: BTreeMap<Box<str>, Box<str>>,
    /// How many offsets of each partition, below what all sinks have, can still be answered again. What binds those below is
    /// collected.
    pub replay_offsets: u64,
}

/// A streaming job in one process.
pub struct StreamSetup<J> {
    /// What it computes.
    pub job: Arc<J>,
    /// Its name.
    pub name: JobName,
    /// A number that no other start of this job has: tells two claims of one generation apart.
    pub nonce: u64,
    /// The log of requests.
    pub source: Arc<dyn Source>,
    /// The sinks: the same names in the same order in every process.
    pub sinks: Vec<SinkSetup>,
    /// Where the ledger is kept.
    pub state: Arc<dyn Blobs>,
    /// The same answers without the dataflow.
    pub recompute: Arc<dyn Recompute>,
    /// How the table is to be spread; `None`: by its size.
    pub spread: Option<TableSpread>,
    /// Bounds of memory and of patience.
    pub limits: Limits,
    /// Figures.
    pub metrics: StreamMetrics,
    /// Is told when records flow, and when they no longer do.
    pub health: Health,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Asks the job to drain.
    pub stop: StopFlag,
}

impl<J> StreamSetup<J> {
    /// What is expected of each sink.
    pub(super) fn policies(&self) -> Vec<SinkPolicy> {
        let policy = |sink: &SinkSetup| SinkPolicy {
            name: sink.sink.name().clone(),
            required: sink.required,
            backfill: sink.backfill,
        };
        self.sinks.iter().map(policy).collect()
    }
}

/// Asks a job to drain. Clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What the workers of a process share.
pub(super) struct Shared<J: StreamJob> {
    pub(super) setup: StreamSetup<J>,
    pub(super) lead: Mutex<Option<LeadSetup>>,
    pub(super) owners: Owners,
    pub(super) process: ProcessIndex,
    pub(super) processes: usize,
    /// What a master says that this life's generation is.
    pub(super) proposed: Option<Generation>,
    ready: Mutex<HashMap<Binding, Arc<J::Ready>>>,
    /// What was loaded last for an entry that may still come.
    awaited: Mutex<Option<Binding>>,
    /// The ledger as the process's first worker has heard it.
    pub(super) book: Arc<RwLock<Book>>,
    pub(super) absent: Absent,
}

impl<J: StreamJob> Shared<J> {
    pub(super) fn new(setup: StreamSetup<J>, lead: Option<LeadSetup>, plan: &ClusterPlan) -> Self {
        Self {
            setup,
            lead: Mutex::new(lead),
            owners: Owners::of(plan),
            process: plan.process(),
            processes: plan.processes().get(),
            proposed: plan.generation(),
            ready: Mutex::default(),
            awaited: Mutex::default(),
            book: Arc::default(),
            absent: Absent::default(),
        }
    }

    /// How a start tries again.
    pub(super) fn insistence(&self) -> Insistence {
        let StreamSetup { health, clock, limits, .. } = &self.setup;
        Insistence { health: health.clone(), clock: Arc::clone(clock), patience: limits.start_patience }
    }

    /// Loads a binding, unless it is loaded.
    pub(super) fn load(&self, binding: &Binding) -> Result<(), Fault> {
        if self.ready(binding).is_none() {
            let ready = Arc::new(self.setup.job.load(binding)?);
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert(binding.clone(), ready);
        }
        Ok(())
    }

    /// Loads a binding that the ledger may soon name, and keeps it until then.
    pub(super) fn prepare(&self, binding: &Binding) -> Result<(), Fault> {
        *self.awaited.lock().unwrap_or_else(PoisonError::into_inner) = Some(binding.clone());
        self.load(binding)
    }

    /// A binding that was loaded.
    pub(super) fn ready(&self, binding: &Binding) -> Option<Arc<J::Ready>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).get(binding).map(Arc::clone)
    }

    /// Forgets loaded bindings that nobody needs.
    pub(super) fn forget(&self, needed: impl Fn(&Binding) -> bool) {
        let awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_needed = |binding: &Binding| needed(binding) || awaited.as_ref() == Some(binding);
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).retain(|binding, _| is_needed(binding));
    }

    pub(super) fn catch_up(&self) -> CatchUp {
        CatchUp {
            source: Arc::clone(&self.setup.source),
            recompute: Arc::clone(&self.setup.recompute),
            book: Arc::clone(&self.book),
        }
    }
}

impl<J> fmt::Debug for StreamSetup<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSetup").field("name", &self.name).field("sinks", &self.sinks).finish_non_exhaustive()
    }
}
