//! Reads one partition with a consumer of its own: librdkafka fetches ahead within a bound, and wakes who waits.
//!
//! A reader that is dropped leaves its consumer behind, and who opens the same partition at that very place goes on with it: a
//! sink that catches up opens one stretch after the other. A consumer that may be wrong about the brokers is replaced: one that
//! has once heard of no such partition, as from a broker that had just started, remembers that for minutes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_engine::contract::Fault;
use flightline_engine::log::{LogRecord, Offset, Partition};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;

use super::class::{Class, Signs, classify};
use super::cluster::{Isolation, KafkaCluster, Reading, is_forgotten, native, native_offset, offset, position};

/// Consumers that are kept for whoever goes on where they stand.
const KEPT: usize = 16;
/// How long to wait for records that must be there before looking whether they were only markers.
const LOOK: Duration = Duration::from_millis(20);

/// The readers of a topic.
#[derive(Debug)]
pub(super) struct Readers {
    cluster: KafkaCluster,
    topic: String,
    idle: Mutex<Vec<Standing>>,
}

/// A consumer in its place.
struct Standing {
    consumer: Reading,
    partition: Partition,
    /// After the last record that it gave.
    next: Offset,
    /// Up to here there was something to read when it was opened.
    upto: Offset,
    /// Whether it has got there.
    caught_up: bool,
    /// It was kept, and the end that it tells of next may be the one where it stood.
    was_kept: bool,
    /// What is to be told with the next read.
    pending: Option<Fault>,
    /// Whether another consumer must go on in its place.
    is_doubtful: bool,
}

impl Readers {
    pub(super) fn new(cluster: KafkaCluster, topic: String) -> Self {
        Self { cluster, topic, idle: Mutex::default() }
    }

    /// A reader from `from` on, when the partition ends at `end`.
    pub(super) fn open(readers: &Arc<Self>, partition: Partition, from: Offset, end: Offset) -> Result<Reader, Fault> {
        let kept = {
            let mut idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let place = idle.iter().position(|kept| kept.partition == partition && kept.next == from);
            place.map(|place| idle.remove(place))
        };
        let mut standing = match kept {
            Some(kept) => Standing { was_kept: true, ..kept },
            None => readers.assigned(partition, from)?,
        };
        standing.upto = end;
        standing.caught_up = end <= from;
        Ok(Reader { readers: Arc::clone(readers), standing: Some(standing) })
    }

    fn assigned(&self, partition: Partition, from: Offset) -> Result<Standing, Fault> {
        let kilobytes = (self.cluster.options().prefetch_bytes / 1024).max(64).to_string();
        let consumer = self.cluster.consumer(Isolation::Committed, |config| {
            config.set("enable.partition.eof", "true").set("queued.max.messages.kbytes", &kilobytes);
        })?;
        let what = || format!("reading partition {partition} of topic `{}` from offset {from} on", self.topic);
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(&self.topic, native(partition), native_offset(from))
            .and_then(|()| consumer.assign(&assignment))
            .map_err(|error| self.cluster.fault(&what(), &error))?;
        Ok(Standing {
            consumer,
            partition,
            next: from,
            upto: from,
            caught_up: false,
            was_kept: false,
            pending: None,
            is_doubtful: false,
        })
    }

    fn keep(&self, standing: Standing) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= KEPT {
            idle.remove(0);
        }
        idle.push(standing);
    }
}

/// A place in a partition.
#[derive(Debug)]
pub(super) struct Reader {
    readers: Arc<Readers>,
    /// Until it is dropped.
    standing: Option<Standing>,
}

impl Reader {
    /// See [`PartitionReader::read`](flightline_engine::contract::PartitionReader::read).
    pub(super) fn read(&mut self, limit: usize, patience: Duration) -> Result<Vec<LogRecord>, Fault> {
        match &mut self.standing {
            Some(standing) => standing.read(&self.readers, limit, patience),
            None => Ok(Vec::new()),
        }
    }

    /// Lets the next read begin with another consumer, at the same place.
    pub(super) fn doubt(&mut self) {
        if let Some(standing) = &mut self.standing {
            standing.is_doubtful = true;
        }
    }

