//! The control plane: a master that places jobs on workers, the agents that run them, and the command that submits them.
//!
//! | module | holds |
//! |---|---|
//! | [`guard`] | which jobs may run where |
//! | [`ids`] | newtypes |
//! | [`job`] | what a job is, and its life cycle |
//! | [`secret`] | the two secrets, and what is derived from them |
//! | [`entropy`] | where random numbers come from |
//! | [`rpc`] | calls in sealed envelopes |
//! | [`master`] | places jobs on workers and watches them |
//! | [`protocol`] | what agents and the master tell each other |
//! | [`view`] | what pages and their JSON twins show |

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics is a test that fails")
)]

pub mod entropy;
pub mod guard;
pub mod ids;
pub mod job;
pub mod master;
pub mod protocol;
pub mod rpc;
pub mod secret;
pub mod view;
