//! The end-to-end tests: the real binaries, run as a user runs them, on real flights.
//!
//! `cargo build --release --workspace --bins` must have built the binaries. One test binary for all, because each one
//! more costs a link of everything.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what can't go on must fail the test, and says why"
)]

mod bad_cluster;
mod bad_input;
mod bad_rows;
mod cluster;
mod commands;
mod dead_letters;
mod demo;
mod deploy;
mod features;
mod full_disk;
mod generate;
mod golden_rows;
mod hostile;
mod hostile_ports;
mod hosts;
mod import;
mod interrupts;
mod layers;
mod lookups;
mod lost_peer;
mod memory;
mod models;
mod operating;
mod page;
mod predictions;
mod process_end;
mod promotion;
mod quality;
mod replay;
mod same_model;
mod search;
mod servers;
mod starts;
mod storm;
mod supervised;
mod swaps;
mod tidy;
mod training;
mod troubles;
