//! Topics and collections that are on servers: from `[kafka]` and `[mongodb]` to connectors.
//!
//! A server is connected to when the first thing on it is asked for, and once for all that is. What this build has no
//! connector for can't be named in a configuration, so a call for it is an error of ours.

#[cfg(feature = "kafka")]
mod kafka;
#[cfg(not(feature = "kafka"))]
#[path = "servers/without_kafka.rs"]
mod kafka;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(not(feature = "mongodb"))]
#[path = "servers/without_mongodb.rs"]
mod mongodb;

use std::sync::Arc;
use std::time::Duration;

use flightline_connectors::client::{CollectionClient, TopicClient};
use flightline_engine::contract::{Selects, Sink, SinkName, Source, TableSource};

use self::kafka::Brokers;
use self::mongodb::Documents;
use crate::config::{CollectionName, StreamConfig, TopicName};
use crate::failure::Failure;

/// The servers of a configuration.
#[derive(Debug)]
pub struct Servers {
    kafka: Brokers,
    mongodb: Documents,
}

impl Servers {
    /// Those that the configuration names; none is asked yet.
    #[must_use]
    pub fn of(config: &StreamConfig) -> Self {
        Self { kafka: Brokers::of(config), mongodb: Documents::of(config) }
    }

    /// A topic, for programs that read or write it.
    ///
    /// # Errors
    /// The configuration of the brokers can't be used.
    pub fn topic(&self, topic: &TopicName) -> Result<Arc<dyn TopicClient>, Failure> {
        self.kafka.topic(topic)
    }

    /// A collection, for programs that look things up in it.
    ///
    /// # Errors
    /// The configuration of the server can't be used.
    pub fn collection(&self, collection: &CollectionName) -> Result<Arc<dyn CollectionClient>, Failure> {
        self.mongodb.collection(collection)
    }

    pub(crate) fn source(&self, topic: &TopicName) -> Result<Arc<dyn Source>, Failure> {
        self.kafka.source(topic)
    }

    pub(crate) fn topic_sink(
        &self,
        name: SinkName,
        topic: &TopicName,
        selects: Selects,
    ) -> Result<Arc<dyn Sink>, Failure> {
        self.kafka.sink(name, topic, selects)
    }

    pub(crate) fn collection_sink(
        &self,
        name: SinkName,
        collection: &CollectionName,
        selects: Selects,
    ) -> Result<Arc<dyn Sink>, Failure> {
        self.mongodb.sink(name, collection, selects)
    }

    pub(crate) fn table(&self, collection: &CollectionName, poll: Duration) -> Result<Box<dyn TableSource>, Failure> {
        self.mongodb.table(collection, poll)
    }
}
