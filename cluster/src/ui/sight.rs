//! What the pages see of the master, or of a worker's agent, and what they can ask of it. The one seam between them.

use flightline_engine::ids::ProcessIndex;
use flightline_engine::supervised::Graph;
use tokio::sync::watch;

use crate::ids::Moment;
use crate::ids::{Generation, JobId, ProcessRef};
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::view::{ClusterView, JobView, LogPiece, ModelView, WorkerView};

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
    /// Why there is none now, in a sentence: its workers can't be asked, or it does not run.
    fn graph(&self, id: JobId) -> Result<Graph, String>;

    /// A piece of a process's log: from a place on, or the end of it.
    ///
    /// # Errors
    /// Why it can't be had, in a sentence.
    fn log(
        &self,
        job: JobId,
        generation: Generation,
        process: ProcessIndex,
        from: Option<u64>,
    ) -> Result<LogPiece, String>;

    /// The models in the registry, the newest first.
    ///
    /// # Errors
    /// Why they can't be shown here, and how they can be seen, in a sentence.
    fn models(&self) -> Result<Vec<ModelView>, String>;

    /// The page that a model brings of itself: foreign HTML, which is shown in a sandbox.
    fn model_page(&self, id: &str) -> Option<Vec<u8>>;

    /// Takes a job in.
    ///
    /// # Errors
    /// All mistakes in it, a sentence each.
    fn submit(&self, spec: JobSpec) -> Result<JobId, Vec<String>>;

    /// Asks a job to end.
    ///
    /// # Errors
    /// Why that can't be, in a sentence.
    fn stop(&self, id: JobId, how: StopHow) -> Result<(), String>;

    /// A number that changes whenever any of this may have.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// What a worker's pages see of its agent. Methods may block, as those of [`Sight`].
pub trait WorkerSight: Send + Sync + 'static {
    /// This worker and its processes.
    fn worker(&self) -> WorkerView;

    /// Now, by the agent's clock: what "ago" is counted from.
    fn now(&self) -> Moment;

    /// A piece of a process's log: from a place on, or the end of it.
    ///
    /// # Errors
    /// Why it can't be had, in a sentence.
    fn log(&self, process: ProcessRef, from: Option<u64>) -> Result<LogPiece, String>;

    /// A number that changes whenever any of this may have.
    fn changes(&self) -> watch::Receiver<u64>;
}
