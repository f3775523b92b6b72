//! Reading and writing files on any object store: input and output of batch jobs, and what streaming jobs keep in folders.
//!
//! A job names its input by paths, globs, folders or URLs. [`resolve`] turns those into a sorted list of
//! [`InputFile`]s, [`plan`] shares the list out to the workers, and each worker calls [`read`] for its own
//! [`Split`]s, which hands it blocks of whole lines or batches of columns. Output goes through [`AtomicFile`] and
//! [`AtomicDir`], so that nothing half-written ever stands under a final name.
//!
//! ```text
//! patterns ─ location ─ listing ──── split ─────── read ─┬─ lines ── decompress ─┬─ object_reader ─ stores
//!            (what is   (sizes and   (who reads          ├─ parquet_rows ────────┘  (blocks of an   (one client
//!             meant)     row counts)  what; pure)        ├─ block_lines ─ bz2 ────┘   object)         per authority)
//!                                                        └─ sink
//!
//! rows ───── write (hidden temporary name, fsync, rename), with leftovers (what a dead writer left)
//!
//! answers ── sink ───┐
//! ledger ─── blobs ──┼─ folder (create if absent, read, list, delete) ─ stores
//! table ──── table ──┘
//! ```
//!
//! Invariants:
//! - every line and every row of the input is handed out exactly once over all workers, for any number of workers;
//! - each worker gets an equal share of every kind of input;
//! - the plan is a pure function of the listing, so processes that see the same files agree without talking
//!   (compare [`fingerprint`]s to be sure that they do see the same);
//! - a file that is damaged, cut short or changed while it is read ends in a [`FileError`], never in fewer rows;
//! - memory is bounded whatever the size of a file.
//!
//! It does not parse: a line block is bytes, and what a row means is for the caller to say. A CSV record is taken to
//! be one line, so line breaks inside quotes are not supported.

mod blobs;
mod block_lines;
mod bz2;
mod decompress;
mod error;
mod fault;
#[cfg(test)]
mod faulty;
mod folder;
mod format;
mod leftovers;
mod lines;
mod listing;
mod location;
mod object_reader;
mod output_folder;
mod parquet_rows;
mod patience;
mod read;
mod refusal;
pub mod sink;
mod split;
mod staging;
mod stores;
mod table;
mod write;

pub use blobs::StoreBlobs;
pub use error::FileError;
pub use format::{Compression, Format, InputFormat};
pub use listing::{InputFile, fingerprint, resolve};
pub use location::Location;
pub use output_folder::OutputFolder;
pub use patience::patiently;
pub use read::{ColumnBlock, LineBlock, Payload, read, read_counted};
pub use split::{Split, plan};
pub use stores::{HdfsOptions, S3Access, S3Options, StoreOptions, Stores};
pub use table::{FileTable, FileTableOptions, ParseRows};
pub use write::{AtomicDir, AtomicFile, Existing};

#[cfg(test)]
mod tests;
