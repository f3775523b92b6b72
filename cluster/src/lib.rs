//! The control plane: a master that places jobs on workers, the agents that run them, and the command that submits them.
//!
//! | module | holds |
//! |---|---|
//! | [`agent`] | processes of jobs on a worker |
//! | [`guard`] | which jobs may run where |
//! | [`ids`] | newtypes |
//! | [`job`] | what a job is, and its life cycle |
//! | [`secret`] | the two secrets, and what is derived from them |
//! | [`entropy`] | where random numbers come from |
//! | [`rpc`] | calls in sealed envelopes |
//! | [`master`] | places jobs on workers and watches them |
//! | [`protocol`] | what agents and the master tell each other |
//! | `private` | files that only their owner may read |
//! | [`port`] | the port for calls |
//! | [`submit`] | what a person's command does |
//! | [`ui`] | pages of the master and of an agent, their JSON twins, and who may see them |
//! | [`commands`], [`failure`] | the binaries |
//! | [`view`] | what pages and their JSON twins show |

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics is a test that fails")
)]

pub mod agent;
pub mod commands;
pub mod entropy;
pub mod failure;
pub mod guard;
pub mod ids;
pub mod job;
pub mod master;
pub mod port;
mod private;
pub mod protocol;
pub mod rpc;
#[cfg(test)]
mod samples;
pub mod secret;
pub mod submit;
pub mod ui;
pub mod view;
