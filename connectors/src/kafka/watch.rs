//! What librdkafka tells on the side: its log, the troubles of its connections, and what became of each message.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use flightline_engine::log::Offset;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, NoCustomPartitioner, ProducerContext};
use rdkafka::topic_partition_list::TopicPartitionList;
use serde::Deserialize;

use super::class::is_refused_for_good;

/// The troubles of a cluster's connections, as far as they were heard and not overcome.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    last: Option<String>,
    refused: Option<(RDKafkaErrorCode, String)>,
}

impl Troubles {
    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, error: &KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
        let Some(code) = error.rdkafka_error_code() else { return };
        let mut heard = self.lock();
        if is_refused_for_good(code, reason) {
            heard.refused = Some((code, reason.to_owned()));
        }
        // That all are down says less than why the last one was.
        if code != RDKafkaErrorCode::AllBrokersDown || heard.last.is_none() {
            heard.last = Some(reason.to_owned());
        }
    }

    /// What was heard last.
    pub(super) fn last(&self) -> Option<String> {
        self.lock().last.clone()
    }

    /// Why we are not let in, if that is so.
    pub(super) fn refused(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.lock().refused.clone()
    }

    /// Something has worked.
    pub(super) fn over(&self) {
        *self.lock() = Heard::default();
    }
}

/// librdkafka writes a line for each connection that fails; the faults that we report say the same once.
fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    tracing::debug!(target: "librdkafka", ?level, facility, "{message}");
}

/// The context of consumers, and of who only asks.
#[derive(Debug)]
pub(super) struct Watch {
    troubles: Arc<Troubles>,
    end_met: Mutex<Option<Offset>>,
}

impl Watch {
    pub(super) fn new(troubles: &Arc<Troubles>) -> Self {
        Self { troubles: Arc::clone(troubles), end_met: Mutex::default() }
    }

    /// The end of its partition that a consumer last came to: all below that it hands out at all, it has handed out. Only with
    /// `statistics.interval.ms`, of a consumer that reads one partition.
    pub(super) fn end_met(&self) -> Option<Offset> {
        *self.end_met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is read of a consumer's statistics; see STATISTICS.md of librdkafka.
#[derive(Deserialize)]
struct Told {
    topics: HashMap<String, ToldTopic>,
}

#[derive(Deserialize)]
struct ToldTopic {
    partitions: HashMap<String, ToldPartition>,
}

#[derive(Deserialize)]
struct ToldPartition {
    /// Negative while it has met no end.
    eof_offset: i64,
    /// How much waits to be handed out.
    fetchq_cnt: i64,
}

impl Told {
    /// Statistics overtake records in the queue, so an end counts only when none were left in it.
    fn end_met(&self) -> Option<Offset> {
        let partitions = self.topics.values().flat_map(|topic| topic.partitions.values());
        let empty = partitions.filter(|partition| partition.fetchq_cnt == 0);
        empty.filter_map(|partition| u64::try_from(partition.eof_offset).ok()).max().map(Offset)
    }
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        match serde_json::from_slice::<Told>(statistics) {
            Ok(told) => *self.end_met.lock().unwrap_or_else(PoisonError::into_inner) = told.end_met(),
            Err(error) => tracing::debug!(target: "librdkafka", %error, "statistics can't be read"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.troubles.hear(&error, reason);
    }
}

impl ConsumerContext for Watch {
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "lag tools can't be told how far the job has come");
        }
    }
}

/// Where a message has landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Landed {
    /// Its number in the batch.
    pub(super) number: usize,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// The context of a producer: remembers what became of the messages of each batch.
#[derive(Debug)]
pub(super) struct Acks {
    troubles: Arc<Troubles>,
    batches: Mutex<Batches>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Batches {
    next: usize,
    open: HashMap<usize, Batch>,
}

#[derive(Debug, Default)]
struct Batch {
    /// Numbers of messages of which nothing is known yet.
    unknown: HashSet<usize>,
    landed: Vec<Landed>,
    failed: Option<KafkaError>,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) landed: Vec<Landed>,
    /// Why some have not landed, or are not known to have.
    pub(super) failed: Option<KafkaError>,
}

/// Bits of a token for the number of a message; the others are the batch.
const NUMBER: u32 = 32;

/// A batch that is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchId(usize);

impl Acks {
    pub(super) fn new(troubles: Arc<Troubles>) -> Self {
        Self { troubles, batches: Mutex::default(), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Batches> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a batch.
    pub(super) fn begin(&self) -> BatchId {
        let mut batches = self.lock();
        let id = batches.next;
        batches.next = (id + 1) & 0x7fff_ffff;
        batches.open.insert(id, Batch::default());
        BatchId(id)
    }

    /// The token of a message that is about to be sent.
    pub(super) fn expect(&self, batch: BatchId, number: usize) -> usize {
        if let Some(batch) = self.lock().open.get_mut(&batch.0) {
            batch.unknown.insert(number);
        }
        batch.0 << NUMBER | number
    }

    /// The message was not sent after all.
    pub(super) fn unexpect(&self, batch: BatchId, number: usize) {
        if let Some(batch) = self.lock().open.get_mut(&batch.0) {
            batch.unknown.remove(&number);
        }
    }

    /// Waits until something is known of all messages of a batch, but not for ever; ends the batch.
    pub(super) fn wait(&self, batch: BatchId, until: Instant) -> Delivered {
        let mut batches = self.lock();
        let mut late = false;
        while !late && batches.open.get(&batch.0).is_some_and(|batch| !batch.unknown.is_empty()) {
            let left = until.saturating_duration_since(Instant::now());
            late = left.is_zero();
            batches = self.changed.wait_timeout(batches, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let Batch { landed, failed, .. } = batches.open.remove(&batch.0).unwrap_or_default();
        if failed.is_none() && !late {
            self.troubles.over();
        }
        let timed_out = late.then_some(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut));
        Delivered { landed, failed: failed.or(timed_out) }
    }
}

impl ClientContext for Acks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.troubles.hear(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Acks {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, token: usize) {
        let mut batches = self.lock();
        let number = token & ((1 << NUMBER) - 1);
        // Of a batch that was given up nobody wants to know any more.
        let Some(batch) = batches.open.get_mut(&(token >> NUMBER)) else { return };
        batch.unknown.remove(&number);
        match result {
            Ok(message) => {
                batch.landed.push(Landed { number, partition: message.partition(), offset: message.offset() });
            }
            Err((error, _)) => _ = batch.failed.get_or_insert_with(|| error.clone()),
        }
        if batch.unknown.is_empty() {
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_met_when_nothing_before_it_waits() {
        let watch = Watch::new(&Arc::default());
        let tell = |eof_offset: i64, fetchq_cnt: i64| {
            let unassigned = serde_json::json!({"eof_offset": -1001, "fetchq_cnt": 0});
            let partition = serde_json::json!({"eof_offset": eof_offset, "fetchq_cnt": fetchq_cnt, "lo_offset": 0});
            let partitions = serde_json::json!({"0": partition, "-1": unassigned});
            watch.stats_raw(
                &serde_json::to_vec(&serde_json::json!({"topics": {"t": {"partitions": partitions}}})).unwrap(),
            );
            watch.end_met()
        };
        assert_eq!(watch.end_met(), None);
        assert_eq!(tell(-1001, 0), None, "it has met none");
        assert_eq!(tell(7, 1), None, "a record waits");
        assert_eq!(tell(7, 0), Some(Offset(7)));
        watch.stats_raw(b"nothing of the kind");
        assert_eq!(watch.end_met(), Some(Offset(7)));
    }
}
