//! Batch prediction: from files of requests or flights to files of answers.
//!
//! ```text
//! files --read, parse--> requests ----------------------+--> [left lookup] --> [answer] --> writer thread --> part
//!                   \--> flights --> [number copies] ---+          ^
//!                    \-> bad lines ----------------------------- distances (broadcast, arranged)
//! ```
//!
//! Lookup and answer are the operators of the stream ([`operators`]), and the golden rows of the model go through them
//! before the first row ([`golden`]). No operator writes: answers leave the dataflow through an outbox that the worker
//! empties between two steps into a bounded channel, so a worker takes no further step while its writer is behind.

mod columns;
mod dataflow;
mod delivery;
pub mod golden;
pub mod operators;
mod output;
mod reading;
mod summary;
mod writer;

pub use dataflow::{PredictPlan, run_worker};
pub use delivery::Delivery;
pub use output::{OutputFormat, Target};
pub use reading::RowKind;
pub use summary::Summary;
