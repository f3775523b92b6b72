//! A topic as the source of a job.

use std::sync::Arc;
use std::time::Duration;

use flightline_engine::contract::{Fault, PartitionReader, Source};
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};

use super::partition_log::PartitionLog;
use super::topic::Topic;

/// The partitions of a topic that are open in this process, as a source.
#[derive(Clone, Debug)]
pub struct EmbeddedSource(pub Arc<Topic>);

impl Source for EmbeddedSource {
    fn partitions(&self) -> Result<u32, Fault> {
        Ok(self.0.partitions())
    }

    fn bounds(&self, partition: Partition) -> Result<OffsetRange, Fault> {
        Ok(self.0.bounds(partition)?)
    }

    fn open(&self, partition: Partition, from: Offset) -> Result<Box<dyn PartitionReader>, Fault> {
        let log = self.0.log(partition)?;
        let bounds = log.bounds()?;
        if from < bounds.from || bounds.to < from {
            return Err(log.out_of_bounds(from, bounds).into());
        }
        Ok(Box::new(Reader { log, next: from }))
    }
}

/// A place in a partition.
#[derive(Debug)]
struct Reader {
    log: Arc<PartitionLog>,
    next: Offset,
}

impl PartitionReader for Reader {
    fn read(&mut self, limit: usize, patience: Duration) -> Result<Vec<LogRecord>, Fault> {
        let records = self.log.read(self.next, limit, patience)?;
        if let Some(last) = records.last() {
            self.next = last.offset.next();
        }
        Ok(records)
    }
}
