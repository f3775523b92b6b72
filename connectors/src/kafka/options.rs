//! How a cluster is reached, and which of librdkafka's settings are ours.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use flightline_engine::config::brings_foreign_code;
use thiserror::Error;

/// How topics are made that aren't there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTopics {
    /// How many partitions requests and answers get. A topic of progress always has one.
    pub partitions: u32,
    /// On how many brokers each partition is kept.
    pub replication: u16,
}

/// A cluster and how to talk with it.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaOptions {
    /// `host:port`, several with commas between.
    pub brokers: String,
    /// Settings of librdkafka by their names, secrets among them. Some are ours and refused.
    pub properties: BTreeMap<String, String>,
    /// How consumers name their group. No group is ever joined; lag tools find under it how far a job has come.
    pub group: String,
    /// What topics of progress are called: this, a dash, and the topic whose answers they count.
    pub progress_prefix: String,
    /// How missing topics are made; `None`: they aren't.
    pub create_topics: Option<NewTopics>,
    /// How long a broker has for an answer before that is a fault; within a transaction no longer than that may last.
    pub timeout: Duration,
    /// After what time the brokers end a transaction whose writer has vanished.
    pub transaction_timeout: Duration,
    /// Bytes of requests that are fetched ahead, for each partition.
    pub prefetch_bytes: usize,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            brokers: "localhost:9092".to_owned(),
            properties: BTreeMap::new(),
            group: "flightline".to_owned(),
            progress_prefix: "flightline-progress".to_owned(),
            create_topics: None,
            timeout: Duration::from_secs(10),
            transaction_timeout: Duration::from_secs(60),
            prefetch_bytes: 4 << 20,
        }
    }
}

/// Options that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KafkaOptionsError {
    /// No brokers.
    #[error("Kafka: no broker is named; give at least one as host:port")]
    NoBrokers,
    /// A setting that is ours.
    #[error("Kafka: the setting `{name}` can't be chosen: {reason}")]
    Ours {
        /// The setting.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// No such setting.
    #[error("Kafka: librdkafka has no setting `{name}`; its CONFIGURATION.md lists them all")]
    Unknown {
        /// As given.
        name: String,
    },
    /// A value that can't be. The value isn't shown: it may be a secret.
    #[error(
        "Kafka: librdkafka refuses the value of the setting `{name}` (not shown, it may be a secret); its \
         CONFIGURATION.md says which are allowed"
    )]
    Value {
        /// The setting.
        name: String,
    },
    /// The settings contradict each other, or name a file that can't be read.
    #[error("Kafka: no client can be made with these settings: {0}")]
    Client(String),
}

/// Below it brokers that only wait for something to tell would be taken for dead, unless a transaction may not even last so
/// long.
const SHORTEST_SILENCE: Duration = Duration::from_secs(2);

const DELIVERY: &str = "what a sink promises depends on it; choose the sink's guarantee instead";
const READING: &str = "where reading begins and what was read is decided by the job's ledger and its sinks";
const FOREIGN: &str = "the process would load or run foreign code; leave it out";
const TIMES: &str = "the job waits by its own clock; choose the timeouts of the section instead";

/// The settings that are ours, and why.
const OURS: [(&str, &str); 26] = [
    ("bootstrap.servers", "the brokers are named by an option of their own"),
    ("metadata.broker.list", "the brokers are named by an option of their own"),
    ("enable.idempotence", DELIVERY),
    ("transactional.id", DELIVERY),
    ("acks", DELIVERY),
    ("request.required.acks", DELIVERY),
    ("enable.gapless.guarantee", DELIVERY),
    ("partitioner", "answers must stand where Java's clients would put them, too"),
    ("auto.offset.reset", READING),
    ("enable.auto.commit", READING),
    ("auto.commit.enable", READING),
    ("enable.auto.offset.store", READING),
    ("auto.commit.interval.ms", READING),
    ("isolation.level", READING),
    ("enable.partition.eof", READING),
    ("group.id", "it is an option of its own"),
    ("group.instance.id", READING),
    ("group.protocol", READING),
    ("message.timeout.ms", TIMES),
    ("delivery.timeout.ms", TIMES),
    ("transaction.timeout.ms", TIMES),
    ("queued.max.messages.kbytes", "how much is fetched ahead is an option of its own"),
    ("log_level", "the job's own log level decides"),
    ("log.queue", "the job's own log level decides"),
    ("statistics.interval.ms", "the job's metrics say it"),
    ("allow.auto.create.topics", "whether topics are made is an option of its own"),
];

