//! A long-running job: records from a source, lines to sinks, exactly once.

mod epoch;
mod job;

pub use epoch::Epoch;
pub use job::{Bindings, BoundRecord, JobInputs, Line, ReadyBinding, Settled, StreamJob, TableChange, TableSpread};
