//! What a job is: what was asked for, where it stands, and its lives. Pure: no clock, no network, no store.
//!
//! | module | holds |
//! |---|---|
//! | [`spec`] | what was submitted |
//! | [`state`] | the life cycle, and each legal step of it |

pub mod spec;
pub mod state;
