//! The topic that tells how far answers are: reads it whole, and adds to it.
//!
//! Each topic of answers has one of its own, so that an open transaction of somebody else never stands in the way. It has
//! one partition, so all that is in it has an order.

use std::thread;
use std::time::{Duration, Instant};

use flightline_engine::contract::Fault;
use flightline_engine::log::{OffsetRange, Partition};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use serde::Serialize;

use super::class::{Class, Signs, classify};
use super::cluster::{Isolation, KafkaCluster, is_unknown, native_offset, offset, position};
use super::producer::{Outgoing, Sender};
use super::progress::{Key, Seen, Sight};
use super::topics::Use;

/// The one partition.
const ONLY: Partition = Partition(0);
/// How long to wait for records before looking whether none are left.
const LOOK: Duration = Duration::from_millis(10);
/// How often a consumer tells that it has come to the end.
const TELL_MS: &str = "50";
/// How long brokers take to find transactions whose time is over, with something to spare.
const CLEANING: Duration = Duration::from_secs(20);

/// A topic of progress.
#[derive(Debug)]
pub(super) struct ProgressTopic {
    cluster: KafkaCluster,
    name: String,
}

impl ProgressTopic {
    pub(super) fn new(cluster: KafkaCluster, topic: &str) -> Self {
        let name = cluster.options().progress_topic(topic);
        Self { cluster, name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// It isn't, and may not be made.
    pub(super) fn is_there(&self) -> Result<bool, Fault> {
        Ok(self.cluster.look_for(&self.name)?.is_some())
    }

    /// Makes it if it isn't there, and looks whether it is as it must be.
    pub(super) fn bring_about(&self) -> Result<(), Fault> {
        let partitions = self.cluster.bring_about(&self.name, Use::Progress)?;
        self.cluster.check_progress_topic(&self.name, partitions)
    }

    fn bounds(&self, isolation: Isolation) -> Result<OffsetRange, Fault> {
        self.cluster.bounds(&self.name, ONLY, isolation)
    }

    /// All that is there now. An open transaction hides what is committed behind it, so that progress within transactions may
    /// be further than this says; all else is complete.
    pub(super) fn look(&self) -> Result<Seen, Fault> {
        let written = self.bounds(Isolation::Everything)?;
        let committed = self.bounds(Isolation::Committed)?;
        let seen = self.read(Isolation::Committed, committed, Sight::All)?;
        if written.to <= committed.to {
            return Ok(seen);
        }
        Ok(self.read(Isolation::Everything, written, Sight::Plain)?.with_committed(seen))
    }

    /// All that is there now, when every transaction that is in it has ended: waits for those that others have open. Who has
    /// fenced a writer before knows all that it has committed.
    pub(super) fn look_when_settled(&self) -> Result<Seen, Fault> {
        let written = self.bounds(Isolation::Everything)?;
        let until = Instant::now() + self.cluster.options().transaction_timeout + CLEANING;
        let mut pause = Duration::from_millis(2);
        let committed = loop {
            let committed = self.bounds(Isolation::Committed)?;
            if written.to <= committed.to {
                break committed;
            }
            if until <= Instant::now() {
                return Err(Fault::transient(format!(
                    "a transaction in topic `{}` has been open for longer than it may: offset {} was written and only those \
                     below {} are committed; see the brokers' log (kafka-transactions.sh find-hanging)",
                    self.name, written.to, committed.to
                )));
            }
            thread::sleep(pause);
            pause = (2 * pause).min(Duration::from_millis(200));
        };
        self.read(Isolation::Committed, committed, Sight::All)
    }

    /// Reads what lies in the bounds.
    ///
    /// The consumer is a new one each time: what it says of its position is then of this reading, and of no earlier one.
    fn read(&self, isolation: Isolation, bounds: OffsetRange, sight: Sight) -> Result<Seen, Fault> {
        let mut seen = Seen::default();
        if bounds.is_empty() {
            return Ok(seen);
        }
        let what = format!("reading topic `{}`", self.name);
        let fault = |error: &KafkaError| self.cluster.fault(&what, error);
        let consumer = self.cluster.consumer(isolation, |config| {
            config.set("fetch.wait.max.ms", "20").set("statistics.interval.ms", TELL_MS);
        })?;
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(&self.name, 0, native_offset(bounds.from))
            .and_then(|()| consumer.assign(&assignment))
            .map_err(|error| fault(&error))?;
        let mut last_sign = Instant::now();
        loop {
            match consumer.poll(LOOK) {
                Some(Ok(message)) => {
                    last_sign = Instant::now();
                    let at = offset(message.offset());
                    if bounds.to <= at {
                        return Ok(seen);
                    }
                    seen.take(sight, message.key(), message.payload()).map_err(|why| {
                        Fault::permanent(format!(
                            "offset {at} of topic `{}` holds what no sink has written: {why}; choose another prefix for \
                             topics of progress, or delete the topic if nobody needs it",
                            self.name
                        ))
                    })?;
                    if bounds.to <= at.next() {
                        return Ok(seen);
                    }
                }
                Some(Err(error)) => {
                    let refused = self.cluster.troubles().refused().is_some();
                    // No group is joined; and a broker that has just started may not know the topic yet.
                    let code = error.rdkafka_error_code();
                    let passes =
                        code.is_none_or(|code| code == RDKafkaErrorCode::GroupAuthorizationFailed || is_unknown(code));
                    if refused || (classify(Signs::of(&error)) == Class::Permanent && !passes) {
                        return Err(fault(&error));
                    }
                }
                None => {
                    // The last ones may be markers of transactions, of which only the position tells, or what is aborted, whose
                    // marker may stand behind the first open transaction: of those not even that does.
                    let reached = position(&consumer, &self.name, ONLY).max(consumer.context().end_met());
                    if reached.is_some_and(|at| bounds.to <= at) {
                        return Ok(seen);
                    }
                    if last_sign.elapsed() > self.cluster.options().timeout {
                        let late = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
                        return Err(fault(&late));
                    }
                }
            }
        }
    }

    /// Adds plain records, durably.
    pub(super) fn append(&self, sender: &Sender, records: &[(Key, Option<String>)]) -> Result<(), Fault> {
        let keys: Vec<String> = records.iter().map(|(key, _)| key.to_string()).collect();
        let outgoing = keys.iter().zip(records).map(|(key, (_, value))| Outgoing {
            topic: &self.name,
            partition: Some(0),
            key: Some(key.as_bytes()),
            payload: value.as_ref().map(String::as_bytes),
            headers: None,
        });
        let what = format!("writing to topic `{}`", self.name);
        match sender.deliver(outgoing) {
            Ok(_) => Ok(()),
            Err(failed) => Err(self.cluster.fault_of_known(&what, &failed.error)),
        }
    }
}

/// The value of a record.
pub(super) fn value<T: Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|error| Fault::permanent(format!("progress can't be written down (bug): {error}")))
}
