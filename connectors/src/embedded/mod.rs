//! Topics and collections in files of this machine, so that a stream runs with nothing else installed.
//!
//! ```text
//! EmbeddedStore ─┬─ Topic ──────── PartitionLog ── StoreFile   topics/<name>/<partition>.redb, topics/<name>/topic.json
//!                │    ├─ EmbeddedSource                        (a job's requests)
//!                │    └─ EmbeddedTopicSink                     (its answers, or dead letters)
//!                └─ Collection ─────────────────── StoreFile   collections/<name>.redb
//!                     ├─ EmbeddedTable                         (a job's table)
//!                     └─ EmbeddedCollectionSink                (its answers by UUID)
//! routes ── HTTP: what other processes ask of the one that holds the files
//! ```
//!
//! A redb file belongs to one process at a time, so several processes of a job share out the partitions, and a collection is
//! on the first of them. Within a process there is one handle of each, for any number of readers and writers.
//!
//! Invariants:
//! - what was reported as written is on disk, and survives a `kill -9` at any moment;
//! - an offset is given once and its bytes never change; a partition's end never goes back;
//! - a sink's lines and its progress change in one transaction, so each line is there once;
//! - what a job's sink writes, nobody else writes;
//! - a file has its name when it is whole, so that a kill while it is made leaves nothing in the way;
//! - after an I/O error the file is opened anew, and nothing is taken for written that isn't.
//!
//! Nothing is ever deleted: a topic grows as long as it is written. There is no replication.

mod collection;
mod collection_sink;
mod document;
mod error;
mod file;
mod group_commit;
mod http;
mod names;
mod partition_log;
mod shape;
mod sink_state;
mod source;
mod store;
mod table;
mod topic;
mod topic_sink;

pub use collection::Collection;
pub use collection_sink::EmbeddedCollectionSink;
pub use error::EmbeddedError;
pub use http::routes;
#[cfg(test)]
pub(crate) use http::serving::Served;
pub(crate) use http::{MOST_RECORDS, wire};
pub use shape::TopicShape;
pub use source::EmbeddedSource;
pub use store::{EmbeddedStore, PageCache};
pub use table::EmbeddedTable;
pub use topic::Topic;
pub use topic_sink::EmbeddedTopicSink;

#[cfg(test)]
mod conformance_tests;
