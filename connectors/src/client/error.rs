//! What can go wrong between a client and a topic or collection.

use flightline_engine::log::Partition;
use thiserror::Error;

use crate::embedded::EmbeddedError;

/// An error of a client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientError {
    /// An address that can't be one.
    #[error("`{address}` is no address of a job: {cause}; write `host:port`, as the job says it at its start")]
    BadAddress {
        /// As given.
        address: String,
        /// What is wrong with it.
        cause: String,
    },

    /// Nobody answered, and nothing was sent.
    #[error("no job answers at {address}: {cause}; is it running, and is that the address that it said at its start?")]
    Unreachable {
        /// Who was asked.
        address: String,
        /// What happened.
        cause: String,
    },

    /// What was sent may have been done or not.
    #[error(
        "{address} was asked to {action} and did not say how it went: {cause}; it may be done or not, so look before \
         asking again"
    )]
    Uncertain {
        /// Who was asked.
        address: String,
        /// For what.
        action: String,
        /// What happened.
        cause: String,
    },

    /// An answer that did not come, or that can't be read.
    #[error("{address} was asked to {action} and gave no usable answer: {cause}; try again")]
    NoAnswer {
        /// Who was asked.
        address: String,
        /// For what.
        action: String,
        /// What happened.
        cause: String,
    },

    /// A clear no.
    #[error("{address} was asked to {action} and refused ({status}): {sentence}")]
    Refused {
        /// Who was asked.
        address: String,
        /// For what.
        action: String,
        /// The HTTP status.
        status: u16,
        /// The word for programs.
        kind: String,
        /// Its own words.
        sentence: String,
    },

    /// None of the job's processes has it.
    #[error("no process of the job has {what}; asked were {asked}; give the addresses of all of its processes")]
    Nowhere {
        /// The topic, partition or collection.
        what: String,
        /// The addresses, and what came of asking them.
        asked: String,
    },

    /// More than one request may carry.
    #[error("{bytes} bytes of records are too many for one request (at most {limit}): send them in parts")]
    TooLarge {
        /// The bytes.
        bytes: usize,
        /// The most that is sent.
        limit: usize,
    },

    /// More records than one request may carry.
    #[error("{records} records are too many for one request (at most {limit}): send them in parts")]
    TooMany {
        /// The records.
        records: usize,
        /// The most that are sent.
        limit: usize,
    },

    /// What a server that is no job of ours came to: Kafka, say.
    #[error("{sentence}")]
    Server {
        /// What was tried, where, what happened, and what to do.
        sentence: String,
        /// Whether the same may work later.
        transient: bool,
        /// Whether it may have been done all the same.
        uncertain: bool,
    },

    /// An open topic or collection of this process.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
}

impl ClientError {
    /// Whether what was asked for may have been done all the same.
    #[must_use]
    pub const fn is_uncertain(&self) -> bool {
        match self {
            Self::Uncertain { .. } => true,
            Self::Server { uncertain, .. } => *uncertain,
            Self::Embedded(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Whether the same may work when it is asked again later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Uncertain { .. } | Self::NoAnswer { .. } | Self::Nowhere { .. } => true,
            Self::Refused { status, .. } => *status == 503 || *status == 408,
            Self::Embedded(error) => error.is_transient(),
            Self::Server { transient, .. } => *transient,
            Self::BadAddress { .. } | Self::TooLarge { .. } | Self::TooMany { .. } => false,
        }
    }

    /// Whether nothing was done, and another process may be the right one to ask.
    pub(super) fn asks_elsewhere(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { kind, .. } => matches!(kind.as_str(), "no-topic" | "no-collection" | "elsewhere"),
            _ => false,
        }
    }
}

/// How a partition is named in messages.
pub(super) fn partition_name(topic: &str, partition: Partition) -> String {
    format!("partition {partition} of topic `{topic}`")
}
