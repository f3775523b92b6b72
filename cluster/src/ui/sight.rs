//! What the pages see of the master, or of a worker's agent, and what they can ask of it. The one seam between them.

use flightline_engine::supervised::Graph;
use thiserror::Error;
use tokio::sync::watch;

use crate::ids::{JobId, Moment, ProcessRef};
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::job::upgrade::Changes;
use crate::master::upgrade::Refused;
use crate::protocol::LogStream;
use crate::protocol::messages::{Submitted, Upgraded};
use crate::view::{ClusterView, JobView, LineView, LogPiece, ModelView, WorkerView};

/// Why something can't be had or done, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotHad {
    /// There is no such thing, or it is forgotten.
    #[error("{0}")]
    Missing(String),
    /// What it is of doesn't allow it as it stands.
    #[error("{0}")]
    NotAsItStands(String),
    /// Who has it can't be reached, or has not told yet.
    #[error("{0}")]
    Away(String),
}

/// What the master's pages see. Methods may block: they are called on threads for that, at most
/// [`Settings::calls`](super::Settings::calls) at a time.
pub trait Sight: Send + Sync + 'static {
    /// The cluster as a whole.
    fn cluster(&self) -> ClusterView;

    /// A job; `None` if there never was such a one, or it is forgotten.
    fn job(&self, id: JobId) -> Option<JobView>;

    /// The dataflow of a job's present life, summed over its processes.
    ///
    /// # Errors
    /// There is no such job, its workers can't be asked, or it does not run.
    fn graph(&self, id: JobId) -> Result<Graph, NotHad>;

    /// A piece of one of a process's logs: from a place on, or the end of it.
    ///
    /// # Errors
    /// There is none, or its worker can't be asked.
    fn log(&self, process: ProcessRef, stream: LogStream, from: Option<u64>) -> Result<LogPiece, NotHad>;

    /// The models in the registry, the newest first.
    ///
    /// # Errors
    /// Why they can't be shown here, and how they can be seen, in a sentence.
    fn models(&self) -> Result<Vec<ModelView>, String>;

    /// The current one's id, and when it was saved, without a look at any other; nothing for those in a store.
    fn current_model(&self) -> Option<(String, Moment)>;

    /// One of them.
    fn model(&self, id: &str) -> Option<ModelView>;

    /// The page that a model brings of itself: foreign HTML, which is shown in a sandbox.
    fn model_page(&self, id: &str) -> Option<Vec<u8>>;

    /// Takes a job in; with `unless_running` only if none of its name is there that is not over.
    ///
    /// # Errors
    /// All mistakes in it, a sentence each.
    fn submit(&self, spec: JobSpec, unless_running: bool) -> Result<Submitted, Vec<String>>;

    /// Asks a job to end.
    ///
    /// # Errors
    /// There is no such job, or it has ended.
    fn stop(&self, id: JobId, how: StopHow) -> Result<(), NotHad>;

    /// Whether calls are taken. Never blocks.
    fn is_ready(&self) -> bool;

    /// Lets a job go on otherwise. Gives which one does, and the number of its new specification.
    ///
    /// # Errors
    /// Why that can't be.
    fn upgrade(&self, id: JobId, changes: Changes) -> Result<Upgraded, Refused>;

    /// A number that changes whenever any of this may have.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// What a worker's pages see of its agent. Methods may block, as those of [`Sight`].
pub trait WorkerSight: Send + Sync + 'static {
    /// This worker and its processes.
    fn worker(&self) -> WorkerView;

    /// Now, by the agent's clock: what "ago" is counted from.
    fn now(&self) -> Moment;

    /// How it stands with its master. Never blocks.
    fn line(&self) -> LineView;

    /// A piece of one of a process's logs: from a place on, or the end of it.
    ///
    /// # Errors
    /// Why it can't be had, in a sentence.
    fn log(&self, process: ProcessRef, stream: LogStream, from: Option<u64>) -> Result<LogPiece, NotHad>;

    /// A number that changes whenever any of this may have.
    fn changes(&self) -> watch::Receiver<u64>;
}
