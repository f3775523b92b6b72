//! Exit codes. Scripts and the master decide by them what to do next, so they never change their meaning.
//!
//! | code | name | meaning | try again? |
//! |---|---|---|---|
//! | 0 | [`Exit::Ok`] | all done | |
//! | 1 | [`Exit::Bug`] | an internal error; please report the message | no |
//! | 2 | [`Exit::Usage`] | the command line is wrong, the hostfile and the secret included | no |
//! | 3 | [`Exit::BadInput`] | the data is missing, unreadable, or has too many bad rows | no |
//! | 4 | [`Exit::Storage`] | a file or store couldn't be written or read: disk full, no permission | after mending it |
//! | 5 | [`Exit::ClusterStart`] | the processes didn't come together: port in use, a peer that never came or differs | after mending it |
//! | 6 | [`Exit::PeerLost`] | another process of the cluster ended or vanished while we worked | yes |
//! | 7 | [`Exit::DamagedModel`] | a model's files are cut short or changed, or from an unknown format version | no |
//! | 8 | [`Exit::Superseded`] | a later start of this job is at work, so this older one ended | no |
//! | 9 | [`Exit::Differs`] | a sink holds something else than what the ledger and the log say | no |
//! | 130 | [`Exit::Interrupted`] | Ctrl-C (SIGINT) | |
//! | 143 | [`Exit::Terminated`] | asked to end (SIGTERM), or the agent that started it is gone | |

use std::process::{ExitCode, Termination};

/// How a process ended. See the [table](self) of what each code asks of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All done.
    Ok = 0,
    /// An internal error.
    Bug = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The input data is missing or bad.
    BadInput = 3,
    /// A file or store couldn't be written or read.
    Storage = 4,
    /// The processes of the cluster didn't come together.
    ClusterStart = 5,
    /// A process of the cluster was lost while we worked.
    PeerLost = 6,
    /// A model's files are not what was saved.
    DamagedModel = 7,
    /// A later life of the job is at work.
    Superseded = 8,
    /// A sink doesn't hold what was computed again.
    Differs = 9,
    /// Ended by Ctrl-C.
    Interrupted = 130,
    /// Ended by SIGTERM, or because the agent that started it is gone.
    Terminated = 143,
}

impl Exit {
    /// The code that the operating system is told.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Ends the process now. Destructors don't run, and so nothing is renamed into place any more.
    pub fn end(self) -> ! {
        std::process::exit(i32::from(self.code()))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.into()
    }
}
