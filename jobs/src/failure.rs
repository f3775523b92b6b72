//! Why a command ends without its result: one sentence for the person who started it, and the exit code for a script.
//!
//! A failure is plain data, so that the worker that meets it can tell all others, and every process ends alike.

use std::io::ErrorKind;

use flightline_connectors::files::FileError;
use flightline_engine::cluster::ClusterError;
use flightline_engine::process::Exit;
use serde::{Deserialize, Serialize};

use crate::flight::counts::BadInput;
use crate::flight::decode::DecodeError;
use crate::generating::WriteError;
use crate::table::TableError;

/// What kind of failure it is: decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailureKind {
    /// The command line is wrong.
    Usage,
    /// The data is missing, unreadable, or has too many bad rows.
    BadInput,
    /// A file or store could not be read or written.
    Storage,
    /// The processes did not come together.
    ClusterStart,
    /// A model's files are not what was saved.
    DamagedModel,
    /// A later start of the job is at work.
    Superseded,
    /// A sink holds something else than what was computed again.
    Differs,
    /// An error of ours.
    Bug,
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// One sentence: what was wrong, where, and what to do.
    pub message: String,
}

impl Failure {
    /// A failure of some kind.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The code that the process ends with.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self.kind {
            FailureKind::Usage => Exit::Usage,
            FailureKind::BadInput => Exit::BadInput,
            FailureKind::Storage => Exit::Storage,
            FailureKind::ClusterStart => Exit::ClusterStart,
            FailureKind::DamagedModel => Exit::DamagedModel,
            FailureKind::Superseded => Exit::Superseded,
            FailureKind::Differs => Exit::Differs,
            FailureKind::Bug => Exit::Bug,
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let kind = if error.is_storage() { FailureKind::Storage } else { FailureKind::BadInput };
        Self::new(kind, error.to_string())
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::new(FailureKind::BadInput, error.to_string())
    }
}

impl From<BadInput> for Failure {
    fn from(error: BadInput) -> Self {
        Self::new(FailureKind::BadInput, error.to_string())
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        let kind = match &error {
            TableError::Read { source, .. } if source.kind() != ErrorKind::NotFound => FailureKind::Storage,
            _ => FailureKind::BadInput,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::File(error) => error.into(),
            WriteError::NotOurs { .. } | WriteError::Threads(_) => Self::new(FailureKind::Storage, error.to_string()),
        }
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        let kind = match error.exit() {
            Exit::Usage => FailureKind::Usage,
            Exit::Superseded => FailureKind::Superseded,
            _ => FailureKind::ClusterStart,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use flightline_engine::ids::ProcessIndex;
    use flightline_engine::ledger::Generation;

    use super::*;

    #[test]
    fn errors_keep_their_sentence_and_get_the_code_of_their_kind() {
        let missing = FileError::NotFound { name: "x.csv".to_owned(), hint: String::new() };
        let failure = Failure::from(missing);
        assert_eq!(failure.exit(), Exit::BadInput);
        assert_eq!(failure.to_string(), "there is no file or folder `x.csv`; check the path");
        let full = FileError::Write { path: "out".to_owned(), cause: "the disk is full".to_owned() };
        assert_eq!(Failure::from(full).exit(), Exit::Storage);
        assert_eq!(Failure::from(ClusterError::Flags(Vec::new())).exit(), Exit::Usage);
        let later = ClusterError::Superseded {
            peer: ProcessIndex::new(1),
            at: "host:1".to_owned(),
            later: Generation(5),
            ours: Some(Generation(4)),
        };
        assert_eq!(Failure::from(later).exit(), Exit::Superseded);
    }
}
