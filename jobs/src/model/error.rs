//! What can be wrong with a model, in sentences for the person who asked for it.

use std::io;
use std::path::Path;

use flightline_connectors::files::FileError;
use flightline_engine::contract::Fault;
use flightline_engine::process::Exit;

use super::golden::GoldenError;
use super::id::ModelId;
use crate::failure::{Failure, FailureKind};

/// A model that can't be made, saved, found, read or trusted.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is not what was saved.
    #[error("`{file}` is damaged: {what}; bring the model's folder back from a copy, or train again")]
    Damaged {
        /// The file.
        file: String,
        /// What was wrong.
        what: String,
    },
    /// A file is from another time.
    #[error(
        "`{file}` has format version {found}, and this build reads version {known}; use the build that wrote it, or train again"
    )]
    UnknownFormat {
        /// The file.
        file: String,
        /// Its version.
        found: u64,
        /// Ours.
        known: u32,
    },
    /// A whole and unchanged file asks for what this build can't do.
    #[error("`{file}` is whole, but this build can't use it: {what}; use the build that wrote it, or train again")]
    Foreign {
        /// The file.
        file: String,
        /// What this build lacks.
        what: String,
    },
    /// The model does not answer as it did when it was made.
    #[error("model {} can't be trusted: {problem}; this build computes otherwise than the one that trained it: use that build, or train again", .id.short())]
    Golden {
        /// The model.
        id: ModelId,
        /// The first difference.
        problem: GoldenError,
    },
    /// The parts of a new model do not fit together.
    #[error("internal error (bug): the parts of the model don't fit together: {0}")]
    Unfit(String),
    /// A file that should be there can't be read.
    #[error("can't read `{path}`: {source}; check the path, its owner and its mode")]
    Read {
        /// The file or folder.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A file can't be written.
    #[error("the model is not saved, and what was there before stands: {0}")]
    Write(#[from] FileError),
    /// A store can't be asked.
    #[error("{0}")]
    Store(Fault),
    /// A store did not take a model, or not all of it.
    #[error("the model is not saved: {0}; to train again goes on with what is there of it")]
    NotSaved(Fault),
    /// A store did not take the name of the current model.
    #[error("whether model {} is current now is not known: {fault}; `model list` shows it, and `model promote {}` makes it so", .id.short(), .id.short())]
    NotPromoted {
        /// The model.
        id: ModelId,
        /// What the store says.
        fault: Fault,
    },
    /// A store holds something else under the name of a model's file.
    #[error(
        "the model is not saved: `{file}` is there already and is none of its files, and nothing in a store is replaced; delete `{folder}` with all that is in it, and train again"
    )]
    Occupied {
        /// The object.
        file: String,
        /// The folder of the model.
        folder: String,
    },
    /// There is no such folder.
    #[error("there is no folder of models `{0}`; `train` makes one, and --models names another")]
    NoRegistry(String),
    /// No model was made current yet.
    #[error("no model in `{0}` is current; `model list` shows what is there, `model promote ID` makes one current")]
    NoneIsCurrent(String),
    /// No id starts so.
    #[error("no model in `{registry}` has an id that starts with `{prefix}`; `model list` shows what is there")]
    NoSuchModel {
        /// The folder of models.
        registry: String,
        /// What was asked for.
        prefix: String,
    },
    /// Several ids start so.
    #[error("{count} models in `{registry}` have ids that start with `{prefix}`; write more digits")]
    Ambiguous {
        /// The folder of models.
        registry: String,
        /// What was asked for.
        prefix: String,
        /// How many there are.
        count: usize,
    },
    /// What was asked for can't be the start of an id.
    #[error(
        "`{0}` can't be the start of a model id: an id has hexadecimal digits in lower case; `model list` shows what is there"
    )]
    NotAPrefix(String),
}

impl ModelError {
    pub(super) fn damaged(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Damaged { file: file.into(), what: what.into() }
    }

    pub(super) fn foreign(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Foreign { file: file.into(), what: what.into() }
    }

    /// A file of a model that can't be opened or read: damage when it is not there.
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::NotFound {
            return Self::damaged(path.display().to_string(), "it is missing");
        }
        Self::Read { path: path.display().to_string(), source }
    }

    /// What a running job is to make of it: a store that hiccups says nothing of the model.
    #[must_use]
    pub fn fault(self) -> Fault {
        match self {
            Self::Store(fault) => fault,
            Self::Read { .. } => Fault::transient(self.to_string()),
            error => Fault::permanent(error.to_string()),
        }
    }

    /// The code with which a process ends on this error.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Damaged { .. }
            | Self::UnknownFormat { .. }
            | Self::Foreign { .. }
            | Self::Golden { .. }
            | Self::Occupied { .. } => Exit::DamagedModel,
            Self::Unfit(_) => Exit::Bug,
            Self::Read { .. } | Self::Write(_) | Self::Store(_) | Self::NotSaved(_) | Self::NotPromoted { .. } => {
                Exit::Storage
            }
            Self::NoRegistry(_) | Self::NoneIsCurrent(_) => Exit::BadInput,
            Self::NoSuchModel { .. } | Self::Ambiguous { .. } | Self::NotAPrefix(_) => Exit::Usage,
        }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        let kind = match error.exit() {
            Exit::Usage => FailureKind::Usage,
            Exit::BadInput => FailureKind::BadInput,
            Exit::Storage => FailureKind::Storage,
            Exit::DamagedModel => FailureKind::DamagedModel,
            _ => FailureKind::Bug,
        };
        Self::new(kind, error.to_string())
    }
}
