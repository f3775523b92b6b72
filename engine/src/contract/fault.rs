//! What goes wrong in a connector: transient, permanent, or superseded. Three types, since three things follow.

use thiserror::Error;

use crate::ledger::Generation;

/// It may work when tried again: a server that is away, a full queue.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Transient(pub String);

/// Trying again won't help: somebody must mend something first. The text says what and how.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Permanent(pub String);

/// A later life of the job is at work; this one must end and touch nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("generation {later} of this job is at work: this older one ends")]
pub struct Superseded {
    /// The generation that was seen.
    pub later: Generation,
}

/// What a connector's call came to when it did not work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Try the same again later.
    #[error(transparent)]
    Transient(#[from] Transient),
    /// Stop the job.
    #[error(transparent)]
    Permanent(#[from] Permanent),
    /// End quietly.
    #[error(transparent)]
    Superseded(#[from] Superseded),
}

impl Fault {
    /// A transient fault with this sentence.
    pub fn transient(sentence: impl Into<String>) -> Self {
        Self::Transient(Transient(sentence.into()))
    }

    /// A permanent fault with this sentence.
    pub fn permanent(sentence: impl Into<String>) -> Self {
        Self::Permanent(Permanent(sentence.into()))
    }
}
