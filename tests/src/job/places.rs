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
    /// User and password for it, with a colon between.
    login: Option<String>,
    hdfs: String,
    guarantee: Guarantee,
}

impl OnServers {
    pub(super) fn new(servers: &Servers, guarantee: Guarantee) -> Self {
        let [brokers, mongodb, hdfs] =
            ["KAFKA_BROKERS", "MONGODB_URL", "HDFS_URL"].map(|key| servers.address(key).to_owned());
        let name = format!("job{:012x}", RandomState::new().hash_one("another one for each") >> 16);
        Self { name, brokers, mongodb, login: None, hdfs, guarantee }
    }

    pub(super) fn behind_a_password(servers: &Servers, guarantee: Guarantee) -> Self {
        let user = servers.address("MONGODB_AUTH_USER");
        let login = Some(format!("{user}:{}", servers.secret("MONGODB_AUTH_PASSWORD_FILE")));
        let mongodb = servers.address("MONGODB_AUTH_URL").to_owned();
        Self { mongodb, login, ..Self::new(servers, guarantee) }
    }

    /// The sections of a configuration that say where everything is. A drain waits for HDFS here, since what is there is looked at
    /// when the job has ended.
    pub(super) fn configuration(&self, login_file: &str) -> String {
        let Self { name, brokers, mongodb, login, hdfs, guarantee } = self;
        let credentials = login.as_ref().map_or_else(|| "none".to_owned(), |_| format!("file:{login_file}"));
        let guarantee = match guarantee {
            Guarantee::ExactlyOnce => "exactly-once",
            Guarantee::AtLeastOnce => "at-least-once",
        };
        format!(
            "[job]\nname = \"{name}\"\nstate = \"{hdfs}/{name}/state\"\n\
             [kafka]\nbrokers = \"{brokers}\"\nguarantee = \"{guarantee}\"\n\
             create_topics = true\npartitions = {PARTITIONS}\n\
             [mongodb]\nurl = \"{mongodb}\"\ncredentials = \"{credentials}\"\n\
             [requests]\nurl = \"kafka:topic/{name}-request\"\n\
             [table]\nurl = \"mongodb:collection/{name}.origin_dest_distances\"\npoll = \"2s\"\n\
             [sinks.topic]\nurl = \"kafka:topic/{name}-response\"\n\
             [sinks.collection]\nurl = \"mongodb:collection/{name}.flight_delay_ml_response\"\n\
             [sinks.files]\nurl = \"{hdfs}/{name}/predictions\"\nroll_every = \"300ms\"\nrequired = false\n\
             [sinks.dead-letters]\nurl = \"kafka:topic/{name}-dead-letter\"\n\
             [limits]\ndrain_patience = \"1m\"\n"
        )
    }

    /// What its topics promise.
    pub(super) const fn guarantee(&self) -> Guarantee {
        self.guarantee
    }

    /// User and password for it.
    pub(super) fn login(&self) -> Option<&str> {
        self.login.as_deref()
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