    /// See [`PartitionReader::passed`](flightline_engine::contract::PartitionReader::passed).
    pub(super) fn passed(&self) -> Option<Offset> {
        self.standing.as_ref().map(|standing| standing.position(&self.readers.topic))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(standing) = self.standing.take().filter(Standing::is_sound) {
            self.readers.keep(standing);
        }
    }
}

impl Standing {
    /// Whether somebody else may go on with it.
    const fn is_sound(&self) -> bool {
        !self.is_doubtful && self.pending.is_none()
    }

    /// Puts another consumer in the place of a doubtful one.
    fn renew(&mut self, readers: &Readers) -> Result<(), Fault> {
        let fresh = readers.assigned(self.partition, self.position(&readers.topic))?;
        (self.consumer, self.next, self.is_doubtful, self.was_kept) = (fresh.consumer, fresh.next, false, false);
        Ok(())
    }

    fn read(&mut self, readers: &Readers, limit: usize, patience: Duration) -> Result<Vec<LogRecord>, Fault> {
        if let Some(fault) = self.pending.take() {
            return Err(fault);
        }
        if self.is_doubtful {
            self.renew(readers)?;
        }
        let begun = Instant::now();
        // Something is there that was not asked for yet: patience is for what isn't.
        let answers = patience.max(readers.cluster.options().timeout);
        let (mut records, mut weight) = (Vec::new(), 0);
        // While the brokers are away librdkafka says so many times a second, and all of it waits here in order: what stands
        // before a record, or before a later word, is over.
        let mut trouble = None;
        loop {
            let wait = match (records.is_empty(), self.caught_up) {
                _ if trouble.is_some() => Duration::ZERO,
                (false, _) => Duration::ZERO,
                (true, true) => patience.saturating_sub(begun.elapsed()),
                (true, false) => LOOK,
            };
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    let payload = message.payload().map(Bytes::copy_from_slice).unwrap_or_default();
                    let record = LogRecord { offset: offset(message.offset()), payload };
                    weight += record.weight();
                    self.next = record.offset.next();
                    self.caught_up |= self.upto <= self.next;
                    self.was_kept = false;
                    trouble = None;
                    records.push(record);
                    if weight >= limit {
                        return Ok(records);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.caught_up |= !std::mem::take(&mut self.was_kept);
                    trouble = None;
                }
                Some(Err(error)) => {
                    self.is_doubtful |= is_forgotten(&error);
                    match self.fault(readers, &error) {
                        None => {}
                        passing @ Some(Fault::Transient(_)) => trouble = passing,
                        Some(fault) if records.is_empty() => return Err(fault),
                        lasting => {
                            self.pending = lasting;
                            return Ok(records);
                        }
                    }
                }
                None if !records.is_empty() => {
                    readers.cluster.troubles().over();
                    return Ok(records);
                }
                None if let Some(fault) = trouble => return Err(fault),
                None if self.caught_up && begun.elapsed() >= patience => return Ok(records),
                None if self.caught_up => {}
                None => {
                    self.caught_up = self.upto <= self.position(&readers.topic);
                    if !self.caught_up && begun.elapsed() >= answers {
                        self.is_doubtful = true;
                        let late = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
                        return Err(readers.cluster.fault(&self.what(readers), &late));
                    }
                }
            }
        }
    }

    fn what(&self, readers: &Readers) -> String {
        format!("reading partition {} of topic `{}` from offset {} on", self.partition, readers.topic, self.next)
    }

    /// The fault that an error is, if it is one: librdkafka tells much that it overcomes by itself.
    fn fault(&self, readers: &Readers, error: &KafkaError) -> Option<Fault> {
        let signs = Signs::of(error);
        let passing = classify(signs) == Class::Retry && signs.code != RDKafkaErrorCode::AllBrokersDown;
        // Its group is never joined, so who coordinates it is nobody's business.
        let group = signs.code == RDKafkaErrorCode::GroupAuthorizationFailed;
        let refused = readers.cluster.troubles().refused().is_some();
        ((!passing && !group) || refused).then(|| readers.cluster.fault_of_known(&self.what(readers), error))
    }

    /// Behind the last record or marker that came by.
    fn position(&self, topic: &str) -> Offset {
        position(&self.consumer, topic, self.partition).unwrap_or(self.next)
    }
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing").field("partition", &self.partition).field("next", &self.next).finish_non_exhaustive()
    }
}
