//! A topic as others use it: a page that asks, a command that looks, somebody who waits for answers.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_engine::contract::{Fault, Source};
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;

use super::class::{Class, Signs, classify};
use super::cluster::{Isolation, KafkaCluster, Reading, native, native_offset, offset};
use super::producer::{Outgoing, Sender};
use super::source::KafkaSource;
use super::watch::Landed;
use crate::client::{ClientError, Position, TopicClient};

/// A topic of a cluster. Any number of threads may share it; what they append at the same time travels together.
#[derive(Debug)]
pub struct KafkaTopic {
    source: KafkaSource,
    sender: Mutex<Option<Arc<Sender>>>,
}

impl KafkaTopic {
    /// The topic. Nobody is asked yet.
    #[must_use]
    pub fn new(cluster: KafkaCluster, topic: impl Into<String>) -> Self {
        Self { source: KafkaSource::new(cluster, topic), sender: Mutex::new(None) }
    }

    /// What is committed from now on, of all partitions. A topic that is missing is made, if that is allowed.
    ///
    /// # Errors
    /// The topic can't be reached.
    pub fn follow(&self) -> Result<KafkaFollower, ClientError> {
        KafkaFollower::new(self.source.clone()).map_err(server)
    }

    fn sender(&self) -> Result<Arc<Sender>, Fault> {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref() {
            return Ok(Arc::clone(sender));
        }
        Ok(Arc::clone(sender.insert(Arc::new(Sender::plain(self.source.cluster())?))))
    }

    /// Who writes makes a topic that is missing, if that is allowed, or hears of it before a message waits for it.
    fn bring_about(&self) -> Result<(), ClientError> {
        if !self.source.is_known() {
            self.source.partitions().map_err(server)?;
        }
        Ok(())
    }

    fn send<'a>(&self, messages: impl IntoIterator<Item = Outgoing<'a>>) -> Result<Vec<Landed>, ClientError> {
        let sent = self.sender().map_err(server)?.deliver(messages);
        sent.map_err(|failed| {
            let class = classify(Signs::of(&failed.error));
            if matches!(class, Class::Rebuild | Class::Fenced) {
                *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            let what = format!("appending to topic `{}`", self.source.topic());
            let fault = self.source.cluster().fault(&what, &failed.error);
            let uncertain = class != Class::Permanent || !failed.landed.is_empty();
            match server(fault) {
                ClientError::Server { sentence, transient, .. } => {
                    ClientError::Server { sentence, transient, uncertain }
                }
                other => other,
            }
        })
    }
}

impl TopicClient for KafkaTopic {
    fn name(&self) -> &str {
        self.source.topic()
    }

    fn partitions(&self) -> Result<u32, ClientError> {
        self.source.count().map_err(server)
    }

    /// As said there, but that some may stand and others not when it fails; and those of others may stand in between.
    fn append_to(&self, partition: Partition, records: Vec<Bytes>) -> Result<OffsetRange, ClientError> {
        self.bring_about()?;
        if records.is_empty() {
            let end = self.bounds(partition)?.to;
            return Ok(OffsetRange::new(end, end));
        }
        let landed = self.send(records.iter().map(|record| Outgoing {
            topic: self.source.topic(),
            partition: Some(native(partition)),
            key: None,
            payload: Some(record),
            headers: None,
        }))?;
        let offsets = || landed.iter().map(|landed| offset(landed.offset));
        let (first, last) = (offsets().min().unwrap_or_default(), offsets().max().unwrap_or_default());
        Ok(OffsetRange::new(first, last.next()))
    }

    fn read(
        &self,
        partition: Partition,
        from: Offset,
        limit: usize,
        patience: Duration,
    ) -> Result<Vec<LogRecord>, ClientError> {
        self.source.open(partition, from).and_then(|mut reader| reader.read(limit, patience)).map_err(server)
    }

    fn bounds(&self, partition: Partition) -> Result<OffsetRange, ClientError> {
        self.source.bounds(partition).map_err(server)
    }

    /// In the partition where Kafka's own clients put the key, too.
    fn append(&self, key: &[u8], payload: Bytes) -> Result<Position, ClientError> {
        self.bring_about()?;
        let message = Outgoing {
            topic: self.source.topic(),
            partition: None,
            key: Some(key),
            payload: Some(&payload),
            headers: None,
        };
        let landed = self.send([message])?.pop();
        let landed =
            landed.ok_or_else(|| server(Fault::transient("Kafka acknowledged a message and not where it is")))?;
        let partition = Partition(u32::try_from(landed.partition).unwrap_or(0));
        Ok(Position { partition, offset: offset(landed.offset) })
    }
}

