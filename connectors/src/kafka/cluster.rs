//! A cluster: makes clients for it, asks it, and says in a sentence what went wrong.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flightline_engine::contract::Fault;
use flightline_engine::log::{Offset, OffsetRange, Partition};
use rdkafka::bindings::rd_kafka_conf_res_t;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use super::asker::Asker;
use super::class::{Class, Signs, classify, what_to_do};
use super::closing::Closing;
use super::options::{KafkaOptions, KafkaOptionsError};
use super::watch::{Troubles, Watch};

/// A consumer of ours.
pub(super) type Reading = Closing<BaseConsumer<Watch>>;

/// What of a log is there for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// What was written, also in transactions that may still be aborted.
    Everything,
    /// What nobody can take back: up to the first transaction that is open.
    Committed,
}

/// A Kafka cluster. Cheap to clone; clones share their connections for questions.
#[derive(Clone)]
pub struct KafkaCluster(Arc<Inner>);

struct Inner {
    options: KafkaOptions,
    troubles: Arc<Troubles>,
    everything: Asker,
    committed: Asker,
}

impl KafkaCluster {
    /// A cluster with these options. Nobody is asked yet.
    ///
    /// # Errors
    /// The options can't be used.
    pub fn new(options: KafkaOptions) -> Result<Self, KafkaOptionsError> {
        options.check()?;
        let troubles = Arc::new(Troubles::default());
        let asker = |isolation| Asker::new(asker_config(&options, isolation), options.timeout, &troubles);
        let (everything, committed) = (asker(Isolation::Everything)?, asker(Isolation::Committed)?);
        Ok(Self(Arc::new(Inner { options, troubles, everything, committed })))
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> &KafkaOptions {
        &self.0.options
    }

    pub(super) fn troubles(&self) -> &Arc<Troubles> {
        &self.0.troubles
    }

    /// The settings that all clients have.
    pub(super) fn base_config(&self) -> ClientConfig {
        base_config(&self.0.options)
    }

    /// A consumer that reads nothing yet.
    pub(super) fn consumer(
        &self,
        isolation: Isolation,
        change: impl FnOnce(&mut ClientConfig),
    ) -> Result<Reading, Fault> {
        let mut config = asker_config(&self.0.options, isolation);
        config
            .set("group.id", &self.0.options.group)
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false");
        change(&mut config);
        client(&config, &self.0.troubles).map_err(|error| Fault::permanent(error.to_string()))
    }

    /// How many partitions a topic has; `None` if it isn't there.
    pub(super) fn partitions_of(&self, topic: &str) -> Result<Option<u32>, Fault> {
        self.partitions_within(topic, self.0.options.timeout)
    }

    /// The same of brokers that have so long for an answer.
    pub(super) fn partitions_within(&self, topic: &str, limit: Duration) -> Result<Option<u32>, Fault> {
        let what = format!("asking for the partitions of topic `{topic}`");
        self.ask(&what, Isolation::Committed, limit, |client, timeout| {
            let metadata = client.fetch_metadata(Some(topic), timeout)?;
            let found = metadata.topics().first();
            match found.and_then(|found| found.error()).map(RDKafkaErrorCode::from) {
                Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Ok(None),
                Some(code) => Err(KafkaError::MetadataFetch(code)),
                None => Ok(found.and_then(|found| u32::try_from(found.partitions().len()).ok())),
            }
        })
    }

    /// From the oldest record of a partition up to its end. The partition was there once: that a broker doesn't know it is
    /// a fault that passes, as when it has just started.
    pub(super) fn bounds(&self, topic: &str, partition: Partition, isolation: Isolation) -> Result<OffsetRange, Fault> {
        self.bounds_within(topic, partition, isolation, self.0.options.timeout)
    }

    /// The same of brokers that have so long for an answer.
    pub(super) fn bounds_within(
        &self,
        topic: &str,
        partition: Partition,
        isolation: Isolation,
        limit: Duration,
    ) -> Result<OffsetRange, Fault> {
        let what = format!("asking what partition {partition} of topic `{topic}` holds");
        let (low, high) = self.ask(&what, isolation, limit, |client, timeout| {
            let held = client.fetch_watermarks(topic, native(partition), timeout);
            // A client that has once heard of a topic without this partition, as from a broker that had just started, remembers
            // that for minutes unless it is made to ask again.
            if held.as_ref().is_err_and(is_forgotten) {
                client.fetch_metadata(Some(topic), timeout)?;
            }
            held
        })?;
        Ok(OffsetRange::new(offset(low), offset(high)))
    }

    /// Asks until there is an answer, a refusal, or no time left.
    fn ask<T>(
        &self,
        what: &str,
        isolation: Isolation,
        limit: Duration,
        question: impl FnMut(&BaseConsumer<Watch>, Duration) -> KafkaResult<T>,
    ) -> Result<T, Fault> {
        let asker = match isolation {
            Isolation::Everything => &self.0.everything,
            Isolation::Committed => &self.0.committed,
        };
        asker.ask(limit, question).map_err(|error| match self.fault(what, &error) {
            Fault::Permanent(_) if is_forgotten(&error) => {
                let brokers = &self.0.options.brokers;
                Fault::transient(format!(
                    "Kafka at {brokers}: {what}: it was there, and now no broker knows it; was it deleted?"
                ))
            }
            fault => fault,
        })
    }

    /// The fault that an error is, of a topic that was there when this began: a broker that has just started may not know it
    /// yet.
    pub(super) fn fault_of_known(&self, what: &str, error: &KafkaError) -> Fault {
        match self.fault(what, error) {
            Fault::Permanent(why) if is_forgotten(error) => Fault::transient(why.0),
            fault => fault,
        }
    }

    /// The fault that an error is. `what` says what was being done.
    pub(super) fn fault(&self, what: &str, error: &KafkaError) -> Fault {
        let brokers = &self.0.options.brokers;
        if let Some((code, reason)) = self.0.troubles.refused() {
            let advice = what_to_do(code).unwrap_or("check the certificates (ssl.*) of the job and of the brokers");
            return Fault::permanent(format!("Kafka at {brokers}: {what}: {reason}; {advice}"));
        }
        let signs = Signs::of(error);
        match (classify(signs), what_to_do(signs.code)) {
            (Class::Permanent, advice) => {
                let advice = advice.unwrap_or("see the brokers' log");
                Fault::permanent(format!("Kafka at {brokers}: {what}: {}; {advice}", sentence(error)))
            }
            _ => {
                let heard = self.0.troubles.last().map(|last| format!(" ({last})")).unwrap_or_default();
                let advice = if is_about_reach(signs.code) { REACH } else { "" };
                Fault::transient(format!("Kafka at {brokers}: {what}: {}{heard}{advice}", sentence(error)))
            }
        }
    }
}

/// What an error says, without the words that say it is one.
fn sentence(error: &KafkaError) -> String {
    match error {
        KafkaError::Transaction(error) => error.to_string(),
        KafkaError::ClientConfig(..) => "a setting was refused".to_owned(),
        other => other.rdkafka_error_code().map_or_else(|| other.to_string(), |code| code.to_string()),
    }
}

fn base_config(options: &KafkaOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set_log_level(RDKafkaLogLevel::Notice);
    config
        .set("client.id", "flightline")
        // A connection without an answer for so long is closed and made anew: it may be one that nobody ever ends.
        .set("socket.timeout.ms", options.silence().as_millis().to_string())
        // Who comes back shouldn't be left waiting.
        .set("reconnect.backoff.max.ms", "2000")
        // A queue of messages that was full for a moment must not stop fetching for a second.
        .set("fetch.queue.backoff.ms", "20");
    for (name, value) in &options.properties {
        config.set(name, value);
    }
    config.set("bootstrap.servers", &options.brokers);
    config
}

fn asker_config(options: &KafkaOptions, isolation: Isolation) -> ClientConfig {
    let mut config = base_config(options);
    let level = match isolation {
        Isolation::Everything => "read_uncommitted",
        Isolation::Committed => "read_committed",
    };
    config.set("isolation.level", level).set("allow.auto.create.topics", "false");
    config
}

/// A client with these settings.
pub(super) fn client(config: &ClientConfig, troubles: &Arc<Troubles>) -> Result<Reading, KafkaOptionsError> {
    config.create_with_context(Watch::new(troubles)).map(Closing::new).map_err(options_error)
}

/// Why no client was made. No value of a setting is told.
pub(super) fn options_error(error: KafkaError) -> KafkaOptionsError {
    match error {
        KafkaError::ClientConfig(rd_kafka_conf_res_t::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
            KafkaOptionsError::Unknown { name }
        }
        KafkaError::ClientConfig(_, _, name, _) => KafkaOptionsError::Value { name },
        KafkaError::ClientCreation(why) => KafkaOptionsError::Client(why),
        other => KafkaOptionsError::Client(other.to_string()),
    }
}

/// Whether somebody doesn't know a topic or a partition.
pub(super) const fn is_unknown(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{UnknownPartition, UnknownTopic, UnknownTopicOrPartition};
    matches!(code, UnknownPartition | UnknownTopic | UnknownTopicOrPartition)
}

/// Whether it says so. A broker that has just started may not know its topics yet, and nobody asks for one that was never
/// there.
pub(super) fn is_forgotten(error: &KafkaError) -> bool {
    error.rdkafka_error_code().is_some_and(is_unknown)
}

/// Whether no try will help until somebody has mended something, of a topic that was there once.
pub(super) fn is_lasting(error: &KafkaError) -> bool {
    classify(Signs::of(error)) == Class::Permanent && !is_forgotten(error)
}

/// What to do while nobody answers.
const REACH: &str = "; check the address, and that the brokers run and can be reached";

/// Whether it may be that nobody is there.
pub(super) const fn is_about_reach(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::RequestTimedOut
    )
}

