//! In the place of `[kafka]` in a build without its connector: a configuration can't name a topic there.

use std::sync::Arc;

use flightline_connectors::client::TopicClient;
use flightline_engine::contract::{Selects, Sink, SinkName, Source};

use crate::config::{StreamConfig, TopicName};
use crate::failure::{Failure, FailureKind};

/// No brokers.
#[derive(Debug)]
pub(super) struct Brokers;

impl Brokers {
    pub(super) const fn of(_: &StreamConfig) -> Self {
        Self
    }

    pub(super) fn source(&self, topic: &TopicName) -> Result<Arc<dyn Source>, Failure> {
        Err(not_built_in(topic))
    }

    pub(super) fn topic(&self, topic: &TopicName) -> Result<Arc<dyn TopicClient>, Failure> {
        Err(not_built_in(topic))
    }

    pub(super) fn sink(&self, _: SinkName, topic: &TopicName, _: Selects) -> Result<Arc<dyn Sink>, Failure> {
        Err(not_built_in(topic))
    }
}

fn not_built_in(TopicName(topic): &TopicName) -> Failure {
    let sentence = format!("topic {topic} was let through, and this build has no connector of the feature kafka (bug)");
    Failure::new(FailureKind::Bug, sentence)
}
