//! The ledger: which binding holds at which offset, written down before any answer leaves.

mod entry;

pub use entry::{AnswerFormat, Binding, Entry, EntryBody, Generation, Seq, TableVersion};
