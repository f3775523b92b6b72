//! A job's places on servers: names of its own for topics, a database and a folder, so that many jobs share the servers.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use flightline_engine::contract::Guarantee;
use flightline_jobs::clients::{CollectionClient, TopicClient};
use flightline_jobs::config::{StreamConfig, TopicUrl};

use super::PARTITIONS;
use crate::servers::Servers;

/// Places on servers.
#[derive(Debug)]
pub(super) struct OnServers {
    /// The job's name, and a part of all others.
    name: String,
    brokers: String,
    mongodb: String,
    hdfs: String,
    guarantee: Guarantee,
}

impl OnServers {
    pub(super) fn new(servers: &Servers, guarantee: Guarantee) -> Self {
        let [brokers, mongodb, hdfs] =
            ["KAFKA_BROKERS", "MONGODB_URL", "HDFS_URL"].map(|key| servers.address(key).to_owned());
        let name = format!("job{:012x}", RandomState::new().hash_one("another one for each") >> 16);
        Self { name, brokers, mongodb, hdfs, guarantee }
    }

    /// The sections of a configuration that say where everything is.
    pub(super) fn configuration(&self) -> String {
        let Self { name, brokers, mongodb, hdfs, guarantee } = self;
        let guarantee = match guarantee {
            Guarantee::ExactlyOnce => "exactly-once",
            Guarantee::AtLeastOnce => "at-least-once",
        };
        format!(
            "[job]\nname = \"{name}\"\nstate = \"{hdfs}/{name}/state\"\n\
             [kafka]\nbrokers = \"{brokers}\"\nguarantee = \"{guarantee}\"\n\
             create_topics = true\npartitions = {PARTITIONS}\n\
             [mongodb]\nurl = \"{mongodb}\"\n\
             [requests]\nurl = \"kafka:topic/{name}-request\"\n\
             [table]\nurl = \"{}\"\npoll = \"50ms\"\n\
             [sinks.topic]\nurl = \"kafka:topic/{name}-response\"\n\
             [sinks.collection]\nurl = \"mongodb:collection/{name}.flight_delay_ml_response\"\n\
             [sinks.files]\nurl = \"{hdfs}/{name}/predictions\"\nroll_every = \"300ms\"\nrequired = false\n\
             [sinks.dead-letters]\nurl = \"kafka:topic/{name}-dead-letter\"\n",
            self.table()
        )
    }

    /// What its topics promise.
    pub(super) const fn guarantee(&self) -> Guarantee {
        self.guarantee
    }

    /// The table's collection.
    pub(super) fn table(&self) -> String {
        format!("mongodb:collection/{}.origin_dest_distances", self.name)
    }

    /// The database of its collections.
    pub(super) fn database(&self) -> &str {
        &self.name
    }

    /// The server of collections.
    pub(super) fn mongodb(&self) -> &str {
        &self.mongodb
    }

    /// A topic on the brokers of a configuration.
    pub(super) fn topic(config: &StreamConfig, url: &TopicUrl) -> Arc<dyn TopicClient> {
        let servers = flightline_jobs::servers::Servers::of(config);
        servers.topic(url.name()).expect("the configuration can be used")
    }

    /// The collection of answers of a configuration.
    pub(super) fn answers(config: &StreamConfig) -> Arc<dyn CollectionClient> {
        let servers = flightline_jobs::servers::Servers::of(config);
        let collection = config.answers_collection().expect("answers go to a collection");
        servers.collection(collection.name()).expect("the configuration can be used")
    }
}
