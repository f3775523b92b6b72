//! The ledger: which binding holds at which offset, written down before any answer leaves.
//!
//! It is a sequence of objects, `ledger/<20 digits>.json`, each created once, without gaps. What they say together is a
//! [`Book`]; what may be written next is decided by [`decide`] and [`collect`]; [`LedgerLog`] reads and writes them. Only
//! `LedgerLog` does I/O, and nothing in here knows a model, a table or a sink.
//!
//! | module | holds |
//! |---|---|
//! | `entry` | the entries |
//! | [`mod@line`] | an entry as one line of JSON |
//! | `book` | all entries together: what is bound, by whom, and what a sink was promised |
//! | `admit` | which entry may follow on a book, and why another may not |
//! | `stretches` | the bindings of one partition, as adjoining stretches |
//! | [`decide`] | the entries that a generation may write, and who has lost |
//! | [`collect`] | which entries nobody needs any more |
//! | `checkpoint` | what remains of them |
//! | `log` | reading, appending, claiming, collecting |
//!
//! Invariants: an offset that an answer has left for never gets another binding; a generation changes nothing but what it
//! bound itself; whoever comes after a later generation's claim loses the race for every number.

mod admit;
mod book;
mod checkpoint;
pub mod collect;
pub mod decide;
mod entry;
#[cfg(test)]
mod eventful;
#[cfg(test)]
mod game;
pub mod line;
mod log;
#[cfg(test)]
mod samples;
mod stretches;

pub use admit::LedgerError;
pub use book::{Book, Stretch};
pub use checkpoint::CHECKPOINT_FORMAT;
pub use entry::{AnswerFormat, Binding, Entry, EntryBody, Generation, Seq, TableVersion};
pub use line::{ENTRY_FORMAT, LineError};
pub use log::LedgerLog;
