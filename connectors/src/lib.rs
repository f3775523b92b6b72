//! Where rows come from and answers go.
//!
//! Each connector is a module of its own and knows no job: it moves bytes and columns, and leaves their meaning to
//! the crates above.
//!
//! | module | holds |
//! |---|---|
//! | [`files`] | batch input and output on the local disk and, behind the features `hdfs`, `s3` and `gs`, on those stores |
//! | [`embedded`] | topics and collections in files of this machine: source, table, sinks, and the routes to ask for them |
//! | `kafka` | topics of Kafka, behind the feature `kafka`: source, sinks, and what others ask of them |
//! | `mongodb` | collections of MongoDB, with the feature of that name: sink, table, client, import |
//! | [`client`] | topics and collections as others use them: of this process, or of a running job over HTTP |

// A failed expectation of a test is told best by a panic right there.
#![cfg_attr(test, allow(clippy::expect_used, clippy::panic, clippy::unwrap_used))]

pub mod client;
pub mod embedded;
pub mod files;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "mongodb")]
pub mod mongodb;
