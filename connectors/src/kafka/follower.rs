//! Follows a topic with one consumer for all of its partitions, from their ends on: for a page that waits for answers.
//!
//! librdkafka says once that all brokers are away and is silent then, as it is when nothing comes. So while nothing comes the
//! brokers are asked now and then, which also tells when they are back. The ends of the partitions are asked for, too: a
//! consumer to which nothing comes though there is something is replaced.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_engine::contract::{Fault, Source};
use flightline_engine::log::{LogRecord, Offset, Partition};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};

use super::class::{Class, Signs, classify};
use super::client::server;
use super::cluster::{Isolation, Reading, is_unknown, native, native_offset, offset, position};
use super::source::KafkaSource;
use super::standstill::Standstill;
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
    /// Where each partition is to be read on.
    places: BTreeMap<Partition, Offset>,
    standstills: BTreeMap<Partition, Standstill>,
    ends_looked: Instant,
    /// Why nothing can come now.
    away: Option<ClientError>,
    /// Why nothing will come any more.
    ended: Option<ClientError>,
}

impl KafkaFollower {
    pub(super) fn new(source: KafkaSource) -> Result<Self, Fault> {
        let followed = source.partitions()?;
        let end = |partition| Ok((partition, source.bounds(partition)?.to));
        let places = (0..followed).map(Partition).map(end).collect::<Result<_, Fault>>()?;
        let (consumer, now) = (assigned(&source, &places)?, Instant::now());
        let (standstills, away, ended) = (BTreeMap::new(), None, None);
        Ok(Self { source, consumer, followed, looked: now, places, standstills, ends_looked: now, away, ended })
    }

    fn fault(&self, error: &KafkaError) -> Fault {
        fault(&self.source, error)
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

    /// Looks whether something is there that doesn't come, if it is time, and lets another consumer take over then. Who waits
    /// for answers meanwhile waits no longer than for the other look.
    fn look_at_ends(&mut self) {
        let cluster = self.source.cluster().clone();
        let timeout = cluster.options().timeout;
        if self.ends_looked.elapsed() < timeout || self.away.is_some() {
            return;
        }
        self.ends_looked = Instant::now();
        self.note_places();
        let (topic, mut is_over) = (self.source.topic(), false);
        for (partition, place) in &mut self.places {
            let standstill = self.standstills.entry(*partition).or_insert_with(|| Standstill::new(timeout));
            let left = LOOK.saturating_sub(self.ends_looked.elapsed());
            let Ok(bounds) = cluster.bounds_within(topic, *partition, Isolation::Committed, left) else {
                standstill.is_excused();
                continue;
            };
            // What is gone can't be read any more.
            *place = bounds.from.max(*place);
            if let Some(lasted) = standstill.is_over(*place, bounds.to, Instant::now()) {
                tracing::warn!(
                    "partition {partition} of topic `{topic}` goes up to offset {}, and nothing from {place} on has come for {} s: \
                     another consumer takes over",
                    bounds.to,
                    lasted.as_secs(),
                );
                is_over = true;
            }
        }
        if is_over && let Ok(consumer) = assigned(&self.source, &self.places) {
            self.consumer = consumer;
        }
    }

    /// Behind the last records there may be markers of transactions.
    fn note_places(&mut self) {
        for (partition, place) in &mut self.places {
            *place = position(&self.consumer, self.source.topic(), *partition).unwrap_or(*place).max(*place);
        }
    }

    fn follow_new(&mut self, partitions: u32) {
        let mut new = TopicPartitionList::new();
        for partition in (self.followed..partitions).map(Partition) {
            let added = new.add_partition_offset(self.source.topic(), native(partition), rdkafka::Offset::Beginning);
            if added.is_err() {
                return;
            }
        }
        if self.followed < partitions && self.consumer.incremental_assign(&new).is_ok() {
            self.places.extend((self.followed..partitions).map(|partition| (Partition(partition), Offset::default())));
            self.followed = partitions;
        }
    }
}

/// A consumer that reads on in these places.
fn assigned(source: &KafkaSource, places: &BTreeMap<Partition, Offset>) -> Result<Reading, Fault> {
    let consumer = source.cluster().consumer(Isolation::Committed, |config| {
        // A follower wants what is new, and has no use for much that is fetched ahead.
        config.set("queued.max.messages.kbytes", "4096");
    })?;
    let mut list = TopicPartitionList::new();
    for (partition, place) in places {
        let added = list.add_partition_offset(source.topic(), native(*partition), native_offset(*place));
        added.map_err(|error| fault(source, &error))?;
    }
    consumer.assign(&list).map_err(|error| fault(source, &error))?;
    Ok(consumer)
}

fn fault(source: &KafkaSource, error: &KafkaError) -> Fault {
    source.cluster().fault(&format!("following topic `{}`", source.topic()), error)
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
                    self.places.insert(record.position.partition, record.position.offset.next());
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
        self.look_at_ends();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Error};

    use super::*;
    use crate::client::TopicClient;
    use crate::kafka::{KafkaCluster, KafkaOptions, KafkaTopic};

    fn next(follower: &mut KafkaFollower) -> Vec<Bytes> {
        let came = follower.next(usize::MAX, Duration::from_millis(100)).unwrap();
        came.records.into_iter().map(|record| record.payload).collect()
    }

    fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = found() {
                return found;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it doesn't come");
        }
    }

    fn is_some(lines: Vec<Bytes>) -> Option<Vec<Bytes>> {
        Some(lines).filter(|lines| !lines.is_empty())
    }

    /// A page whose consumer stood still after brokers had been away gave no answers any more.
    #[test]
    fn a_follower_that_stands_still_goes_on() {
        let brokers = MockCluster::<DefaultProducerContext>::new(1).unwrap();
        brokers.create_topic("answers", 2, 1).unwrap();
        let (brokers_at, timeout) = (brokers.bootstrap_servers(), Duration::from_secs(3));
        let options = KafkaOptions { brokers: brokers_at, timeout, ..KafkaOptions::default() };
        let cluster = KafkaCluster::new(options).unwrap();
        let topic = Arc::new(KafkaTopic::new(cluster.clone(), "answers"));
        let say = |line: &'static str| topic.append_to(Partition(1), vec![line.into()]).unwrap();
        say("nobody follows yet");
        let mut follower = KafkaFollower::new(KafkaSource::new(cluster, "answers")).unwrap();
        say("before");
        assert_eq!(wait_for(|| is_some(next(&mut follower))), ["before"]);

        brokers.request_errors(Api::Fetch, &[Error::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE; 5000]);
        let first = follower.consumer.client().native_ptr();
        say("meanwhile");
        wait_for(|| {
            assert_eq!(next(&mut follower), Vec::<Bytes>::new());
            (follower.consumer.client().native_ptr() != first).then_some(())
        });
        brokers.clear_request_errors(Api::Fetch);
        assert_eq!(wait_for(|| is_some(next(&mut follower))), ["meanwhile"]);
        say("after");
        assert_eq!(wait_for(|| is_some(next(&mut follower))), ["after"]);
    }
}
