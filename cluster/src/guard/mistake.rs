//! What can be wrong with a job, in sentences.

use std::fmt;

use thiserror::Error;

use super::carried::{MOST_BYTES, MOST_FILES};

/// Where in a job something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// In this argument, from 1.
    Argument(usize),
    /// In the value that an argument sets.
    Flag {
        /// Which argument, from 1.
        number: usize,
        /// The key, with dots.
        key: String,
    },
    /// In a carried file.
    Setting {
        /// The name of the file.
        file: String,
        /// The key, with dots.
        key: String,
    },
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(number) => write!(f, "argument {number}"),
            Self::Flag { number, key } => write!(f, "argument {number} ({key})"),
            Self::Setting { file, key } => write!(f, "{key} in the carried file {file}"),
        }
    }
}

/// Why a job may not run here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Mistake {
    /// A flag that only an agent gives.
    #[error("argument {number} is {flag}, which the agent gives itself: {instead}")]
    AgentsFlag {
        /// Which argument, from 1.
        number: usize,
        /// The flag, without a value.
        flag: String,
        /// What to do.
        instead: &'static str,
    },
    /// A place below no root.
    #[error(
        "{whereabouts} names {path:?}, which is not below a folder that jobs may use ({roots}): put it there, or let whoever \
         runs the workers add a root"
    )]
    Outside {
        /// Where it stands.
        whereabouts: Whereabouts,
        /// The place, as it was written.
        path: String,
        /// The folders that may be used.
        roots: String,
    },
    /// The cluster's own, wherever it lies.
    #[error(
        "{whereabouts} names {path:?}, which is or holds the cluster's own (its secrets, the master's state, our programs, a \
         worker's folder or settings): no job has that, below a root or not; name another place"
    )]
    Own {
        /// Where it stands.
        whereabouts: Whereabouts,
        /// The place, as it was written.
        path: String,
    },
    /// A `~`.
    #[error("{whereabouts} names {path:?}, but jobs have no home directory: write the whole path")]
    Home {
        /// Where it stands.
        whereabouts: Whereabouts,
        /// The place, as it was written.
        path: String,
    },
    /// A character that no argument can have.
    #[error("{0} has a zero byte in it, which no argument and no path can have")]
    Zero(Whereabouts),
    /// A carried file that isn't there.
    #[error("argument {number} is for the carried file {name:?}, but the job carries {carried}")]
    NotCarried {
        /// Which argument, from 1.
        number: usize,
        /// What follows `{carried}/`.
        name: String,
        /// What there is.
        carried: String,
    },
    /// A name that would not stay in its folder, or not be seen there.
    #[error("a carried file can't be called {name:?}: {why}")]
    FileName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two files with one name.
    #[error("two carried files are called {0:?}: give each a name of its own")]
    SameName(String),
    /// Too many.
    #[error("the job carries {0} files, but {MOST_FILES} are the most: put the others below a root")]
    TooManyFiles(usize),
    /// Too large.
    #[error("the job carries {0} bytes, but {MOST_BYTES} are the most: put large files below a root")]
    TooManyBytes(usize),
    /// A configuration that can't be looked through.
    #[error("the carried file {name} can't be read: {why}")]
    NotToml {
        /// The name of the file.
        name: String,
        /// What is wrong with it, in one line.
        why: String,
    },
    /// A `--set` that can't be read.
    #[error("argument {number} is no setting: {why}; write --set KEY=VALUE, the value as in TOML")]
    NoSetting {
        /// Which argument, from 1.
        number: usize,
        /// What is wrong with it, in one line.
        why: String,
    },
    /// A configuration that doesn't travel with the job.
    #[error(
        "argument {number} is for the configuration {path:?} of a worker's disk, but a job brings its own: carry the file \
         and write {{carried}}/NAME, as `submit PROGRAM -- --config FILE` does"
    )]
    ConfigThere {
        /// Which argument, from 1.
        number: usize,
        /// What it names.
        path: String,
    },
    /// A setting of a library that loads or runs what it names.
    #[error("{whereabouts} sets {setting}, which would run foreign code: leave it out")]
    ForeignCode {
        /// Where it stands.
        whereabouts: Whereabouts,
        /// The setting.
        setting: String,
    },
}

impl Mistake {
    /// Whether it is about what stands in this argument.
    pub(super) fn is_of_value(&self, argument: usize) -> bool {
        match self {
            Self::Outside { whereabouts, .. }
            | Self::Own { whereabouts, .. }
            | Self::Home { whereabouts, .. }
            | Self::ForeignCode { whereabouts, .. }
            | Self::Zero(whereabouts) => match whereabouts {
                Whereabouts::Argument(number) | Whereabouts::Flag { number, .. } => *number == argument,
                Whereabouts::Setting { .. } => false,
            },
            _ => false,
        }
    }
}

/// All that is wrong with a job; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the job can't run here: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Refusal(pub Vec<Mistake>);
