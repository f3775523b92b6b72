//! From the flags `-w -n -p -h` to running workers.
//!
//! | module | does |
//! |---|---|
//! | [`flags`] | the flags, as `clap` reads them |
//! | [`plan`] | what the flags say, checked: [`ClusterPlan`] |
//! | [`hostfile`] | the file whose lines are the addresses of the processes |
//! | `hello` | the first bytes on each connection, and whom they let in; pure |
//! | `connect` | joins all processes into a mesh of sockets before a deadline |
//! | `visitors` | connections from outside that are still to say who they are |
//! | `dial` | connecting to one other process, again and again until it is there |
//! | [`run()`] | hands the sockets to timely, runs the workers, gives their results |
//!
//! The mesh is static: all processes start together and end together; one lost process ends all
//! ([`crate::process::panics`]). There is no authentication yet: whoever can reach the port and knows the protocol can
//! join a starting mesh, so run it on a network that you trust.

mod connect;
mod dial;
pub mod error;
pub mod flags;
mod hello;
pub mod hostfile;
pub mod plan;
pub mod run;
mod visitors;

pub use error::{ClusterError, FlagMistake, MissingPeer};
pub use flags::ClusterFlags;
pub use hostfile::Address;
pub use plan::ClusterPlan;
pub use run::run;
