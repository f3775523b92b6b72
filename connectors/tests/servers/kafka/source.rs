//! Requests from a topic.

use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::client::TopicClient;
use flightline_connectors::kafka::{KafkaCluster, KafkaOptions, KafkaSource, KafkaTopic};
use flightline_engine::conformance;
use flightline_engine::conformance::source::SourceHarness;
use flightline_engine::contract::{Fault, Source};
use flightline_engine::log::{LogRecord, Offset, Offsets, Partition};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, TopicPartitionList};

use super::{LONG, cluster, cluster_of, made, options, settle, stranger};
use crate::addresses::{address, unique};

const HERE: Partition = Partition(0);

struct TopicAsSource {
    cluster: KafkaCluster,
    topic: KafkaTopic,
}

impl TopicAsSource {
    fn new(partitions: u32) -> Self {
        let cluster = cluster_of(partitions);
        Self { topic: KafkaTopic::new(cluster.clone(), unique("source")), cluster }
    }
}

impl SourceHarness for TopicAsSource {
    fn fresh(&mut self, partitions: u32) {
        *self = Self::new(partitions);
        self.topic = made(&self.cluster, self.topic.name());
    }

    fn source(&mut self) -> Box<dyn Source> {
        Box::new(KafkaSource::new(self.cluster.clone(), self.topic.name()))
    }

    fn append(&mut self, partition: Partition, payload: Bytes) -> Offset {
        self.topic.append_to(partition, vec![payload]).unwrap().from
    }

    fn trim(&mut self, partition: Partition, below: Offset) -> bool {
        let mut upto = TopicPartitionList::new();
        let (partition, below) = (i32::try_from(partition.0).unwrap(), i64::try_from(below.0).unwrap());
        upto.add_partition_offset(self.topic.name(), partition, rdkafka::Offset::Offset(below)).unwrap();
        run(admin().delete_records(&upto, &AdminOptions::new())).unwrap();
        true
    }
}

fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", address("KAFKA_BROKERS")).create().unwrap()
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn a_topic_is_a_source() {
    conformance::source::check(&mut TopicAsSource::new(1)).unwrap();
}

fn send(producer: &BaseProducer, topic: &str, payloads: &[&str]) {
    for payload in payloads {
        producer.send(BaseRecord::<(), str>::to(topic).partition(0).payload(payload)).unwrap();
    }
    producer.flush(LONG).unwrap();
}

fn payloads(records: &[LogRecord]) -> Vec<(u64, &str)> {
    records.iter().map(|record| (record.offset.0, std::str::from_utf8(&record.payload).unwrap())).collect()
}

/// Markers and aborted records take offsets; an open transaction is not there yet.
#[test]
fn only_what_is_committed_is_a_request() {
    let (cluster, topic) = (cluster_of(1), unique("transactions"));
    let source = KafkaSource::new(cluster, &topic);
    assert_eq!(source.partitions(), Ok(1));
    let producer = stranger(Some(&topic));
    producer.begin_transaction().unwrap();
    send(&producer, &topic, &["0", "1"]);
    producer.commit_transaction(LONG).unwrap();
    producer.begin_transaction().unwrap();
    send(&producer, &topic, &["aborted"]);
    producer.abort_transaction(LONG).unwrap();

    // 0 1 marker aborted marker
    settle(&topic);
    assert_eq!(source.bounds(HERE).unwrap().to, Offset(5));
    let mut reader = source.open(HERE, Offset(0)).unwrap();
    assert_eq!(payloads(&reader.read(usize::MAX, Duration::ZERO).unwrap()), [(0, "0"), (1, "1")]);
    assert_eq!(reader.read(usize::MAX, Duration::ZERO).unwrap(), []);
    for behind in [2, 3, 4, 5] {
        let mut reader = source.open(HERE, Offset(behind)).unwrap();
        assert_eq!(reader.read(usize::MAX, Duration::ZERO), Ok(vec![]), "from {behind}");
        assert_eq!(reader.passed(), Some(Offset(5)), "from {behind}");
    }

    producer.begin_transaction().unwrap();
    send(&producer, &topic, &["open"]);
    assert_eq!(source.bounds(HERE).unwrap().to, Offset(5), "it may still be aborted");
    assert_eq!(reader.read(usize::MAX, Duration::from_millis(300)), Ok(vec![]));
    producer.commit_transaction(LONG).unwrap();
    assert_eq!(payloads(&reader.read(usize::MAX, LONG).unwrap()), [(5, "open")]);
    settle(&topic);
    assert_eq!(source.bounds(HERE).unwrap().to, Offset(7));
}

