//! The harness of the end-to-end tests: it starts the real binaries, watches them and never waits for luck.
//!
//! - [`Folder`] is a temporary folder of one test; [`Invocation`] is a command line in it.
//! - [`Invocation::finish`] waits for the end and gives an [`Ended`]; [`Invocation::start`] gives a [`Running`], to be
//!   watched, signalled and killed. Every wait is for a condition and has a deadline.
//! - [`servers::Servers`] says where the servers of `tests/services` are; [`servers::Proxy`] is a wire to one.
//! - [`page::Page`] is a `web` in front of a job; [`cluster::Cluster`] is a master with workers, and [`browser`] is Chromium in
//!   front of its pages; [`Lan`] is a network of several hosts.
//! - [`rows`] reads the bundled flights and writes them in every format; [`Chance`] is a source of chance whose seed is
//!   printed and can be given.
//!
//! Invariants: whatever was started dies with its [`Running`]; every failure shows the command line, how it ended and
//! the last lines that it wrote. This crate knows the binaries by their command lines only, as a user does; what can't be
//! shown with processes, two lives of a job on one store, is [`job::Life`].
//!
//! The binary `planted` beside it is `predict` with a bug, to show that the crash tests find bugs.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a harness of tests: what can't go on must fail the test, and says why"
)]

mod binaries;
pub mod browser;
mod chance;
pub mod cluster;
mod collected;
pub mod compose;
mod ended;
mod folder;
mod invocation;
pub mod job;
mod lan;
mod network;
pub mod page;
pub mod rows;
mod running;
pub mod servers;
mod wait;

pub use binaries::{bundled_distances, bundled_flights, project_root};
pub use chance::Chance;
pub use ended::Ended;
pub use folder::Folder;
pub use invocation::Invocation;
pub use lan::{Brought, Lan};
pub use network::{Hosts, Occupied, free_ports, free_ports_in_a_row};
pub use running::Running;
pub use rustix::process::Signal;
pub use wait::{DEADLINE, wait_until};
