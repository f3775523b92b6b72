//! The connector of MongoDB against servers of its protocol.
//!
//! FerretDB is the one that people run; its updates look first and write afterwards, and it has no change streams. The
//! other one keeps everything in memory, changes a document in one step as MongoDB does, and tells of changes. What holds
//! on both does not hang on what only one of them does.

mod cutting;
mod import;
mod refusals;
mod sink;
mod table;

use std::hash::{BuildHasher, RandomState};

use flightline_connectors::mongodb::{MongoName, MongoOptions, MongoServer};

use crate::addresses::address;

/// FerretDB.
pub(crate) fn ferretdb() -> String {
    address("MONGODB_URL")
}

/// The server that keeps everything in memory.
pub(crate) fn in_memory() -> String {
    address("MONGODB_MEMORY_URL")
}

/// A client of its own.
pub(crate) fn server(url: &str) -> MongoServer {
    MongoServer::new(MongoOptions::new(url)).unwrap()
}

/// The `host:port` of a URL.
pub(crate) fn host(url: &str) -> &str {
    url.strip_prefix("mongodb://").unwrap().trim_end_matches('/')
}

/// A name that nobody uses.
pub(crate) fn fresh(collection: &str) -> MongoName {
    let number = RandomState::new().hash_one("a fresh key every time");
    format!("test_{number:016x}.{collection}").parse().unwrap()
}
