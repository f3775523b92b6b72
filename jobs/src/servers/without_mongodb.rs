//! In the place of `[mongodb]` in a build without its connector: a configuration can't name a collection there.

use std::sync::Arc;
use std::time::Duration;

use flightline_connectors::client::CollectionClient;
use flightline_engine::contract::{Selects, Sink, SinkName, TableSource};

use crate::config::{CollectionName, StreamConfig};
use crate::failure::{Failure, FailureKind};

/// No server.
#[derive(Debug)]
pub(super) struct Documents;

impl Documents {
    pub(super) const fn of(_: &StreamConfig) -> Self {
        Self
    }

    pub(super) fn collection(&self, collection: &CollectionName) -> Result<Arc<dyn CollectionClient>, Failure> {
        Err(not_built_in(collection))
    }

    pub(super) fn sink(&self, _: SinkName, collection: &CollectionName, _: Selects) -> Result<Arc<dyn Sink>, Failure> {
        Err(not_built_in(collection))
    }

    pub(super) fn table(&self, collection: &CollectionName, _: Duration) -> Result<Box<dyn TableSource>, Failure> {
        Err(not_built_in(collection))
    }
}

fn not_built_in(CollectionName(collection): &CollectionName) -> Failure {
    let sentence = format!(
        "collection {collection} was let through, and this build has no connector of the feature mongodb (bug)"
    );
    Failure::new(FailureKind::Bug, sentence)
}