/// Behind the last record or marker of a partition that came by a consumer, if it knows.
pub(super) fn position(consumer: &Reading, topic: &str, partition: Partition) -> Option<Offset> {
    let position = consumer.position().ok()?;
    match position.find_partition(topic, native(partition))?.offset() {
        rdkafka::Offset::Offset(at) => Some(offset(at)),
        _ => None,
    }
}

/// A partition as librdkafka counts.
pub(super) fn native(partition: Partition) -> i32 {
    i32::try_from(partition.0).unwrap_or(i32::MAX)
}

/// An offset as we count; the negative ones mean none.
pub(super) fn offset(native: i64) -> Offset {
    Offset(u64::try_from(native).unwrap_or(0))
}

/// An offset as librdkafka counts.
pub(super) fn native_offset(offset: Offset) -> rdkafka::Offset {
    rdkafka::Offset::Offset(i64::try_from(offset.0).unwrap_or(i64::MAX))
}

impl fmt::Debug for KafkaCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KafkaCluster").field(&self.0.options).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(properties: &[(&str, &str)]) -> Result<KafkaCluster, KafkaOptionsError> {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        KafkaCluster::new(KafkaOptions { properties, ..KafkaOptions::default() })
    }

    #[test]
    fn a_setting_that_is_none_is_named() {
        let error = with(&[("linger.mss", "5")]).unwrap_err();
        assert_eq!(error, KafkaOptionsError::Unknown { name: "linger.mss".to_owned() });
    }

    #[test]
    fn a_value_that_cannot_be_is_not_shown() {
        let error = with(&[("sasl.mechanism", "geheim"), ("security.protocol", "geheim")]).unwrap_err();
        assert_eq!(error, KafkaOptionsError::Value { name: "security.protocol".to_owned() });
        assert!(!error.to_string().contains("geheim"), "{error}");
    }

    #[test]
    fn settings_that_contradict_each_other_are_told_at_once() {
        let error = with(&[("security.protocol", "ssl"), ("ssl.ca.location", "/nowhere/ca.pem")]).unwrap_err();
        assert!(matches!(error, KafkaOptionsError::Client(_)), "{error:?}");
    }

    #[test]
    fn who_is_not_there_is_a_transient_fault_that_says_where() {
        // Nobody listens at port 1; one that was just given back may be another test's by now.
        let nobody = "127.0.0.1:1";
        let options =
            KafkaOptions { brokers: nobody.to_owned(), timeout: Duration::from_millis(300), ..KafkaOptions::default() };
        let cluster = KafkaCluster::new(options).unwrap();
        let Err(Fault::Transient(why)) = cluster.partitions_of("t") else { panic!("it answers") };
        assert!(why.0.contains(nobody) && why.0.contains("topic `t`"), "{why}");
        assert!(why.0.contains("that the brokers run"), "{why}");
    }
}
