//! What the page needs of the system behind it: ask, look an answer up, follow the answers.
//!
//! Every call may block; the server makes them on threads that may wait, never in its own tasks. A backend is shared by all
//! of them. It keeps no state for a client: who reads a topic says from where.

use std::fmt::{self, Debug};
use std::time::Duration;

use bytes::Bytes;
use flightline_jobs::request::RequestId;

mod clients;

pub use clients::ClientBackend;

/// A partition of the response topic, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u32);

/// A place in a partition: that of a line, or the end after the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A line of the response topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseLine {
    /// Where it stands in its partition.
    pub offset: Offset,
    /// Its bytes.
    pub payload: Bytes,
}

/// Why the system behind the page did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// It can't be reached just now, or gave up waiting: worth another try.
    #[error("the running job can't be reached: {0}")]
    Unavailable(String),
    /// It was reached, and said no: a topic or collection that it does not have, a request that is too large.
    #[error("the running job refuses: {0}")]
    Refused(String),
    /// The topic does not hold what was asked for: it was made anew, or its old lines are gone.
    #[error("the response topic has no line {offset} in partition {partition} any more")]
    Gone {
        /// Of which partition.
        partition: Partition,
        /// What was asked for.
        offset: Offset,
    },
}

/// The system behind the page.
pub trait Backend: Debug + Send + Sync {
    /// Appends a request to the request topic. When this returns, the request is durable.
    ///
    /// # Errors
    /// As [`BackendError`] says. After [`BackendError::Unavailable`] the request may be in the topic nevertheless.
    fn ask(&self, id: &RequestId, request: Bytes) -> Result<(), BackendError>;

    /// The answer that the collection holds under an id, however the id is spelt: one JSON object.
    ///
    /// # Errors
    /// As [`BackendError`] says.
    fn answer(&self, id: &RequestId) -> Result<Option<Bytes>, BackendError>;

    /// How many partitions the response topic has.
    ///
    /// # Errors
    /// As [`BackendError`] says.
    fn response_partitions(&self) -> Result<u32, BackendError>;

    /// Where the next line of a partition of the response topic will stand.
    ///
    /// # Errors
    /// As [`BackendError`] says.
    fn response_end(&self, partition: Partition) -> Result<Offset, BackendError>;

    /// The lines of a partition from an offset on, in order: as soon as there is one, at most a few megabytes, and none
    /// if none came in the time of `wait`.
    ///
    /// # Errors
    /// As [`BackendError`] says; [`BackendError::Gone`] if `from` lies beyond the end or before what is kept.
    fn responses(&self, partition: Partition, from: Offset, wait: Duration) -> Result<Vec<ResponseLine>, BackendError>;
}
