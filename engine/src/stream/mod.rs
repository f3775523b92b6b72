//! A long-running job: records from a source, lines to sinks, exactly once.
//!
//! ```text
//! threads            │ worker loop                       │ dataflow                  │ threads
//! reader ── room ──► inbox ─► lane ─► (bind, stamp) ────► job ─► close epochs ─► queue ─► delivery ─► sink
//!   (a partition)    │   ▲                               │  ▲                        │      │
//!                    │   └──── bus (all workers) ◄───────┼──┼── durable ◄────────────┼──────┘
//! ledger, model, ──► conductor ─► lead (decides) ────────┼──┘ table
//! table watchers     │ (worker 0)                        │
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`setup`](StreamSetup), `run`, `startup`, `opening` | what a job is made of; how a life of it begins |
//! | `reach`, `same_log` | how patient it is with what is away, and whether a sink has answered this log |
//! | `worker`, `ready`, `conductor` | the loop of a worker, the bindings that it knows, and what worker 0 does beside |
//! | `lead`, `lane`, `room`, `closing`, `retry`, `owner` | decisions: pure, tested alone |
//! | `reader`, `delivery`, `keeper`, `collector`, `queue`, `inbox`, `catch_up` | threads that may wait, and how they talk to workers |
//! | `bus`, `message`, `flow` | the two dataflows: control and stream |
//!
//! Invariants: a worker never waits and does no I/O once records flow; every queue is bounded in bytes; whatever answers an
//! offset was written in the ledger before; what a sink has is never written again.

mod bus;
mod catch_up;
mod closing;
mod collector;
mod conductor;
mod delivery;
mod epoch;
mod error;
mod events;
mod flow;
mod inbox;
mod job;
mod keeper;
mod lane;
mod lead;
mod lead_start;
mod message;
mod opening;
mod owner;
mod queue;
mod reach;
mod reader;
mod ready;
mod retry;
mod room;
mod run;
mod same_log;
mod setup;
mod startup;
mod stats;
#[cfg(test)]
mod tests;
mod threads;
mod worker;

pub use catch_up::Recompute;
pub use epoch::Epoch;
pub use error::{Drained, Ending, StreamError};
pub use job::{Bindings, BoundRecord, JobInputs, Line, ReadyBinding, Settled, StreamJob, TableChange, TableSpread};
pub use keeper::{ModelWatch, TableVersions};
pub use owner::Owners;
pub use run::run;
pub use setup::{LeadSetup, Limits, SinkSetup, StopFlag, StreamSetup};
