//! What a connector must be able to do, so that the engine can keep its promises with it.
//!
//! A connector is a [`Source`], a [`Table`](TableSource) or a [`Sink`]. All of them are plain, blocking code: the engine
//! calls them from threads of its own, never from an operator. Whoever writes a connector runs the suite in
//! [`conformance`](crate::conformance) against it.
//!
//! How a sink lives; [`Source`] and [`TableSource`] have their own pictures:
//!
//! ```text
//!           survey             adopt                open                write*, flush*
//! (made) ─────────► surveyed ─────────► adopted ─────────────► writing ───────────────► writing
//!    │                  │                  │                      │  │ Fault::Transient: the same call comes again
//!    │                  │                  │                      │  │
//!    │                  │                  │                      │  ├─ flush(Closing) ─► (dropped), clean
//!    │                  │                  │                      │  ├─ Fault::Superseded ─► (dropped), the process ends
//!    └──────────────────┴──────────────────┴──────────────────────┴──┴─ Fault::Permanent ─► (dropped), the job fails
//! ```
//!
//! *survey* only looks; *adopt* claims an unowned destination for a job and is idempotent; *open* fences off all writers of
//! older generations and says what is durable; *write* may be called again with the same batch after a transient fault,
//! and then changes nothing that it had done already. A process may be killed between any two instructions.

mod blobs;
mod fault;
mod sink;
mod source;
mod table;

pub use blobs::{Blobs, Created};
pub use fault::{Fault, Permanent, Superseded, Transient};
pub use sink::{
    Answers, FlushReason, Guarantee, Item, JobId, OpenSink, Placement, Selects, Sink, SinkBatch, SinkName, SinkSurvey,
    Standing,
};
pub use source::{PartitionReader, Source};
pub use table::{TableRows, TableSource, table_changes};
