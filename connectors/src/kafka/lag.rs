//! Tells Kafka's own tools how far a job has come, as offsets of a group that nobody joins. They are never read back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flightline_engine::log::Offsets;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer};

use super::cluster::{Isolation, KafkaCluster, Reading, native, native_offset};

/// Where lag tools look.
#[derive(Debug)]
pub(super) struct LagMarks {
    cluster: KafkaCluster,
    topic: String,
    consumer: Mutex<Option<Teller>>,
}

struct Teller(Reading);

impl std::fmt::Debug for Teller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Teller")
    }
}

impl LagMarks {
    pub(super) const fn new(cluster: KafkaCluster, topic: String) -> Self {
        Self { cluster, topic, consumer: Mutex::new(None) }
    }

    /// Tells; doesn't wait, and doesn't mind if nobody listens.
    pub(super) fn mark(&self, progress: &Offsets) {
        if progress.is_empty() {
            return;
        }
        let mut consumer = self.consumer.lock().unwrap_or_else(PoisonError::into_inner);
        if consumer.is_none() {
            *consumer = self.cluster.consumer(Isolation::Committed, |_| {}).ok().map(Teller);
        }
        let Some(Teller(consumer)) = consumer.as_ref() else { return };
        let mut marks = TopicPartitionList::new();
        for (partition, next) in progress {
            // Only a number that can't be is refused.
            let _ = marks.add_partition_offset(&self.topic, native(*partition), native_offset(*next));
        }
        if let Err(error) = consumer.commit(&marks, CommitMode::Async) {
            tracing::debug!(%error, "lag tools can't be told how far the job has come");
        }
        // What became of earlier ones waits to be taken away.
        while consumer.poll(Duration::ZERO).is_some() {}
    }
}
