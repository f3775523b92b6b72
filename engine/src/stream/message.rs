//! What workers tell each other beside the data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::job::TableSpread;
use super::{Drained, Ending, Epoch};
use crate::contract::{SinkName, SinkSurvey};
use crate::ids::{ProcessIndex, WorkerIndex};
use crate::ledger::{Binding, Generation, Seq, TableVersion};
use crate::log::{OffsetRange, Offsets, Partition, Reached};

/// Progress of one sink in some partitions.
pub(super) type SinkProgress = BTreeMap<SinkName, BTreeMap<Partition, Reached>>;

/// A message to all workers, the sender included.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// The lead has claimed the next generation; this is the ledger.
    Claimed { generation: Generation, book: String },
    /// What a process finds at its sources and sinks.
    Surveyed { process: ProcessIndex, bounds: BTreeMap<Partition, OffsetRange>, sinks: BTreeMap<SinkName, SinkSurvey> },
    /// The process's destinations are the job's now.
    Adopted { process: ProcessIndex },
    /// What is durable in the sinks that a worker has opened; no older generation writes there any more.
    Opened { worker: WorkerIndex, durable: SinkProgress },
    /// What the log holds of a process's partitions now that all sinks are open.
    Bounds { process: ProcessIndex, bounds: BTreeMap<Partition, OffsetRange> },
    /// Load these bindings.
    Prepare { bindings: Vec<Binding> },
    /// A process has loaded them, or says why it can't.
    Prepared { process: ProcessIndex, bindings: Vec<Binding>, refused: Option<String> },
    /// Go, by this ledger: tables in the order of their epochs from 1, and where to read from.
    Start { book: String, tables: Vec<TableVersion>, spread: TableSpread, read_from: Offsets },
    /// A worker has emitted up to these positions and stands at this epoch; nobody need stay behind.
    Moved { epoch: Epoch, positions: Offsets },
    /// A sink has made progress.
    Durable { sink: SinkName, reached: BTreeMap<Partition, Reached> },
    /// The table of this version is what the arrangement holds as of this epoch.
    Table { version: TableVersion, epoch: Epoch },
    /// The ledger has a new entry.
    Entry { number: u64, line: String },
    /// The entries below this one are collected, and nobody asks for what they bound.
    Forget { below: Seq },
    /// Emit nothing more until told to go on.
    Stop,
    /// A worker has stopped, here.
    Stopped { worker: WorkerIndex, positions: Offsets },
    /// Go on.
    Go,
    /// No record that is still under way reads the table as of an earlier epoch.
    Retire { oldest_table: Epoch, needed: Offsets },
    /// Read no more, finish what was read, flush.
    Drain { why: Drained },
    /// A worker has drained; nothing of it is under way.
    Drained { worker: WorkerIndex, positions: Offsets },
    /// The job is over.
    End { why: Drained },
    /// The job is over, and not as it should.
    Failed(Ending),
}
