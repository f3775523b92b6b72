//! What a person's command does with a master: runs jobs, watches them, and ends them.
//!
//! | module | holds |
//! |---|---|
//! | [`flags`] | the command line |
//! | [`spec`] | from words to a job, and the files that travel with it |
//! | [`patience`] | calls that outlast a master that is away |
//! | [`watch`] | waiting for a job with its progress, and reading its log |
//! | [`upgraded`] | how an upgrade stands; pure |
//! | [`follow`] | where somebody is in the logs of a job's lives; pure |
//! | [`screen`] | progress on standard error, and what Ctrl-C leaves there |
//! | [`show`] | tables and sentences; pure |

pub mod flags;
pub mod follow;
pub mod patience;
pub mod screen;
pub mod show;
pub mod spec;
pub mod upgraded;
pub mod watch;
