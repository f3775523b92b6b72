//! The input of a batch command: files, shared out to all workers, read on threads of their own, as batches of rows.
//!
//! `train`, `extract`, `distances` and `predict` read through here, so that each of them takes the same formats, globs and
//! stores, gives every worker its share, shows progress, and ends with one sentence when a file can't be read.
//!
//! A failure is data: it comes out of the source like a batch does. A command sends failures to all workers
//! ([`Input::separate`]), so that every process stops reading and ends with the same sentence. Bad *rows* are not failures:
//! they are counted in the batches, and the command holds the sum against its limit.

mod room;
mod size;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flightline_connectors::files::{self, InputFile, InputFormat, Payload, Split, Stores};
use flightline_engine::bridge;
use flightline_engine::bridge::BridgeSender;
use flightline_engine::ids::{WorkerCount, WorkerIndex};
use flightline_engine::progress::{Stage, Unit};
use timely::dataflow::operators::Inspect;
use timely::dataflow::operators::core::OkErr;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::{Scope, StreamVec};
use timely::progress::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use crate::failure::Failure;
use crate::flight::column::Column;
use crate::flight::decode::{Decoder, RowSink, columns_to_read};

pub use self::room::Room;
pub use self::size::InputSize;

/// Rows of a batch that goes on while the next is read: few enough that two of them waiting are little memory.
pub(crate) const BATCH_ROWS: usize = 16 << 10;

/// Batches that may wait for a worker.
const BATCHES_AHEAD: usize = 2;

/// A sink whose rows leave it batch by batch.
pub trait BatchSink: RowSink + Default + Send + 'static {
    /// What a full sink becomes; it holds the counts of the rows it was read from.
    type Batch: Clone + Send + 'static;

    /// Whether it is time for a batch.
    fn is_full(&self) -> bool;

    /// The rows and counts so far.
    fn finish(self) -> Self::Batch;
}

/// What comes out of a source.
#[derive(Clone, Debug)]
pub enum ReadItem<B> {
    /// Some rows. The last of a worker may have none, only counts.
    Batch(B),
    /// The input can't be read; the last item of its worker.
    Failed(Failure),
}

/// The files of a command, shared out. Clones are the same input.
#[derive(Clone, Debug)]
pub struct Input {
    stores: Stores,
    files: Arc<[InputFile]>,
    plan: Arc<Vec<Vec<Split>>>,
    fingerprint: u64,
    bytes: u64,
    unit: Unit,
    stopped: Arc<AtomicBool>,
    room: Option<Arc<Room>>,
}

impl Input {
    /// Finds the files of `patterns` (paths, globs, folders, URLs of stores) and shares them out to all workers of the
    /// cluster.
    ///
    /// # Errors
    /// A file that is not there, a pattern without a match, an unknown format, or a store that fails.
    pub fn resolve(
        stores: &Stores,
        patterns: &[String],
        format: Option<InputFormat>,
        workers: WorkerCount,
    ) -> Result<Self, Failure> {
        let files = files::resolve(stores, patterns, format)?;
        let by_rows = files.iter().all(|file| file.rows.is_some());
        Ok(Self {
            plan: Arc::new(files::plan(&files, workers.get())),
            fingerprint: files::fingerprint(&files),
            bytes: files.iter().map(|file| file.size).sum(),
            unit: if by_rows { Unit::Rows } else { Unit::Bytes },
            stores: stores.clone(),
            files: files.into(),
            stopped: Arc::default(),
            room: None,
        })
    }

    /// Lets the readers of this process take no more rows than there is room for.
    pub fn keep_within(&mut self, room: Arc<Room>) {
        self.room = Some(room);
    }

