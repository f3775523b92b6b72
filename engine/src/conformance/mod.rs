//! The suite that every connector passes. Plain functions: a connector's own tests give them a harness and expect `Ok`.
//!
//! | module | checks | harness gives |
//! |---|---|---|
//! | [`source`] | [`Source`](crate::contract::Source) | a fresh log, handles to it, a way to append |
//! | [`sink`] | [`Sink`](crate::contract::Sink) | a fresh destination, handles to it, all that a reader finds there |
//! | [`table`] | [`TableSource`](crate::contract::TableSource) | a fresh table, handles to it, a way to change its rows |
//! | [`blobs`] | [`Blobs`](crate::contract::Blobs) | a fresh folder, handles to it |
//!
//! A handle stands for a process: a new handle is a restarted one, a writer that is dropped is one that was killed. The
//! suite can't stop a connector between two of its instructions; that is what [`failpoint`](crate::failpoint) is for.
//!
//! Random choices come from a seeded generator, and the seed stands in the [`Violation`]: the same seed, the same game.
//!
//! ```
//! use flightline_engine::conformance::{self, blobs::BlobsHarness};
//! use flightline_engine::contract::Blobs;
//! use flightline_engine::memory::MemoryBlobs;
//!
//! struct Harness(MemoryBlobs);
//!
//! impl BlobsHarness for Harness {
//!     fn fresh(&mut self) {
//!         self.0 = MemoryBlobs::default();
//!     }
//!
//!     fn blobs(&mut self) -> Box<dyn Blobs> {
//!         Box::new(self.0.clone())
//!     }
//! }
//!
//! assert_eq!(conformance::blobs::check(&mut Harness(MemoryBlobs::default())), Ok(()));
//! ```

pub mod blobs;
mod dice;
mod report;
pub mod sink;
pub mod source;
pub mod table;
#[cfg(test)]
mod tests;

pub use report::Violation;
