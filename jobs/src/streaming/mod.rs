//! Predictions on a stream: what becomes of a record of the request log.
//!
//! ```text
//!  records --[read]--> requests --(travel to their route)--> [look up as of] --> [answer] --> [settle] --> Settled
//!                 \--> no requests: Settled at once                ^                                        ^
//!                                                       distances, arranged                                 |
//!  records ------------------------- Recompute: the same functions in plain loops --------------------------+
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`job`] | [`FlightsJob`]: the dataflow, and what a binding must pass before any record carries it |
//! | [`format`](mod@format) | the formats of answers and the settings that this build knows |
//! | [`settle`] | the pure core: from a record's bytes and from an answer to the lines for the sinks |
//! | [`recompute`] | the same answers without a dataflow, to catch up and to replay |
//! | [`table_rows`] | the table of distances as rows of text, as the engine passes it on |
//! | [`table_versions`] | versions of a table, kept as differences in immutable objects |
//!
//! Invariant: what a record settles to is a function of its partition, offset and bytes, and of its binding. Not of the
//! batch that it came in, the worker that answered it, how the table is spread, or what the table has become since.

pub mod format;
pub mod job;
mod recent;
pub mod recompute;
pub mod settle;
pub mod table_rows;
pub mod table_versions;

pub use format::{ANSWER_FORMATS, check_binding};
pub use job::{FlightsJob, Ready};
pub use recompute::Recompute;
pub use table_versions::TableVersions;

#[cfg(test)]
mod tests;
