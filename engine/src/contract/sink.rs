//! A sink: a destination of answers that keeps its own progress, a next offset for each partition of the request log.
//!
//! Invariants that an implementation keeps: what [`OpenSink::durable`] says survives a `kill -9` at any moment and never
//! goes back; progress is never durable before the answers below it are; an answer is there once, whatever was killed,
//! paused or retried. The engine drops what lies below a sink's progress before it calls [`OpenSink::write`], so an
//! implementation needn't.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Fault;
use crate::ids::JobName;
use crate::ledger::Generation;
use crate::log::{Offset, Offsets, Partition, Reached};

/// The job whose ledger a destination belongs to: its name, and a number that its ledger got when it was opened. Two ledgers
/// of one name are two jobs: what the one has done says nothing about the log of the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Box<str>);

/// A sink's name in the configuration; under it the ledger registers the sink.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SinkName(pub Box<str>);

impl JobId {
    /// The job of a ledger that was opened under this name with this random number.
    #[must_use]
    pub fn new(name: &JobName, nonce: u64) -> Self {
        Self(format!("{name}#{nonce:016x}").into())
    }

    /// The name alone.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit_once('#').map_or(&*self.0, |(name, _)| name)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a sink's writers stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// One on each worker, for the partitions that the worker reads.
    WithPartition,
    /// One for all partitions, on worker 0: the destination can't be shared by processes.
    OnLead,
}

/// What a sink promises of each answer; a job promises the weakest of its sinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// A crash may repeat an answer, with the same bytes.
    AtLeastOnce,
    /// Each answer is there once.
    ExactlyOnce,
}

/// Which lines a sink wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selects {
    /// The answers.
    Answers,
    /// The dead letters.
    DeadLetters,
}

/// Whether an answer may still be replaced by a better one with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// `OK`: it stands for ever.
    Final,
    /// `ERROR`: an `OK` for the same key may take its place.
    Provisional,
}

/// One line for a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Of the request that it answers.
    pub offset: Offset,
    /// What a collection stores it under: the request's UUID.
    pub key: Box<str>,
    /// Whether it may be replaced.
    pub standing: Standing,
    /// The line, without a line feed.
    pub body: Bytes,
}

/// What became of a stretch of a partition: all offsets from `from` up to `reached.next` are settled by `items`.
///
/// `items` are in the order of their offsets and lie in that range; there are fewer than offsets where a record has no
/// line for this sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The partition.
    pub partition: Partition,
    /// Where the stretch begins: never above what the sink's progress is.
    pub from: Offset,
    /// Where it ends.
    pub reached: Reached,
    /// The lines.
    pub items: Vec<Item>,
}

/// Stretches of several partitions, at most one of each, to be written together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkBatch {
    /// The stretches, by partition.
    pub answers: BTreeMap<Partition, Answers>,
}

impl SinkBatch {
    /// The bytes of all lines.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.answers.values().flat_map(|answers| &answers.items).map(|item| item.body.len()).sum()
    }
}

/// What a destination says of itself before anybody writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkSurvey {
    /// The job that owns it; `None` if nobody has adopted it yet.
    pub owner: Option<JobId>,
    /// Progress of the asked-for partitions, as far as there is any.
    pub progress: BTreeMap<Partition, Reached>,
}

/// A destination, one object in each process that has a writer of it.
pub trait Sink: Debug + Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &SinkName;

    /// Where its writers stand.
    fn placement(&self) -> Placement;

    /// What it promises.
    fn guarantee(&self) -> Guarantee;

    /// Which lines it wants.
    fn selects(&self) -> Selects;

    /// Looks, and changes nothing. A start doesn't wait without end for a sink that may lag: a look that was left alone may go
    /// on while the sink is opened and written.
    ///
    /// # Errors
    /// The destination can't be reached (transient) or is not what it should be (permanent).
    fn survey(&self, partitions: &[Partition]) -> Result<SinkSurvey, Fault>;

    /// Makes the destination this job's, with progress `starts` where there is none. Does nothing where that was done.
    ///
    /// # Errors
    /// As [`Sink::survey`]; that it is another job's is permanent, and names both.
    fn adopt(&self, job: &JobId, starts: &Offsets) -> Result<(), Fault>;

    /// A writer of these partitions. From here on no writer of an older generation can write them.
    ///
    /// # Errors
    /// As [`Sink::survey`]; [`Fault::Superseded`] if a later generation was here.
    fn open(&self, generation: Generation, partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault>;
}

/// Why a writer is asked to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushReason {
    /// Its time has come, as it said by [`OpenSink::flush_in`].
    Due,
    /// The job ends cleanly: everything must be durable after this.
    Closing,
}

/// A writer. Lives on a thread of its own and may wait there.
pub trait OpenSink: Send {
    /// What is durable: all below `next` of each partition. After [`Sink::open`] this is where it must go on.
    fn durable(&self) -> BTreeMap<Partition, Reached>;

    /// Takes a batch. It is durable when [`OpenSink::durable`] says so: at once, or after a flush if this sink buffers.
    ///
    /// # Errors
    /// After a transient fault the same batch comes again, and nothing of it may be there twice.
    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault>;

    /// Makes durable what is buffered and due.
    ///
    /// # Errors
    /// As [`OpenSink::write`]; nothing that was taken is lost.
    fn flush(&mut self, why: FlushReason) -> Result<(), Fault>;

    /// In what time it wants to be flushed; `None` while nothing is buffered.
    fn flush_in(&self) -> Option<Duration>;
}
