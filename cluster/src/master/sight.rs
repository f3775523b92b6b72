//! What the master's pages see and ask: the desk and its front, and the folder of models.

use std::sync::Arc;

use flightline_engine::supervised::Graph;
use tokio::sync::watch;

use super::models::Models;
use super::serve::Front;
use super::upgrade::Refused;
use crate::ids::{JobId, Moment, ProcessRef};
use crate::job::spec::JobSpec;
use crate::job::state::StopHow;
use crate::job::upgrade::Changes;
use crate::protocol::LogStream;
use crate::protocol::messages::{Submitted, Upgraded};
use crate::ui::{NotHad, Sight};
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

    fn graph(&self, id: JobId) -> Result<Graph, NotHad> {
        self.front.graph(id)
    }

    fn log(&self, process: ProcessRef, stream: LogStream, from: Option<u64>) -> Result<LogPiece, NotHad> {
        self.front.log(process, stream, from)
    }

    fn models(&self) -> Result<Vec<ModelView>, String> {
        self.models.list()
    }

    fn current_model(&self) -> Option<(String, Moment)> {
        self.models.current_saved()
    }

    fn model(&self, id: &str) -> Option<ModelView> {
        self.models.get(id)
    }

    fn model_page(&self, id: &str) -> Option<Vec<u8>> {
        self.models.page(id)
    }

    fn submit(&self, spec: JobSpec, unless_running: bool) -> Result<Submitted, Vec<String>> {
        self.front.submit(spec, None, unless_running)
    }

    fn stop(&self, id: JobId, how: StopHow) -> Result<(), NotHad> {
        self.front.stop(id, how)
    }

    fn is_ready(&self) -> bool {
        self.front.desk().broken().borrow().is_none()
    }

    fn upgrade(&self, id: JobId, changes: Changes) -> Result<Upgraded, Refused> {
        self.front.upgrade(id, changes, None)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.front.desk().shown()
    }
}
