//! What the page needs of the system behind it: ask, look an answer up, follow the answers.
//!
//! Every call may block; the server makes them on threads that may wait, never in its own tasks. A backend is shared by all
//! of them.

use std::fmt::Debug;

use bytes::Bytes;
use flightline_jobs::clients::{ClientError, Follower};
use flightline_jobs::request::RequestId;

mod clients;

pub use clients::ClientBackend;

/// Why the system behind the page did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// It can't be reached just now, or gave up waiting: worth another try.
    #[error("{0}")]
    Unavailable(String),
    /// It was reached, and said no: a topic or collection that it does not have, a request that is too large.
    #[error("{0}")]
    Refused(String),
}

impl From<ClientError> for BackendError {
    fn from(error: ClientError) -> Self {
        let sentence = error.to_string();
        if error.is_transient() || error.is_uncertain() { Self::Unavailable(sentence) } else { Self::Refused(sentence) }
    }
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

    /// What comes into the response topic from now on, of all its partitions.
    ///
    /// # Errors
    /// As [`BackendError`] says.
    fn follow(&self) -> Result<Box<dyn Follower>, BackendError>;

    /// Whether a request could be appended now; nothing is.
    ///
    /// # Errors
    /// As [`BackendError`] says.
    fn can_ask(&self) -> Result<(), BackendError>;
}
