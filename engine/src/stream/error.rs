//! How a streaming job ended.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::cluster::ClusterError;
use crate::contract::{Fault, Superseded};
use crate::ledger::Generation;

/// Why a job has drained. The same on every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Drained {
    /// Somebody asked it to.
    Asked,
    /// The request log has more partitions than this life knew of: run it again, and it reads them too.
    LogGrew,
}

/// Why a streaming job failed. The same on every process that heard of it.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Ending {
    /// Somebody must mend something first.
    #[error("{0}")]
    Failed(String),
    /// A later life of the job is at work.
    #[error("generation {0} of this job is at work: this older one ends")]
    Superseded(Generation),
    /// The generation that was proposed for this life is not above the ledger's. Whoever proposes goes on above that.
    #[error(
        "generation {proposed} was proposed for this life of the job, and its ledger has generation {ledger} already: a life's generation must be above all earlier ones"
    )]
    NotAbove {
        /// What was proposed.
        proposed: Generation,
        /// What the ledger has.
        ledger: Generation,
    },
}

/// Why [`run`](super::run()) came back without having drained.
#[derive(Debug, Error)]
pub enum StreamError {
    /// The processes didn't come together.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The job ended.
    #[error(transparent)]
    Ended(#[from] Ending),
}

impl From<Fault> for Ending {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Superseded(Superseded { later }) => Self::Superseded(later),
            Fault::Permanent(permanent) => Self::Failed(permanent.0),
            // Reached only where nothing is tried again.
            Fault::Transient(transient) => Self::Failed(transient.0),
        }
    }
}
