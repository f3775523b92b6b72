//! A topic: a log in numbered partitions, some of which are in this process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};
use tokio::sync::watch;

use super::EmbeddedError;
use super::partition_log::PartitionLog;
use super::store::PageCache;

/// A topic, shared by all who read and write it in this process.
#[derive(Debug)]
pub struct Topic {
    name: Arc<str>,
    folder: PathBuf,
    partitions: u32,
    cache: PageCache,
    here: RwLock<BTreeMap<Partition, Arc<PartitionLog>>>,
}

impl Topic {
    /// A topic of so many partitions, none of them open yet.
    pub(super) fn new(name: &str, folder: PathBuf, partitions: u32, cache: PageCache) -> Self {
        Self { name: name.into(), folder, partitions, cache, here: RwLock::default() }
    }

    /// Opens the files of these partitions, or makes them; those that are open stay as they are. One caller at a time.
    pub(super) fn own(&self, owned: &[Partition]) -> Result<(), EmbeddedError> {
        for &partition in owned {
            self.check(partition)?;
            if !self.here().contains(&partition) {
                let path = self.folder.join(format!("{partition}.redb"));
                self.insert(PartitionLog::open(Arc::clone(&self.name), partition, path, self.cache)?);
            }
        }
        Ok(())
    }

    /// Makes an open partition a part of it.
    pub(super) fn insert(&self, log: PartitionLog) {
        self.here.write().unwrap_or_else(PoisonError::into_inner).insert(log.partition(), Arc::new(log));
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many partitions it has, over all processes.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The partitions that are open in this process, ascending.
    #[must_use]
    pub fn here(&self) -> Vec<Partition> {
        self.here.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Adds records to a partition, all or none, and says where they stand. They are durable when this returns. Callers
    /// on several threads share commits. After a transient error the records may be there or not.
    ///
    /// # Errors
    /// The partition isn't here, a job's sink writes the topic, or the file can't be written.
    pub fn append(&self, partition: Partition, records: Vec<Bytes>) -> Result<OffsetRange, EmbeddedError> {
        self.log(partition)?.append(records)
    }

    /// The records of a partition from `from` on: at least one if there is any, and else no more than about `limit`
    /// bytes. Waits up to `patience` for the first; an empty answer is "none yet".
    ///
    /// # Errors
    /// The partition isn't here, `from` is not within its bounds or at their end, or the file can't be read.
    pub fn read(
        &self,
        partition: Partition,
        from: Offset,
        limit: usize,
        patience: Duration,
    ) -> Result<Vec<LogRecord>, EmbeddedError> {
        self.log(partition)?.read(from, limit, patience)
    }

    /// A record; `None` if there is none at that offset.
    ///
    /// # Errors
    /// The partition isn't here, or the file can't be read.
    pub fn get(&self, partition: Partition, offset: Offset) -> Result<Option<LogRecord>, EmbeddedError> {
        self.log(partition)?.get(offset)
    }

    /// What a partition holds: from the oldest record up to the end.
    ///
    /// # Errors
    /// As [`Topic::get`].
    pub fn bounds(&self, partition: Partition) -> Result<OffsetRange, EmbeddedError> {
        self.log(partition)?.bounds()
    }

    /// The end of a partition, for those who wait for it to move without a thread of their own.
    ///
    /// # Errors
    /// The partition isn't here.
    pub fn ends(&self, partition: Partition) -> Result<watch::Receiver<Offset>, EmbeddedError> {
        Ok(self.log(partition)?.ends())
    }

    /// A partition that is here.
    pub(super) fn log(&self, partition: Partition) -> Result<Arc<PartitionLog>, EmbeddedError> {
        self.check(partition)?;
        let here = self.here.read().unwrap_or_else(PoisonError::into_inner);
        here.get(&partition).cloned().ok_or_else(|| {
            let open: Vec<_> = here.keys().map(ToString::to_string).collect();
            let here = if open.is_empty() { "none".to_owned() } else { open.join(", ") };
            EmbeddedError::Elsewhere { topic: self.name.to_string(), partition, here }
        })
    }

    fn check(&self, partition: Partition) -> Result<(), EmbeddedError> {
        if partition.0 < self.partitions {
            return Ok(());
        }
        Err(EmbeddedError::NoPartition { topic: self.name.to_string(), partition, partitions: self.partitions })
    }
}