/// A fault as clients tell it.
fn server(fault: Fault) -> ClientError {
    let transient = matches!(fault, Fault::Transient(_));
    ClientError::Server { sentence: fault.to_string(), transient, uncertain: false }
}

/// A record that came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Where it stands.
    pub position: Position,
    /// Its key; for answers the request's UUID.
    pub key: Option<Bytes>,
    /// Its bytes.
    pub payload: Bytes,
}

/// Reads all partitions of a topic from some moment on. Lives on a thread of its own and may wait there.
pub struct KafkaFollower {
    source: KafkaSource,
    consumer: Reading,
    /// How many partitions are followed.
    followed: u32,
    looked: Instant,
}

impl KafkaFollower {
    /// How often it looks for new partitions.
    const LOOK: Duration = Duration::from_secs(30);

    fn new(source: KafkaSource) -> Result<Self, Fault> {
        let partitions = source.partitions()?;
        let consumer = source.cluster().consumer(Isolation::Committed, |config| {
            // A follower wants what is new, and has no use for much that is fetched ahead.
            config.set("queued.max.messages.kbytes", "4096");
        })?;
        let follower = Self { source, consumer, followed: partitions, looked: Instant::now() };
        let mut ends = TopicPartitionList::new();
        for partition in (0..partitions).map(Partition) {
            let end = follower.source.bounds(partition)?.to;
            follower.add(&mut ends, partition, native_offset(end))?;
        }
        follower.consumer.assign(&ends).map_err(|error| follower.fault(&error))?;
        Ok(follower)
    }

    fn fault(&self, error: &KafkaError) -> Fault {
        self.source.cluster().fault(&format!("following topic `{}`", self.source.topic()), error)
    }

    fn add(&self, list: &mut TopicPartitionList, partition: Partition, at: rdkafka::Offset) -> Result<(), Fault> {
        let added = list.add_partition_offset(self.source.topic(), native(partition), at);
        added.map_err(|error| self.fault(&error))
    }

    /// The next records, in the order of each partition: at least one if there is any, and about `limit` bytes at most. Waits
    /// up to `patience` for the first; none means none yet.
    ///
    /// # Errors
    /// The topic can't be followed. After a transient error the next call goes on; after another one make a new follower.
    pub fn next(&mut self, limit: usize, patience: Duration) -> Result<Vec<Followed>, ClientError> {
        self.look_for_partitions();
        let (begun, mut bytes, mut records) = (Instant::now(), 0, Vec::new());
        loop {
            let wait = if records.is_empty() { patience.saturating_sub(begun.elapsed()) } else { Duration::ZERO };
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    let partition = Partition(u32::try_from(message.partition()).unwrap_or(0));
                    let record = Followed {
                        position: Position { partition, offset: offset(message.offset()) },
                        key: message.key().map(Bytes::copy_from_slice),
                        payload: message.payload().map(Bytes::copy_from_slice).unwrap_or_default(),
                    };
                    bytes += record.payload.len() + LogRecord::OVERHEAD;
                    records.push(record);
                    if bytes >= limit {
                        return Ok(records);
                    }
                }
                Some(Err(error)) => {
                    let signs = Signs::of(&error);
                    let away = signs.code == RDKafkaErrorCode::AllBrokersDown;
                    let group = signs.code == RDKafkaErrorCode::GroupAuthorizationFailed;
                    if records.is_empty() && !group && (away || classify(signs) != Class::Retry) {
                        return Err(server(self.fault(&error)));
                    }
                }
                None if !records.is_empty() || begun.elapsed() >= patience => return Ok(records),
                None => {}
            }
        }
    }

    /// New partitions are followed from their beginning. A cluster that doesn't answer is asked again later.
    fn look_for_partitions(&mut self) {
        if self.looked.elapsed() < Self::LOOK {
            return;
        }
        self.looked = Instant::now();
        let Ok(partitions) = self.source.partitions() else { return };
        let mut new = TopicPartitionList::new();
        for partition in (self.followed..partitions).map(Partition) {
            if self.add(&mut new, partition, rdkafka::Offset::Beginning).is_err() {
                return;
            }
        }
        if self.followed < partitions && self.consumer.incremental_assign(&new).is_ok() {
            self.followed = partitions;
        }
    }
}

impl fmt::Debug for KafkaFollower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaFollower").field("topic", &self.source.topic()).finish_non_exhaustive()
    }
}
