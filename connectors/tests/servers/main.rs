//! The connectors against real servers: those of `tests/services`.
//!
//! Every test uses names of its own, so all run side by side on the same servers; one that stops or pauses a server starts a
//! set of its own. Where the servers aren't up, a test fails and says how to start them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what can't go on must fail the test, and says why"
)]

mod addresses;
mod files;
mod kafka;
mod mongodb;
mod services;
