//! Collections of MongoDB, and of servers that speak its protocol.
//!
//! ```text
//! MongoServer ─┬─ MongoSink         a job's answers by UUID, and its dead letters
//!              ├─ MongoTable        a job's table: read whole, watched by polling or by a change stream
//!              ├─ MongoCollection   what others look up there
//!              └─ MongoRows         rows that are brought to it by `import`
//! ```
//!
//! Nothing here keeps a thread waiting in an operator: calls block, and are made from threads that may wait.
//!
//! Invariants of what is written:
//! - an answer is acknowledged by a majority of the servers, on their disks, before progress says so;
//! - a document, once it stands, is only ever replaced by the better answer that section "What each sink promises" of
//!   `docs/streaming.md` names;
//! - progress never goes back, and never says more than what is there, whoever writes it.
//!
//! Which server does what: see [`abilities`].

pub mod abilities;
mod answer;
mod collection;
mod command;
mod desk;
mod error;
mod json;
mod name;
mod options;
mod progress;
mod rows;
#[cfg(test)]
mod scripted;
mod server;
mod sink;
mod table;

pub use abilities::Abilities;
pub use collection::MongoCollection;
pub use error::MongoError;
pub use name::{MongoName, MongoNameError};
pub use options::MongoOptions;
pub use rows::{Brought, MongoRows};
pub use server::MongoServer;
pub use sink::MongoSink;
pub use table::{MongoTable, MongoTableOptions, RowOf, WatchBy};
