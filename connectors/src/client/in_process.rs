//! The clients of what this process has open itself: no copy, no network.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};

use super::{ClientError, CollectionClient, Follower, PartitionsFollower, TopicClient};
use crate::embedded::{Collection, Topic};

/// Reaches the partitions that are open in this process.
impl TopicClient for Topic {
    fn name(&self) -> &str {
        self.name()
    }

    fn partitions(&self) -> Result<u32, ClientError> {
        Ok(self.partitions())
    }

    fn append_to(&self, partition: Partition, records: Vec<Bytes>) -> Result<OffsetRange, ClientError> {
        Ok(self.append(partition, records)?)
    }

    fn read(
        &self,
        partition: Partition,
        from: Offset,
        limit: usize,
        patience: Duration,
    ) -> Result<Vec<LogRecord>, ClientError> {
        Ok(self.read(partition, from, limit, patience)?)
    }

    fn bounds(&self, partition: Partition) -> Result<OffsetRange, ClientError> {
        Ok(self.bounds(partition)?)
    }

    fn follow(self: Arc<Self>) -> Result<Box<dyn Follower>, ClientError> {
        Ok(Box::new(PartitionsFollower::start(self)?))
    }
}

impl CollectionClient for Collection {
    fn name(&self) -> &str {
        self.name()
    }

    fn get(&self, id: &str) -> Result<Option<Bytes>, ClientError> {
        Ok(self.get(id)?)
    }
}
