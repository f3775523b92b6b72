//! Producers: plain ones that are idempotent, and transactional ones. Both send a batch and wait for what became of it.
//!
//! A full queue means waiting, never dropping. librdkafka tries again by itself while a message's time lasts; what it reports
//! is final.

use std::thread;
use std::time::{Duration, Instant};

use flightline_engine::contract::Fault;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use super::closing::Closing;
use super::cluster::{KafkaCluster, options_error};
use super::watch::{Acks, BatchId, Landed};

/// How long to wait while the queue is full.
const FULL: Duration = Duration::from_millis(5);
/// What a message gets beyond its own time until it is given up.
const GRACE: Duration = Duration::from_secs(2);

/// A message.
pub(super) struct Outgoing<'a> {
    pub(super) topic: &'a str,
    /// `None`: by its key.
    pub(super) partition: Option<i32>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) payload: Option<&'a [u8]>,
    pub(super) headers: Option<OwnedHeaders>,
}

/// Why a batch has not landed, or only in part.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: KafkaError,
    /// What has landed all the same.
    pub(super) landed: Vec<Landed>,
}

/// A producer of batches, several at a time if it is a plain one.
pub(super) struct Sender {
    producer: Closing<ThreadedProducer<Acks>>,
    timeout: Duration,
    transactional: bool,
}

impl Sender {
    /// A producer whose messages stand where they land.
    pub(super) fn plain(cluster: &KafkaCluster) -> Result<Self, Fault> {
        Self::new(cluster, cluster.options().timeout, |_| {})
    }

    /// A producer that writes in transactions, once it is [begun](Self::fence).
    pub(super) fn transactional(cluster: &KafkaCluster, id: &str) -> Result<Self, Fault> {
        let limit = cluster.options().transaction_timeout;
        let timeout = cluster.options().timeout.min(limit);
        let limit = limit.as_millis().to_string();
        Self::new(cluster, timeout, |config| {
            _ = config.set("transactional.id", id).set("transaction.timeout.ms", &limit);
        })
    }

    fn new(cluster: &KafkaCluster, timeout: Duration, change: impl FnOnce(&mut ClientConfig)) -> Result<Self, Fault> {
        let mut config = cluster.base_config();
        if !cluster.options().properties.contains_key("linger.ms") {
            config.set("linger.ms", "1");
        }
        config
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", timeout.as_millis().to_string());
        change(&mut config);
        let acks = Acks::new(std::sync::Arc::clone(cluster.troubles()));
        let producer = config.create_with_context(acks);
        let producer = producer.map_err(|error| Fault::permanent(options_error(error).to_string()))?;
        Ok(Self { producer: Closing::new(producer), timeout, transactional: config.get("transactional.id").is_some() })
    }

    /// Sends messages, and waits until each has landed; says where, in any order.
    pub(super) fn deliver<'a>(&self, messages: impl IntoIterator<Item = Outgoing<'a>>) -> Result<Vec<Landed>, Failed> {
        let acks = self.producer.context();
        let batch = acks.begin();
        let until = Instant::now() + self.timeout + GRACE;
        let mut refused = None;
        for (number, message) in messages.into_iter().enumerate() {
            if let Err(error) = self.enqueue(batch, number, message, until) {
                refused = Some(error);
                break;
            }
        }
        let delivered = acks.wait(batch, until);
        match refused.or(delivered.failed) {
            Some(error) => Err(Failed { error: self.cause(error), landed: delivered.landed }),
            None => Ok(delivered.landed),
        }
    }

    fn enqueue(&self, batch: BatchId, number: usize, message: Outgoing<'_>, until: Instant) -> Result<(), KafkaError> {
        let acks = self.producer.context();
        let Outgoing { topic, partition, key, payload, headers } = message;
        let delivery_opaque = acks.expect(batch, number);
        let mut record = BaseRecord { topic, partition, payload, key, timestamp: None, headers, delivery_opaque };
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) if Instant::now() < until => {
                    record = again;
                    thread::sleep(FULL);
                }
                Err((error, _)) => {
                    acks.unexpect(batch, number);
                    return Err(error);
                }
            }
        }
    }

    /// A client that is broken says why, and so does a transaction that can't be committed any more; their messages only say
    /// that they were thrown away.
    fn cause(&self, error: KafkaError) -> KafkaError {
        // Within a transaction another can't begin; the refusal says what is wrong with this one, and changes nothing.
        if self.transactional
            && let Err(KafkaError::Transaction(cause)) = self.producer.begin_transaction()
            && (cause.txn_requires_abort() || cause.is_fatal())
        {
            return KafkaError::Transaction(cause);
        }
        let broken = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)
        );
        match self.producer.client().fatal_error() {
            Some((code, _)) if broken => KafkaError::MessageConsumptionFatal(code),
            _ => error,
        }
    }

    /// Makes sure that no other producer with this transactional id can write any more, and ends what it left open.
    pub(super) fn fence(&self) -> Result<(), KafkaError> {
        self.insist(|| self.producer.init_transactions(self.timeout))
    }

    /// Begins a transaction.
    pub(super) fn begin(&self) -> Result<(), KafkaError> {
        self.producer.begin_transaction()
    }

    /// Commits it. After an error it may be committed or not, unless the error asks for it to be aborted.
    pub(super) fn commit(&self) -> Result<(), KafkaError> {
        // What has landed is taken off the books a moment later; committing would wait for that in large steps.
        let until = Instant::now() + self.timeout;
        while self.producer.in_flight_count() > 0 && Instant::now() < until {
            thread::sleep(Duration::from_micros(50));
        }
        self.insist(|| self.producer.commit_transaction(self.timeout))
    }

    /// Aborts it, if that is quickly done. Who fences it later aborts it, too.
    pub(super) fn abort(&self) {
        if let Err(error) = self.producer.abort_transaction(Duration::from_secs(1)) {
            tracing::debug!(%error, "a transaction was not aborted; it will be when its producer is made anew");
        }
    }

    /// Calls again while the client says that the same call goes on where it was, and there is time.
    fn insist(&self, mut step: impl FnMut() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
        let until = Instant::now() + self.timeout;
        loop {
            match step() {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < until => {
                    thread::sleep(FULL);
                }
                outcome => return outcome,
            }
        }
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