impl KafkaOptions {
    /// Looks for what can be seen without asking anybody.
    pub(super) fn check(&self) -> Result<(), KafkaOptionsError> {
        if self.brokers.split(',').all(|broker| broker.trim().is_empty()) {
            return Err(KafkaOptionsError::NoBrokers);
        }
        for name in self.properties.keys() {
            if brings_foreign_code(name) {
                return Err(KafkaOptionsError::Ours { name: name.clone(), reason: FOREIGN });
            }
            if let Some((_, reason)) = OURS.iter().find(|(ours, _)| ours == name) {
                return Err(KafkaOptionsError::Ours { name: name.clone(), reason });
            }
        }
        Ok(())
    }

    /// How long a connection may say nothing when it is asked until it is taken for dead. librdkafka wants it within the time
    /// of a transaction.
    pub(super) fn silence(&self) -> Duration {
        self.timeout.max(SHORTEST_SILENCE).min(self.transaction_timeout)
    }

    /// The topic that counts the answers in another one.
    pub(super) fn progress_topic(&self, topic: &str) -> String {
        format!("{}-{topic}", self.progress_prefix)
    }
}

/// Names of the settings, never their values.
impl fmt::Debug for KafkaOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaOptions")
            .field("brokers", &self.brokers)
            .field("properties", &self.properties.keys())
            .field("group", &self.group)
            .field("progress_prefix", &self.progress_prefix)
            .field("create_topics", &self.create_topics)
            .field("timeout", &self.timeout)
            .field("transaction_timeout", &self.transaction_timeout)
            .field("prefetch_bytes", &self.prefetch_bytes)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use flightline_engine::config::FOREIGN_CODE;

    use super::*;

    fn with(name: &str, value: &str) -> KafkaOptions {
        KafkaOptions { properties: [(name.to_owned(), value.to_owned())].into(), ..KafkaOptions::default() }
    }

    #[test]
    fn what_is_ours_is_refused_by_name_with_the_reason() {
        for (name, reason) in OURS {
            let error = with(name, "true").check().unwrap_err();
            assert_eq!(error, KafkaOptionsError::Ours { name: name.to_owned(), reason });
            assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
        }
        assert_eq!(with("linger.ms", "7").check(), Ok(()));
    }

    /// A property named a library, and librdkafka loaded it when the client was made.
    #[test]
    fn settings_that_would_load_or_run_foreign_code_are_refused() {
        for name in FOREIGN_CODE.into_iter().chain(["some.later.cmd"]) {
            let error = with(name, "x.so").check().unwrap_err();
            assert_eq!(error, KafkaOptionsError::Ours { name: name.to_owned(), reason: FOREIGN });
        }
    }

    #[test]
    fn silence_is_no_longer_than_a_transaction_may_last() {
        let silence = |timeout, transaction_timeout| {
            let [timeout, transaction_timeout] = [timeout, transaction_timeout].map(Duration::from_millis);
            KafkaOptions { timeout, transaction_timeout, ..KafkaOptions::default() }.silence().as_millis()
        };
        assert_eq!(KafkaOptions::default().silence(), Duration::from_secs(10));
        assert_eq!(silence(300, 60_000), 2_000);
        assert_eq!(silence(10_000, 5_000), 5_000);
        // The shortest that a configuration may say; librdkafka refuses a producer that is patient for longer than it.
        assert_eq!(silence(10_000, 1_000), 1_000);
    }

    #[test]
    fn nothing_is_reached_without_brokers() {
        let nobody = KafkaOptions { brokers: " , ".to_owned(), ..KafkaOptions::default() };
        assert_eq!(nobody.check(), Err(KafkaOptionsError::NoBrokers));
    }

    #[test]
    fn no_value_of_a_setting_is_ever_shown() {
        let shown = format!("{:?}", with("sasl.password", "geheim"));
        assert!(shown.contains("sasl.password") && !shown.contains("geheim"), "{shown}");
    }
}
