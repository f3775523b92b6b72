//! What a life of a job decides at its start, and what a sink does with what it is given. Pure: facts in, decisions out;
//! the runtime gathers the facts and acts.
//!
//! | module | decides |
//! |---|---|
//! | `plan` | where each sink begins, and whether its destination is what the ledger says ([`plan_start`], [`check_left`]) |
//! | `read` | where to read from, and whether log and ledger still reach so far ([`read_from`], [`check_within`], [`check_kept`]) |
//! | `witness` | whether the log is still the one that was read ([`check_witness`]) |
//! | `undelivered` | what of a stretch a sink has not got yet ([`undelivered`]) |
//!
//! Invariants: progress that was promised is never taken for a beginning; what can't be made good is an error before the
//! first record is read, and all such errors come together.

mod error;
mod plan;
mod read;
mod undelivered;
mod witness;

pub use error::{StartError, StartErrors};
pub use plan::{SinkPolicy, StartPlan, check_left, plan_start};
pub use read::{check_kept, check_within, read_from};
pub use undelivered::{Undelivered, undelivered};
pub use witness::{LogMadeAnew, check_witness};
