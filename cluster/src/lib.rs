//! The control plane: a master that places jobs on workers, the agents that run them, and the command that submits them.
//!
//! | module | holds |
//! |---|---|
//! | [`ids`] | newtypes |
//! | [`job`] | what a job is, and its life cycle |
//! | [`protocol`] | what agents and the master tell each other |
//! | [`ui`] | pages of the master and of an agent, their JSON twins, and who may see them |
//! | [`view`] | what pages and their JSON twins show |

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics is a test that fails")
)]

pub mod ids;
pub mod job;
pub mod protocol;
pub mod ui;
pub mod view;
