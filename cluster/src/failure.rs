//! Why a command of the control plane ends without having done what it should: a sentence, and an exit code.

use std::fmt;

use flightline_engine::process::Exit;

/// A command's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code that scripts are told.
    pub exit: Exit,
    /// What was wrong, where, and what to do.
    pub message: String,
}

impl Failure {
    /// Something about the command line or the surroundings that the user can mend.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }

    /// A file, a store or the disk.
    pub fn storage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Storage, message: message.to_string() }
    }

    /// A port, a thread, or another part of the cluster.
    pub fn cluster(message: impl fmt::Display) -> Self {
        Self { exit: Exit::ClusterStart, message: message.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
