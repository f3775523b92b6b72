//! The control plane: a master that places jobs on workers, the agents that run them, and the command that submits them.
//!
//! | module | holds |
//! |---|---|
//! | [`agent`] | processes of jobs on a worker |
//! | [`guard`] | which jobs may run where |
//! | [`ids`] | newtypes |
//! | [`job`] | what a job is, and its life cycle |
//! | [`protocol`] | what agents and the master tell each other |
//! | [`view`] | what pages and their JSON twins show |

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics is a test that fails")
)]

pub mod agent;
pub mod guard;
pub mod ids;
pub mod job;
pub mod protocol;
pub mod view;
