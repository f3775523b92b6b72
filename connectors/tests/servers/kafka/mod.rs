//! Kafka, against a real broker.

mod access;
mod client;
mod faults;
mod sink;
mod sink_conformance;
mod source;

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_connectors::client::TopicClient;
use flightline_connectors::kafka::{
    AnswerHeaders, KafkaCluster, KafkaOptions, KafkaSink, KafkaSinkOptions, KafkaSource, KafkaTopic, NewTopics,
};
use flightline_engine::contract::{Answers, Guarantee, Item, Selects, SinkBatch, SinkName, Source, Standing};
use flightline_engine::ids::JobName;
use flightline_engine::log::{Offset, Partition, Reached, Witness};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, Producer};

use crate::addresses::{address, unique};

/// Partitions of topics that are made here.
const PARTITIONS: u32 = 3;
/// Longer than anything takes here, also on a machine that is busy.
const LONG: Duration = Duration::from_secs(30);

fn options() -> KafkaOptions {
    KafkaOptions {
        brokers: address("KAFKA_BROKERS"),
        create_topics: Some(NewTopics { partitions: PARTITIONS, replication: 1 }),
        group: unique("group"),
        ..KafkaOptions::default()
    }
}

fn cluster() -> KafkaCluster {
    KafkaCluster::new(options()).unwrap()
}

/// A cluster whose new topics have so many partitions.
fn cluster_of(partitions: u32) -> KafkaCluster {
    KafkaCluster::new(KafkaOptions { create_topics: Some(NewTopics { partitions, replication: 1 }), ..options() })
        .unwrap()
}

fn sink_options(topic: &str, guarantee: Guarantee) -> KafkaSinkOptions {
    KafkaSinkOptions {
        name: SinkName("answers".into()),
        job: JobName("job".into()),
        topic: topic.to_owned(),
        selects: Selects::Answers,
        guarantee,
        headers: AnswerHeaders::default(),
    }
}

fn sink(cluster: &KafkaCluster, topic: &str, guarantee: Guarantee) -> KafkaSink {
    KafkaSink::new(cluster.clone(), sink_options(topic, guarantee))
}

/// A topic that was made.
fn made(cluster: &KafkaCluster, topic: &str) -> KafkaTopic {
    assert!(KafkaSource::new(cluster.clone(), topic).partitions().unwrap() > 0);
    KafkaTopic::new(cluster.clone(), topic)
}

/// A producer as others have them.
fn stranger(transactional_id: Option<&str>) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address("KAFKA_BROKERS"));
    if let Some(id) = transactional_id {
        config.set("transactional.id", id);
    }
    let producer: BaseProducer = config.create().unwrap();
    if transactional_id.is_some() {
        producer.init_transactions(LONG).unwrap();
    }
    producer
}

/// Waits until no transaction is open in a topic, if there is one. Brokers say that one has ended before all of them know it.
fn settle(topic: &str) {
    static ASKERS: OnceLock<[BaseConsumer; 2]> = OnceLock::new();
    settle_with(ASKERS.get_or_init(|| askers(&address("KAFKA_BROKERS"))), topic);
}

/// Who sees everything, and who sees what is committed.
fn askers(brokers: &str) -> [BaseConsumer; 2] {
    ["read_uncommitted", "read_committed"].map(|level| {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("isolation.level", level);
        config.create().unwrap()
    })
}

fn settle_with([everything, committed]: &[BaseConsumer; 2], topic: &str) {
    let begun = Instant::now();
    // A topic that has just been made may be without a leader for a moment.
    let is_settled = || -> KafkaResult<bool> {
        let metadata = everything.fetch_metadata(Some(topic), LONG)?;
        for partition in metadata.topics()[0].partitions() {
            let end = |asker: &BaseConsumer| asker.fetch_watermarks(topic, partition.id(), LONG);
            if end(committed)?.1 < end(everything)?.1 {
                return Ok(false);
            }
        }
        Ok(true)
    };
    while !matches!(is_settled(), Ok(true)) {
        assert!(begun.elapsed() < 3 * LONG, "a transaction is left open: {:?}", is_settled());
        thread::sleep(Duration::from_millis(5));
    }
}

/// All that a careful reader finds in a topic, by partition.
fn contents(cluster: &KafkaCluster, topic: &str) -> Vec<Vec<Bytes>> {
    settle(topic);
    contents_now(cluster, topic)
}

/// The same of brokers that only one test uses.
fn contents_at(brokers: &str, cluster: &KafkaCluster, topic: &str) -> Vec<Vec<Bytes>> {
    settle_with(&askers(brokers), topic);
    contents_now(cluster, topic)
}

fn contents_now(cluster: &KafkaCluster, topic: &str) -> Vec<Vec<Bytes>> {
    let topic = KafkaTopic::new(cluster.clone(), topic);
    (0..topic.partitions().unwrap()).map(|partition| all_of(&topic, Partition(partition), &mut Offset(0))).collect()
}

/// The records of a partition from an offset up to the end, which becomes the offset.
fn all_of(topic: &KafkaTopic, partition: Partition, from: &mut Offset) -> Vec<Bytes> {
    let mut found = Vec::new();
    let end = topic.bounds(partition).unwrap().to;
    while *from < end {
        let records = topic.read(partition, *from, 1 << 20, Duration::ZERO).unwrap();
        // What is left is markers.
        let Some(last) = records.last() else { break };
        *from = last.offset.next();
        found.extend(records.into_iter().map(|record| record.payload));
    }
    found
}

/// A line for each of these offsets.
fn stretch(partition: u32, from: u64, to: u64) -> SinkBatch {
    let item = |offset| Item {
        offset: Offset(offset),
        key: format!("{partition}-{offset}").into(),
        standing: Standing::Final,
        body: line(partition, offset),
    };
    let witness = to.checked_sub(1).map(|last| Witness { offset: Offset(last), hash: last });
    let answers = Answers {
        partition: Partition(partition),
        from: Offset(from),
        reached: Reached { next: Offset(to), witness },
        items: (from..to).map(item).collect(),
    };
    SinkBatch { answers: [(Partition(partition), answers)].into() }
}

fn line(partition: u32, offset: u64) -> Bytes {
    Bytes::from(format!(r#"{{"Model":"m","Offset":{offset},"Partition":{partition},"Status":"OK"}}"#))
}

/// The lines of these offsets, in order of their bytes.
fn lines(partition: u32, from: u64, to: u64) -> Vec<Bytes> {
    let mut lines: Vec<Bytes> = (from..to).map(|offset| line(partition, offset)).collect();
    lines.sort_unstable();
    lines
}

/// All lines of a topic, in order of their bytes.
fn sorted(cluster: &KafkaCluster, topic: &str) -> Vec<Bytes> {
    let mut all = contents(cluster, topic).concat();
    all.sort_unstable();
    all
}
