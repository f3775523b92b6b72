//! Topics and collections as the page, the demo and the tools see them, whatever stands behind.
//!
//! [`TopicClient`] and [`CollectionClient`] block, and may be shared by threads. Behind them is an open topic or
//! collection of this process, or a running job that is asked over HTTP ([`RemoteJob`]). Every call ends within its
//! time; an error says who was asked and what to do.

mod error;
mod follow;
mod in_process;
mod places;
mod remote;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
pub use error::ClientError;
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};
pub use follow::{Came, Followed, Follower, PartitionsFollower};
pub use remote::{RemoteCollection, RemoteJob, RemoteTopic};
use xxhash_rust::xxh3::xxh3_64;

/// A topic that somebody writes to or reads.
pub trait TopicClient: Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// How many partitions it has.
    ///
    /// # Errors
    /// Nobody could be asked.
    fn partitions(&self) -> Result<u32, ClientError>;

    /// Adds records to a partition, all or none, and says where they stand; they are durable then. With none it only finds
    /// out whether some could be added, and makes a topic that is missing if that is allowed.
    ///
    /// # Errors
    /// The topic can't be reached, or refuses them. [`ClientError::is_uncertain`] tells whether they may be there all the
    /// same.
    fn append_to(&self, partition: Partition, records: Vec<Bytes>) -> Result<OffsetRange, ClientError>;

    /// The records of a partition from `from` on: at least one if there is any, and else no more than about `limit`
    /// bytes. Waits up to `patience` for the first; an empty answer is "none yet".
    ///
    /// # Errors
    /// The topic can't be reached, or `from` is not within the partition's bounds or at their end.
    fn read(
        &self,
        partition: Partition,
        from: Offset,
        limit: usize,
        patience: Duration,
    ) -> Result<Vec<LogRecord>, ClientError>;

    /// What a partition holds: from the oldest record up to the end.
    ///
    /// # Errors
    /// The topic can't be reached.
    fn bounds(&self, partition: Partition) -> Result<OffsetRange, ClientError>;

    /// What comes from now on, of all partitions: all that is not yet there when this returns, and nothing that was there
    /// before the call.
    ///
    /// # Errors
    /// The topic can't be reached.
    fn follow(self: Arc<Self>) -> Result<Box<dyn Follower>, ClientError>;

    /// Waits until all that is in the topic now can be read: where there are transactions, one that is still open hides what
    /// others have committed behind its beginning.
    ///
    /// # Errors
    /// The topic can't be reached, or a transaction stays open.
    fn settle(&self) -> Result<(), ClientError> {
        Ok(())
    }

    /// Adds a record to the partition of its key, and says where it stands; it is durable then. Records of one key stand
    /// in the order in which they were added.
    ///
    /// # Errors
    /// As [`TopicClient::append_to`].
    fn append(&self, key: &[u8], payload: Bytes) -> Result<Position, ClientError> {
        let partition = partition_of(key, self.partitions()?);
        let appended = self.append_to(partition, vec![payload])?;
        Ok(Position { partition, offset: appended.from })
    }
}

/// A collection that somebody looks things up in.
pub trait CollectionClient: Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// A document's body; `None` if there is none under this id.
    ///
    /// # Errors
    /// The collection can't be reached.
    fn get(&self, id: &str) -> Result<Option<Bytes>, ClientError>;
}

/// Where a record stands in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The partition.
    pub partition: Partition,
    /// The offset in it.
    pub offset: Offset,
}

/// The partition of a key: its XXH3 modulo the number of partitions. The same in every process and every build.
#[must_use]
pub fn partition_of(key: &[u8], partitions: u32) -> Partition {
    let remainder = xxh3_64(key) % u64::from(partitions.max(1));
    // A remainder of a u32 is one.
    Partition(u32::try_from(remainder).unwrap_or(0))
}

#[cfg(test)]
mod tests;