    /// How many rows there are, as far as that can be known now.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn size(&self) -> Result<InputSize, Failure> {
        size::size_of(&self.stores, &self.files)
    }

    /// A digest of the files. Processes with another one see other files and must not work together.
    #[must_use]
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Bytes of all files as they are stored, over all workers.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A digest of the files, the version of this build and all else that processes must agree on, for
    /// [`ClusterPlan::with_fingerprint`](flightline_engine::cluster::ClusterPlan::with_fingerprint): whatever decides
    /// whether a run succeeds and what it writes.
    #[must_use]
    pub fn agreement(&self, also: &str) -> u64 {
        xxh3_64(format!("{} {} {also}", env!("CARGO_PKG_VERSION"), self.fingerprint).as_bytes())
    }

    /// What a [`Stage`] that shows the reading counts: rows if all files say how many they have, else bytes.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// Has all readers of this process end at their next block, without an error.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// This worker's share as a stream, read and decoded on a thread of its own. `stage` is started and ended here.
    #[must_use]
    pub fn source<'scope, T: Timestamp, S: BatchSink>(
        &self,
        scope: Scope<'scope, T>,
        stage: &Stage,
    ) -> StreamVec<'scope, T, ReadItem<S::Batch>> {
        let worker = WorkerIndex::new(scope.index());
        let (input, stage) = (self.clone(), stage.clone());
        bridge(scope, "read", BATCHES_AHEAD, move |sender| input.send_batches::<S>(worker, &stage, &sender))
    }

    /// Takes batches and failures apart. Failures go to all workers, and stop the readers of each process they reach.
    #[must_use]
    pub fn separate<'scope, T: Timestamp, B: Clone + 'static>(
        &self,
        items: StreamVec<'scope, T, ReadItem<B>>,
    ) -> (StreamVec<'scope, T, B>, StreamVec<'scope, T, Failure>) {
        let (batches, failures) = items.ok_err(|item| match item {
            ReadItem::Batch(batch) => Ok(batch),
            ReadItem::Failed(failure) => Err(failure),
        });
        let input = self.clone();
        let failures: StreamVec<'scope, T, Failure> = failures;
        (batches, failures.broadcast().inspect(move |_| input.stop()))
    }

    /// Reads this worker's share into `sink` on the calling thread; `after` is called after each block, and may end the
    /// reading.
    ///
    /// # Errors
    /// A file that can't be read or is no file of flights, or what `after` says.
    pub fn read<S: RowSink>(
        &self,
        worker: WorkerIndex,
        stage: &Stage,
        sink: &mut S,
        mut after: impl FnMut(&mut S) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let mut decoder = Decoder::new();
        self.read_payloads(worker, stage, S::NEEDED, |payload| {
            decoder.decode(payload, sink)?;
            after(sink)
        })
    }

    /// Reads this worker's share block by block on the calling thread, as it is; `take` may end the reading. Of columnar
    /// files only what rows with the columns `needed` are made of is read.
    ///
    /// # Errors
    /// A file that can't be read, or what `take` says.
    pub fn read_payloads(
        &self,
        worker: WorkerIndex,
        stage: &Stage,
        needed: &[Column],
        mut take: impl FnMut(&Payload) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let splits: &[Split] = self.plan.get(worker.get()).map_or(&[], Vec::as_slice);
        stage.start(splits.iter().map(Split::estimated_units).sum());
        let outcome = self.read_splits(splits, stage, needed, &mut take);
        stage.end();
        outcome
    }

    fn read_splits(
        &self,
        splits: &[Split],
        stage: &Stage,
        needed: &[Column],
        take: &mut impl FnMut(&Payload) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let columns = columns_to_read(needed);
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let done = AtomicU64::new(0);
        let mut shown = 0;
        let mut show = || {
            let reached = done.load(Ordering::Relaxed);
            stage.add(reached - std::mem::replace(&mut shown, reached));
        };
        for split in splits {
            let mut outcome = Ok(ControlFlow::Continue(()));
            let mut take = |payload: Payload| {
                show();
                outcome =
                    if self.stopped.load(Ordering::Relaxed) { Ok(ControlFlow::Break(())) } else { take(&payload) };
                if matches!(outcome, Ok(ControlFlow::Continue(()))) {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            };
            files::read_counted(&self.stores, split, Some(&columns), &done, &mut take)?;
            show();
            if outcome?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn send_batches<S: BatchSink>(
        &self,
        worker: WorkerIndex,
        stage: &Stage,
        sender: &BridgeSender<ReadItem<S::Batch>>,
    ) {
        let mut sink = S::default();
        let mut counted = 0;
        let outcome = self.read(worker, stage, &mut sink, |sink| {
            if let Some(room) = &self.room {
                let good = sink.counts().good;
                room.take(good - std::mem::replace(&mut counted, good))?;
            }
            if !sink.is_full() {
                return Ok(ControlFlow::Continue(()));
            }
            counted = 0;
            let full = std::mem::take(sink).finish();
            // A closed bridge means that the dataflow is gone: there is nobody to read for.
            Ok(sender.send(ReadItem::Batch(full)).map_or(ControlFlow::Break(()), ControlFlow::Continue))
        });
        let last = match outcome {
            Ok(()) => ReadItem::Batch(sink.finish()),
            Err(failure) => ReadItem::Failed(failure),
        };
        // The same: without a dataflow there is nobody to tell.
        let _ = sender.send(last);
    }
}
