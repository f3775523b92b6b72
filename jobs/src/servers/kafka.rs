//! `[kafka]`: topics on brokers.

use std::sync::{Arc, Mutex, PoisonError};

use flightline_connectors::client::TopicClient;
use flightline_connectors::kafka::{
    self, AnswerHeaders, KafkaCluster, KafkaOptions, KafkaSink, KafkaSinkOptions, KafkaSource, KafkaTopic,
};
use flightline_engine::contract::{Selects, Sink, SinkName, Source};
use flightline_engine::ids::JobName;

use crate::config::{KafkaConfig, NewTopics, StreamConfig, TopicName};
use crate::failure::{Failure, FailureKind};

/// Headers of a line, and the fields that they repeat: for who routes or counts answers without reading them.
const HEADERS: [(&str, &str); 3] = [("model", "Model"), ("table", "Table"), ("status", "Status")];

/// The brokers of a configuration.
#[derive(Debug)]
pub(super) struct Brokers {
    config: KafkaConfig,
    job: JobName,
    cluster: Mutex<Option<KafkaCluster>>,
}

impl Brokers {
    pub(super) fn of(config: &StreamConfig) -> Self {
        Self { config: config.kafka.clone(), job: config.job.name.clone(), cluster: Mutex::new(None) }
    }

    pub(super) fn source(&self, topic: &TopicName) -> Result<Arc<dyn Source>, Failure> {
        Ok(Arc::new(KafkaSource::new(self.cluster()?, &*topic.0)))
    }

    pub(super) fn topic(&self, topic: &TopicName) -> Result<Arc<dyn TopicClient>, Failure> {
        Ok(Arc::new(KafkaTopic::new(self.cluster()?, &*topic.0)))
    }

    pub(super) fn sink(&self, name: SinkName, topic: &TopicName, selects: Selects) -> Result<Arc<dyn Sink>, Failure> {
        let headers = HEADERS.map(|(header, field)| (header.to_owned(), field.to_owned()));
        let options = KafkaSinkOptions {
            name,
            job: self.job.clone(),
            topic: topic.0.to_string(),
            selects,
            guarantee: self.config.guarantee,
            headers: AnswerHeaders(headers.into()),
        };
        Ok(Arc::new(KafkaSink::new(self.cluster()?, options)))
    }

    fn cluster(&self) -> Result<KafkaCluster, Failure> {
        let mut cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = &*cluster {
            return Ok(cluster.clone());
        }
        let made = KafkaCluster::new(self.options()?);
        let made = made.map_err(|error| Failure::new(FailureKind::Usage, format!("[kafka]: {error}")))?;
        *cluster = Some(made.clone());
        Ok(made)
    }

    fn options(&self) -> Result<KafkaOptions, Failure> {
        let KafkaConfig { brokers, progress_prefix, group, create, transaction_timeout, properties, .. } = &self.config;
        let look_up = |(name, property): (&String, &crate::config::Property)| {
            Ok((name.clone(), property.look_up(&format!("kafka.properties.{name}"))?))
        };
        let new_topics = |topics: NewTopics| kafka::NewTopics {
            partitions: topics.partitions,
            // The configuration allows no more than there are numbers for it.
            replication: u16::try_from(topics.replication).unwrap_or(u16::MAX),
        };
        Ok(KafkaOptions {
            brokers: brokers.clone(),
            properties: properties.iter().map(look_up).collect::<Result<_, Failure>>()?,
            group: group.clone(),
            progress_prefix: progress_prefix.clone(),
            create_topics: create.map(new_topics),
            transaction_timeout: *transaction_timeout,
            ..KafkaOptions::default()
        })
    }
}
