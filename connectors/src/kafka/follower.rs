//! Follows a topic with one consumer for all of its partitions, from their ends on: for a page that waits for answers.
//!
//! librdkafka says once that all brokers are away and is silent then, as it is when nothing comes. So while nothing comes the
//! brokers are asked now and then, which also tells when they are back.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_engine::contract::{Fault, Source};
use flightline_engine::log::{LogRecord, Partition};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};

use super::class::{Class, Signs, classify};
use super::client::server;
use super::cluster::{Isolation, Reading, is_unknown, native, native_offset, offset};
use super::source::KafkaSource;
use crate::client::{Came, ClientError, Followed, Follower, Position};

/// How often the brokers are asked while nothing comes, and how long they have for the answer.
const LOOK: Duration = Duration::from_secs(2);
/// How often new partitions are looked for while something comes.
const LOOK_WHEN_BUSY: Duration = Duration::from_secs(30);

/// Reads what is committed in a topic, from some moment on.
pub struct KafkaFollower {
    source: KafkaSource,
    consumer: Reading,
    /// How many partitions are followed.
    followed: u32,
    looked: Instant,
    /// Why nothing can come now.
    away: Option<ClientError>,
    /// Why nothing will come any more.
    ended: Option<ClientError>,
}

impl KafkaFollower {
    pub(super) fn new(source: KafkaSource) -> Result<Self, Fault> {
        let partitions = source.partitions()?;
        let consumer = source.cluster().consumer(Isolation::Committed, |config| {
            // A follower wants what is new, and has no use for much that is fetched ahead.
            config.set("queued.max.messages.kbytes", "4096");
        })?;
        let follower = Self { source, consumer, followed: partitions, looked: Instant::now(), away: None, ended: None };
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

    /// Takes note of an error of the consumer, if it is more than what librdkafka overcomes by itself.
    fn hear(&mut self, error: &KafkaError) {
        let signs = Signs::of(error);
        let fault = || server(self.fault(error));
        match (signs.code, classify(signs)) {
            // Its group is never joined, so who coordinates it is nobody's business.
            (RDKafkaErrorCode::GroupAuthorizationFailed, _) => {}
            (RDKafkaErrorCode::AllBrokersDown, _) => self.away = Some(fault()),
            // The topic was there: a broker that has just started may not know it yet.
            (code, _) if is_unknown(code) => self.away = Some(fault()),
            (_, Class::Retry) => {}
            _ => self.ended = Some(fault()),
        }
    }

    /// Asks the brokers, if it is time. New partitions are followed from their beginning.
    fn look(&mut self, is_quiet: bool) {
        let every = if is_quiet { LOOK } else { LOOK_WHEN_BUSY };
        if self.looked.elapsed() < every {
            return;
        }
        match self.source.count_within(LOOK) {
            Ok(partitions) => {
                self.away = None;
                self.follow_new(partitions);
            }
            Err(fault) => self.away = Some(server(fault)),
        }
        self.looked = Instant::now();
    }

    fn follow_new(&mut self, partitions: u32) {
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

impl Follower for KafkaFollower {
    fn next(&mut self, limit: usize, patience: Duration) -> Result<Came, ClientError> {
        let (begun, mut bytes, mut records) = (Instant::now(), 0, Vec::new());
        while self.ended.is_none() {
            let wait = if records.is_empty() { patience.saturating_sub(begun.elapsed()) } else { Duration::ZERO };
            let polled = self.consumer.poll(wait).map(|polled| polled.map(|message| followed(&message)));
            match polled {
                Some(Ok(record)) => {
                    bytes += record.payload.len() + LogRecord::OVERHEAD;
                    records.push(record);
                    self.away = None;
                    if bytes >= limit {
                        break;
                    }
                }
                Some(Err(error)) => self.hear(&error),
                None if !records.is_empty() || begun.elapsed() >= patience => break,
                None => {}
            }
        }
        if let Some(error) = self.ended.clone().filter(|_| records.is_empty()) {
            return Err(error);
        }
        self.look(records.is_empty());
        Ok(Came { records, away: self.away.clone() })
    }
}

fn followed(message: &BorrowedMessage<'_>) -> Followed {
    let partition = Partition(u32::try_from(message.partition()).unwrap_or(0));
    let payload = message.payload().map(Bytes::copy_from_slice).unwrap_or_default();
    Followed { position: Position { partition, offset: offset(message.offset()) }, payload }
}

impl fmt::Debug for KafkaFollower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaFollower").field("topic", &self.source.topic()).finish_non_exhaustive()
    }
}
