//! A source: a log of records in numbered partitions, readable from any offset that it still holds.
//!
//! Invariants that an implementation keeps: a record, once read, is read again with the same bytes at the same offset;
//! offsets ascend within a partition; a partition's end never goes back.
//!
//! ```text
//!          partitions, bounds (at any time, also while others read)
//!             ┌──┐
//!             ▼  │            open(partition, from)               read: records
//! (made) ──► asked ─────────────────────────────────► reading ─────────────────────► reading, behind the last of them
//!              │                                       │  │  │ read: nothing, or Fault::Transient: the next call goes on
//!              │                                       │  │  │ where this one would have
//!              │                                       │  └──┴─ the job ends ─► (dropped)
//!              └─ Fault::Permanent ─► the job fails ◄──┘
//! ```
//!
//! A catching-up sink opens readers of its own, on any stretch that the log still holds. Nothing is ever acknowledged: how far
//! a job has come is what its sinks say.

use std::fmt::Debug;
use std::time::Duration;

use super::Fault;
use crate::log::{LogRecord, Offset, OffsetRange, Offsets, Partition};

/// A log of requests. One in each process; it may hold only some of the partitions there.
pub trait Source: Debug + Send + Sync {
    /// How many partitions the log has, over all processes: 0 up to this number.
    ///
    /// # Errors
    /// The log can't be asked.
    fn partitions(&self) -> Result<u32, Fault>;

    /// What a partition of this process holds now: from the oldest record that is kept up to the end.
    ///
    /// # Errors
    /// The partition can't be asked.
    fn bounds(&self, partition: Partition) -> Result<OffsetRange, Fault>;

    /// A reader that starts at `from`, which lies within the bounds or at their end.
    ///
    /// # Errors
    /// The partition can't be read, or `from` is not within its bounds (permanent, and says both).
    fn open(&self, partition: Partition, from: Offset) -> Result<Box<dyn PartitionReader>, Fault>;

    /// What every required sink has, told now and then: for tools that show how far behind a job is. Must not wait; what is
    /// told here is never read back.
    fn settled(&self, _progress: &Offsets) {}
}

/// Reads one partition in order. Lives on a thread of its own and may wait there.
pub trait PartitionReader: Send {
    /// The next records, at least one if there is any, and no more than about `limit` bytes together, as
    /// [`LogRecord::weight`] counts them (a single record may be larger). Waits up to `patience` for the first; an empty batch is "none yet", never "the end".
    ///
    /// # Errors
    /// The partition can't be read; after a transient fault the next call goes on where this one would have.
    fn read(&mut self, limit: usize, patience: Duration) -> Result<Vec<LogRecord>, Fault>;

    /// Below this offset nothing is left to be read, as far as this reader knows: it may lie beyond the last record that it
    /// gave, when the log has a gap there and no record after it yet. `None` if it can't tell.
    fn passed(&self) -> Option<Offset> {
        None
    }
}
