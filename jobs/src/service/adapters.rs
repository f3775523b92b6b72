//! What the engine asks for, in terms of what the job has: which model is wanted, versions of the table, answers again.

use std::sync::Arc;
use std::time::Duration;

use flightline_engine::contract::{Blobs, Fault, TableRows};
use flightline_engine::ledger::{Binding, TableVersion};
use flightline_engine::log::{LogRecord, Partition};
use flightline_engine::stream::{self, ModelWatch, Settled, StreamJob};

use crate::model::{ModelError, Registry};
use crate::streaming::{FlightsJob, Recompute, TableVersions};

/// The registry's current model is the one that is wanted.
pub(super) struct CurrentModel {
    registry: Registry,
    every: Duration,
}

impl CurrentModel {
    pub(super) const fn new(registry: Registry, every: Duration) -> Self {
        Self { registry, every }
    }
}

impl ModelWatch for CurrentModel {
    fn current(&mut self) -> Result<Box<str>, Fault> {
        let id = self.registry.need_current().map_err(ModelError::fault)?;
        Ok(id.to_string().into())
    }

    fn every(&self) -> Duration {
        self.every
    }
}

/// Versions of the table, each built on the one before.
pub(super) struct Versions(TableVersions);

impl Versions {
    pub(super) fn new(state: Arc<dyn Blobs>) -> Self {
        Self(TableVersions::new(state))
    }
}

impl stream::TableVersions for Versions {
    fn latest(&self) -> Result<Option<TableVersion>, Fault> {
        self.0.latest()
    }

    fn load(&self, version: TableVersion) -> Result<TableRows, Fault> {
        self.0.load(version)
    }

    fn collect(&self, oldest: TableVersion) -> Result<(), Fault> {
        self.0.collect(oldest).map(|_| ())
    }

    fn publish(&self, rows: &TableRows) -> Result<TableVersion, Fault> {
        let latest = self.0.latest()?;
        let known = latest.map(|version| Ok::<_, Fault>((version, self.0.load(version)?))).transpose()?;
        self.0.publish(known.as_ref().map(|(version, rows)| (*version, rows)), rows)
    }
}

/// Answers again what was bound once: with the models and tables that the ledger names.
pub(crate) fn recompute(job: &Arc<FlightsJob>, state: Arc<dyn Blobs>) -> Arc<dyn stream::Recompute> {
    let (job, versions) = (Arc::clone(job), TableVersions::new(state));
    Arc::new(Again(Recompute::new(move |binding| job.load(binding), move |version| versions.load(version))))
}

struct Again(Recompute);

impl stream::Recompute for Again {
    fn settle(&self, binding: &Binding, records: Vec<(Partition, LogRecord)>) -> Result<Vec<Settled>, Fault> {
        self.0.settle(records, binding)
    }
}
