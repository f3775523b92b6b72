//! A worker's agent: starts, watches, limits and stops the processes of jobs, as its master orders.
//!
//! ```text
//!  orders ──► household ──► roster: what is to be done (pure)
//!                 │ ▲
//!    start, drain,│ │ came up, ended
//!    kill         ▼ │
//!              processes ──► logs, newest telemetry
//! ```
//!
//! | module | is |
//! |---|---|
//! | [`roster`] | from what there is and what is ordered to what is to be done: pure |
//! | [`household`] | the shell around it: what whoever talks to the master drives |
//! | `process` | one process of the operating system, and its threads |
//! | `ending`, `said`, `command_line` | how one ended; what it says of itself; what it is started with: pure |
//! | `exiting` | whether one is on its way out before anybody was told |
//! | `settings` | where an agent works, and within which limits |
//! | `folder`, `leftovers` | what stands on the disk for a process, and what is kept of it |
//! | [`log`] | bounded logs at absolute positions |
//! | [`privilege`] | no agent is root without being told to |
//! | [`link`] | the line to the master: what is, and what shall be |
//! | `report` | how much is said of what is: pure |
//! | `lives` | what was ordered, and what has been fetched of it: pure |
//! | [`answers`] | what the agent answers to the master |
//! | [`sight`] | what its own pages see |
//!
//! A process never outlives its agent: the agent holds one end of a socket pair that is the process's standard input, and a
//! program of ours ends itself when that is closed, in whatever way its agent ended. An agent that starts again therefore
//! starts with nothing.

pub mod answers;
mod command_line;
mod ending;
mod exiting;
mod folder;
pub mod household;
mod leftovers;
pub mod link;
mod lives;
pub mod log;
mod memory;
pub mod privilege;
mod process;
mod report;
pub mod roster;
mod said;
mod secret;
mod settings;
pub mod sight;

pub(crate) use command_line::is_passed;
pub use folder::FolderError;
pub(crate) use folder::LOCK;
pub use household::Household;
pub use leftovers::Keep;
pub use lives::Wanted;
pub use privilege::check_user;
pub use secret::JobSecret;
pub use settings::Settings;
