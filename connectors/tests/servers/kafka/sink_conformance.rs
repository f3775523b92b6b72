//! The engine's suite of sinks, with both guarantees.

use flightline_connectors::client::TopicClient;
use flightline_connectors::kafka::{KafkaCluster, KafkaTopic};
use flightline_engine::conformance;
use flightline_engine::conformance::sink::{SinkHarness, Stored, Trouble};
use flightline_engine::contract::{Guarantee, Sink};
use flightline_engine::log::{Offset, Partition};

use super::{PARTITIONS, all_of, cluster, made, settle, sink, stranger};
use crate::addresses::unique;

struct TopicAsSink {
    guarantee: Guarantee,
    cluster: KafkaCluster,
    topic: KafkaTopic,
    /// What was found, and up to where, for each partition.
    found: Vec<(Offset, Vec<Stored>)>,
}

impl TopicAsSink {
    fn new(guarantee: Guarantee) -> Self {
        let cluster = cluster();
        let topic = KafkaTopic::new(cluster.clone(), unique("sink"));
        Self { guarantee, cluster, topic, found: vec![(Offset(0), Vec::new()); PARTITIONS as usize] }
    }
}

impl SinkHarness for TopicAsSink {
    fn fresh(&mut self) {
        *self = Self::new(self.guarantee);
        self.topic = made(&self.cluster, self.topic.name());
    }

    fn sink(&mut self) -> Box<dyn Sink> {
        Box::new(sink(&self.cluster, self.topic.name(), self.guarantee))
    }

    fn contents(&mut self) -> Vec<Stored> {
        if self.guarantee == Guarantee::ExactlyOnce {
            settle(self.topic.name());
        }
        for (partition, (next, found)) in (0..).map(Partition).zip(&mut self.found) {
            found.extend(all_of(&self.topic, partition, next).iter().map(|body| Stored::read(body).unwrap()));
        }
        self.found.iter().flat_map(|(_, found)| found).cloned().collect()
    }

    fn restart(&mut self) {
        settle(&format!("flightline-progress-{}", self.topic.name()));
        self.cluster = cluster();
    }

    /// An old process wakes up and takes over a shard: the one that lives must fence it off in turn.
    fn trouble(&mut self, trouble: Trouble) -> bool {
        let possible = self.guarantee == Guarantee::ExactlyOnce && trouble == Trouble::BeforeEffect;
        if possible {
            stranger(Some(&sink(&self.cluster, self.topic.name(), self.guarantee).transactional_id(Partition(0))));
        }
        possible
    }

    /// Each round is hundreds of round trips to the broker.
    fn rounds(&self) -> u64 {
        3
    }
}

#[test]
fn a_topic_is_a_sink_at_least_once() {
    conformance::sink::check(&mut TopicAsSink::new(Guarantee::AtLeastOnce)).unwrap();
}

#[test]
fn a_topic_is_a_sink_exactly_once() {
    conformance::sink::check(&mut TopicAsSink::new(Guarantee::ExactlyOnce)).unwrap();
}