/// A sink that catches up opens one stretch after the other.
#[test]
fn who_opens_where_another_has_stopped_goes_on() {
    let (cluster, topic) = (cluster_of(1), unique("stretches"));
    let requests = made(&cluster, &topic);
    requests.append_to(HERE, (0..100).map(|number| Bytes::from(number.to_string())).collect()).unwrap();
    let source = KafkaSource::new(cluster, &topic);
    let (mut next, mut found) = (Offset(0), Vec::new());
    while next < source.bounds(HERE).unwrap().to {
        let records = source.open(HERE, next).unwrap().read(1000, Duration::ZERO).unwrap();
        next = records.last().unwrap().offset.next();
        found.extend(records);
    }
    assert_eq!(found.len(), 100);
    assert!(payloads(&found).iter().all(|(offset, payload)| offset.to_string() == *payload));
}

#[test]
fn a_tombstone_is_an_empty_request() {
    let (cluster, topic) = (cluster_of(1), unique("tombstones"));
    let source = KafkaSource::new(cluster, &topic);
    assert_eq!(source.partitions(), Ok(1));
    let producer = stranger(None);
    producer.send(BaseRecord::<str, str>::to(&topic).partition(0).key("uuid")).unwrap();
    send(&producer, &topic, &["after"]);
    let read = source.open(HERE, Offset(0)).unwrap().read(usize::MAX, Duration::ZERO).unwrap();
    assert_eq!(payloads(&read), [(0, ""), (1, "after")]);
}

#[test]
fn partitions_that_come_later_are_told() {
    let (cluster, topic) = (cluster_of(1), unique("growing"));
    let source = KafkaSource::new(cluster, &topic);
    assert_eq!(source.partitions(), Ok(1));
    assert!(matches!(source.bounds(Partition(1)), Err(Fault::Permanent(_))));
    run(admin().create_partitions([&NewPartitions::new(&topic, 3)], &AdminOptions::new())).unwrap();
    while source.partitions().unwrap() < 3 {}
    assert!(source.bounds(Partition(2)).unwrap().is_empty());
}

#[test]
fn a_missing_topic_that_may_not_be_made_is_named() {
    let topic = unique("missing");
    let cluster = KafkaCluster::new(KafkaOptions { create_topics: None, ..options() }).unwrap();
    let Err(Fault::Permanent(why)) = KafkaSource::new(cluster, &topic).partitions() else { panic!("it is there") };
    assert!(why.0.contains(&topic) && why.0.contains("make it"), "{why}");
}

#[test]
fn lag_tools_are_told_how_far_the_job_is() {
    let (cluster, topic) = (cluster(), unique("lag"));
    let source = KafkaSource::new(cluster.clone(), &topic);
    assert_eq!(source.partitions(), Ok(3));
    let progress: Offsets = [(Partition(0), Offset(3)), (Partition(2), Offset(8))].into();
    let asker: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address("KAFKA_BROKERS"))
        .set("group.id", &cluster.options().group)
        .create()
        .unwrap();
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(&topic, 0, 2);
    let told = || {
        source.settled(&progress);
        let told = asker.committed_offsets(asked.clone(), Duration::from_secs(10)).unwrap();
        told.elements().iter().map(|element| element.offset().to_raw()).collect::<Vec<_>>()
    };
    let begun = std::time::Instant::now();
    // Nobody waits for it, so it comes when it comes.
    while told() != [Some(3), rdkafka::Offset::Invalid.to_raw(), Some(8)] {
        assert!(begun.elapsed() < LONG, "{:?}", told());
    }
}
