//! A topic as the source of a job: partitions are assigned by the job, offsets are the job's business, and only what is
//! committed is a request.
//!
//! No consumer group is joined, so nothing is ever moved under the dataflow. The end of a partition is where the first open
//! transaction begins (the *last stable offset*): what stands behind it may still vanish. Markers and aborted records have
//! offsets, too, so there are gaps, also at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use flightline_engine::contract::{Fault, PartitionReader, Source};
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Offsets, Partition};

use super::cluster::{Isolation, KafkaCluster};
use super::lag::LagMarks;
use super::reader::{Reader, Readers};
use super::standstill::Standstill;
use super::topics::Use;

/// How often it is looked whether transactions have ended.
const SETTLING: Duration = Duration::from_millis(20);

/// A topic of requests. Clones share their connections.
#[derive(Clone)]
pub struct KafkaSource(Arc<Inner>);

struct Inner {
    cluster: KafkaCluster,
    topic: String,
    /// Partitions that the topic is known to have.
    known: AtomicU32,
    /// What was said when a partition was asked for its end the last time.
    ends: Mutex<BTreeMap<Partition, Result<Offset, Fault>>>,
    readers: Arc<Readers>,
    lag: LagMarks,
}

impl KafkaSource {
    /// The topic as a source. Nobody is asked yet.
    #[must_use]
    pub fn new(cluster: KafkaCluster, topic: impl Into<String>) -> Self {
        let topic = topic.into();
        let readers = Arc::new(Readers::new(cluster.clone(), topic.clone()));
        let lag = LagMarks::new(cluster.clone(), topic.clone());
        Self(Arc::new(Inner { cluster, topic, known: AtomicU32::new(0), ends: Mutex::default(), readers, lag }))
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    pub(super) fn cluster(&self) -> &KafkaCluster {
        &self.0.cluster
    }

    /// Whether the topic is known to be there.
    pub(super) fn is_known(&self) -> bool {
        self.0.known.load(Ordering::Relaxed) > 0
    }

    /// How many partitions the topic has. It isn't made.
    pub(super) fn count(&self) -> Result<u32, Fault> {
        self.count_within(self.0.cluster.options().timeout)
    }

    /// The same of brokers that have so long for an answer.
    pub(super) fn count_within(&self, limit: Duration) -> Result<u32, Fault> {
        let Inner { cluster, topic, known, .. } = &*self.0;
        let count = cluster.partitions_within(topic, limit)?.ok_or_else(|| match self.is_known() {
            true => Fault::transient(format!("topic `{topic}` was there, and now no broker knows it; was it deleted?")),
            false => cluster.missing(topic),
        })?;
        known.store(count, Ordering::Relaxed);
        Ok(count)
    }

    /// Waits until no transaction is open that was open when this began.
    pub(super) fn settle(&self) -> Result<(), Fault> {
        let Inner { cluster, topic, .. } = &*self.0;
        let options = cluster.options();
        let until = Instant::now() + options.transaction_timeout + options.timeout;
        for partition in (0..self.count()?).map(Partition) {
            let end = cluster.bounds(topic, partition, Isolation::Everything)?.to;
            while cluster.bounds(topic, partition, Isolation::Committed)?.to < end {
                if until <= Instant::now() {
                    return Err(Fault::transient(format!(
                        "a transaction in partition {partition} of topic `{topic}` stays open, and hides what stands behind its \
                         beginning; try again when its writer has ended"
                    )));
                }
                thread::sleep(SETTLING);
            }
        }
        Ok(())
    }

    fn must_have(&self, partition: Partition) -> Result<(), Fault> {
        if partition.0 < self.0.known.load(Ordering::Relaxed) {
            return Ok(());
        }
        let count = self.count()?;
        if partition.0 < count {
            return Ok(());
        }
        Err(Fault::permanent(format!("topic `{}` has {count} partitions, and none is {partition}", self.0.topic)))
    }
}

impl Source for KafkaSource {
    fn partitions(&self) -> Result<u32, Fault> {
        if self.is_known() {
            return self.count();
        }
        let count = self.0.cluster.bring_about(&self.0.topic, Use::Records)?;
        self.0.known.store(count, Ordering::Relaxed);
        Ok(count)
    }

    fn bounds(&self, partition: Partition) -> Result<OffsetRange, Fault> {
        let bounds = self
            .must_have(partition)
            .and_then(|()| self.0.cluster.bounds(&self.0.topic, partition, Isolation::Committed));
        let said = bounds.as_ref().map(|bounds| bounds.to).map_err(Clone::clone);
        self.0.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, said);
        bounds
    }

    fn open(&self, partition: Partition, from: Offset) -> Result<Box<dyn PartitionReader>, Fault> {
        let bounds = self.bounds(partition)?;
        if from < bounds.from || bounds.to < from {
            return Err(Fault::permanent(format!(
                "offset {from} of partition {partition} of topic `{}` can't be read: the topic holds {bounds}; its retention \
                 was too short, or it was made anew",
                self.0.topic
            )));
        }
        let reader = Readers::open(&self.0.readers, partition, from, bounds.to)?;
        let standstill = Standstill::new(self.0.cluster.options().timeout);
        Ok(Box::new(Heard { source: self.clone(), partition, reader, standstill }))
    }

    fn settled(&self, progress: &Offsets) {
        self.0.lag.mark(progress);
    }
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSource").field("cluster", &self.0.cluster).field("topic", &self.0.topic).finish()
    }
}

/// A reader that says so when there is nothing to read because nobody answers, or because its consumer stands still.
struct Heard {
    source: KafkaSource,
    partition: Partition,
    reader: Reader,
    standstill: Standstill,
}

impl Heard {
    /// The end of the partition, as far as anybody has asked for it.
    fn end(&self) -> Result<Offset, Fault> {
        let ends = self.source.0.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(&self.partition).cloned().unwrap_or(Ok(Offset::default()))
    }
}

impl PartitionReader for Heard {
    fn read(&mut self, limit: usize, patience: Duration) -> Result<Vec<LogRecord>, Fault> {
        let records = self.reader.read(limit, patience).inspect_err(|_| self.standstill.is_excused())?;
        // Whatever is wrong, what was read must be handed on: nobody reads it again.
        let Some(position) = self.reader.passed().filter(|_| records.is_empty()) else { return Ok(records) };
        let end = self.end().inspect_err(|_| self.standstill.is_excused())?;
        let Some(lasted) = self.standstill.is_over(position, end, Instant::now()) else { return Ok(records) };
        self.reader.doubt();
        let Inner { cluster, topic, .. } = &*self.source.0;
        Err(Fault::transient(format!(
            "Kafka at {}: partition {} of topic `{topic}` goes up to offset {end}, and nothing from {position} on has come for \
             {} s; another consumer takes over",
            cluster.options().brokers,
            self.partition,
            lasted.as_secs(),
        )))
    }

    fn passed(&self) -> Option<Offset> {
        self.reader.passed()
    }
}
