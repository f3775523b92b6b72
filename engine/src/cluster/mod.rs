//! From the flags `-w -n -p -h` to running workers.
//!
//! | module | does |
//! |---|---|
//! | [`flags`] | the flags, as `clap` reads them |
//! | [`plan`] | what the flags say, checked: [`ClusterPlan`] |
//! | [`hostfile`] | the file whose lines are the addresses of the processes |
//! | [`secret`] | what the processes know and nobody else: [`MeshSecret`] |
//! | `hello` | the first bytes on each connection; pure |
//! | `proof` | how a process proves that it knows the secret; pure but for the source of nonces |
//! | `handshake` | what both sides say in turn, and when they believe each other; pure |
//! | `judge` | who may work with whom; pure |
//! | `connect` | joins all processes into a mesh of sockets before a deadline |
//! | `visitors` | connections from outside that are still to prove who they are |
//! | `dial` | connecting to one other process, again and again until it is there |
//! | [`run()`] | hands the sockets to timely, runs the workers, gives their results |
//!
//! The mesh is static: all processes start together and end together; one lost process ends all
//! ([`crate::process::panics`]). Who joins has proven that it knows the secret (or runs `--insecure`, where whoever can
//! reach the ports may join). What flows afterwards is neither encrypted nor authenticated: who sits on the way between two
//! processes can read and change it.

mod connect;
mod dial;
pub mod error;
pub mod flags;
mod handshake;
mod hello;
pub mod hostfile;
mod judge;
pub mod plan;
mod proof;
pub mod run;
pub mod secret;
mod visitors;

pub use error::{ClusterError, FlagMistake, MissingPeer};
pub use flags::ClusterFlags;
pub use hostfile::Address;
pub use plan::ClusterPlan;
pub use run::run;
pub use secret::MeshSecret;
