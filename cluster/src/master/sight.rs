//! What the master's pages see and ask: the desk and its front, and the folder of models.

use std::sync::Arc;

use flightline_engine::ids::ProcessIndex;
use flightline_engine::supervised::Graph;
use tokio::sync::watch;

use super::models::Models;
use super::serve::Front;
use crate::ids::{Generation, JobId, ProcessRef};
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::protocol::LogStream;
use crate::ui::Sight;
use crate::view::{ClusterView, JobView, LogPiece, ModelView};

/// The master, as its pages see it.
#[derive(Debug)]
pub struct MasterSight {
    front: Arc<Front>,
    models: Models,
}

impl MasterSight {
    /// Shows this master, and these models.
    #[must_use]
    pub const fn new(front: Arc<Front>, models: Models) -> Self {
        Self { front, models }
    }
}

impl Sight for MasterSight {
    fn cluster(&self) -> ClusterView {
        self.front.desk().cluster()
    }

    fn job(&self, id: JobId) -> Option<JobView> {
        self.front.desk().job(id)
    }

    fn graph(&self, id: JobId) -> Result<Graph, String> {
        self.front.graph(id)
    }

    fn log(
        &self,
        job: JobId,
        generation: Generation,
        process: ProcessIndex,
        from: Option<u64>,
    ) -> Result<LogPiece, String> {
        self.front.log(ProcessRef { job, generation, process }, LogStream::Stderr, from)
    }

    fn models(&self) -> Result<Vec<ModelView>, String> {
        self.models.list()
    }

    fn model_page(&self, id: &str) -> Option<Vec<u8>> {
        self.models.page(id)
    }

    fn submit(&self, spec: JobSpec) -> Result<JobId, Vec<String>> {
        self.front.submit(spec, None)
    }

    fn stop(&self, id: JobId, how: StopHow) -> Result<(), String> {
        self.front.stop(id, how)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.front.desk().shown()
    }
}
