//! Connectors that keep everything in memory: for tests of the engine and of jobs, and small enough to read as examples.
//!
//! Each value is a destination or an origin itself: clones share it, as two processes share a server. They pass the
//! [`conformance`](crate::conformance) suite, and can be told to fail, to be slow or to be away. What they hold is gone
//! with the last clone.

mod blobs;
mod sink;
mod source;
mod table;
mod trouble;

pub use blobs::MemoryBlobs;
pub use sink::MemorySink;
pub use source::MemoryLog;
pub use table::MemoryTable;
pub use trouble::Troubles;
