//! `[mongodb]`: collections on a server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flightline_connectors::client::CollectionClient;
use flightline_connectors::mongodb::{
    MongoCollection, MongoName, MongoOptions, MongoServer, MongoSink, MongoTable, MongoTableOptions,
};
use flightline_engine::contract::{Selects, Sink, SinkName, TableSource};

use crate::config::{CollectionName, MongodbConfig, StreamConfig};
use crate::failure::{Failure, FailureKind};
use crate::streaming::table_rows;

/// The server of a configuration.
#[derive(Debug)]
pub(super) struct Documents {
    config: MongodbConfig,
    server: Mutex<Option<MongoServer>>,
}

impl Documents {
    pub(super) fn of(config: &StreamConfig) -> Self {
        Self { config: config.mongodb.clone(), server: Mutex::new(None) }
    }

    pub(super) fn collection(&self, collection: &CollectionName) -> Result<Arc<dyn CollectionClient>, Failure> {
        Ok(Arc::new(MongoCollection::new(self.server()?, name(collection)?)))
    }

    pub(super) fn sink(
        &self,
        sink: SinkName,
        collection: &CollectionName,
        selects: Selects,
    ) -> Result<Arc<dyn Sink>, Failure> {
        Ok(Arc::new(MongoSink::new(sink, self.server()?, name(collection)?, selects)))
    }

    pub(super) fn table(&self, collection: &CollectionName, poll: Duration) -> Result<Box<dyn TableSource>, Failure> {
        let fields = ["Origin", "Dest", "Distance"];
        let options = MongoTableOptions::new(name(collection)?, fields, Arc::new(table_rows::row_from_json));
        Ok(Box::new(MongoTable::new(self.server()?, MongoTableOptions { poll, ..options })))
    }

    fn server(&self) -> Result<MongoServer, Failure> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = &*server {
            return Ok(server.clone());
        }
        let made = MongoServer::new(self.options()?);
        let made = made.map_err(|error| Failure::new(FailureKind::Usage, format!("[mongodb]: {error}")))?;
        *server = Some(made.clone());
        Ok(made)
    }

    fn options(&self) -> Result<MongoOptions, Failure> {
        let mut options = MongoOptions::new(self.config.url.0.clone());
        (options.user, options.password) = self.config.login()?.unzip();
        Ok(options)
    }
}

fn name(CollectionName(name): &CollectionName) -> Result<MongoName, Failure> {
    name.parse().map_err(|error: flightline_connectors::mongodb::MongoNameError| {
        Failure::new(FailureKind::Usage, error.to_string())
    })
}
