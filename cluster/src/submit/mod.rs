//! What a person's command does with a master: runs jobs, watches them, and ends them.
//!
//! | module | holds |
//! |---|---|
//! | [`flags`] | the command line |
//! | [`spec`] | from words to a job, and the files that travel with it |
//! | [`watch`] | waiting for a job with its progress, and following its log |
//! | [`show`] | tables and sentences; pure |

pub mod flags;
pub mod show;
pub mod spec;
pub mod watch;
