//! A log in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Troubles;
use crate::contract::{Fault, PartitionReader, Source};
use crate::log::{LogRecord, Offset, OffsetRange, Offsets, Partition};

/// A log of requests in memory. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    partitions: Mutex<Vec<Records>>,
    grown: Condvar,
    settled: Mutex<Offsets>,
    troubles: Troubles,
}

#[derive(Debug, Default)]
struct Records {
    from: Offset,
    to: Offset,
    records: BTreeMap<Offset, Bytes>,
}

impl MemoryLog {
    /// A log of so many empty partitions.
    #[must_use]
    pub fn new(partitions: u32) -> Self {
        let partitions = (0..partitions).map(|_| Records::default()).collect();
        Self(Arc::new(Shared {
            partitions: Mutex::new(partitions),
            grown: Condvar::new(),
            settled: Mutex::default(),
            troubles: Troubles::default(),
        }))
    }

    /// Appends a record and wakes who waits for it. Its offset; `None` if there is no such partition.
    pub fn append(&self, partition: Partition, payload: impl Into<Bytes>) -> Option<Offset> {
        let mut partitions = self.lock();
        let records = partitions.get_mut(partition.0 as usize)?;
        let offset = records.to;
        records.records.insert(offset, payload.into());
        records.to = offset.next();
        self.0.grown.notify_all();
        Some(offset)
    }

    /// Adds empty partitions, as Kafka does when a topic is altered.
    pub fn grow(&self, by: u32) {
        self.lock().extend((0..by).map(|_| Records::default()));
    }

    /// Leaves a gap of `offsets` at the end of a partition, as Kafka's transactions do.
    pub fn skip(&self, partition: Partition, offsets: u64) {
        if let Some(records) = self.lock().get_mut(partition.0 as usize) {
            records.to.0 += offsets;
        }
    }

    /// Forgets all records below an offset, as retention does.
    pub fn trim(&self, partition: Partition, below: Offset) {
        if let Some(records) = self.lock().get_mut(partition.0 as usize) {
            records.from = below.min(records.to).max(records.from);
            records.records = records.records.split_off(&records.from);
        }
    }

    /// All records that a partition holds.
    #[must_use]
    pub fn records(&self, partition: Partition) -> Vec<LogRecord> {
        let partitions = self.lock();
        let records = partitions.get(partition.0 as usize).into_iter().flat_map(|records| &records.records);
        records.map(|(&offset, payload)| LogRecord { offset, payload: payload.clone() }).collect()
    }

    /// What a job said last that it had settled.
    #[must_use]
    pub fn told(&self) -> Offsets {
        self.0.settled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The switches for trouble of bounds, open and read.
    #[must_use]
    pub fn troubles(&self) -> &Troubles {
        &self.0.troubles
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Records>> {
        self.0.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bounds_now(&self, partition: Partition) -> Result<OffsetRange, Fault> {
        let partitions = self.lock();
        match partitions.get(partition.0 as usize) {
            Some(records) => Ok(OffsetRange::new(records.from, records.to)),
            None => Err(Fault::permanent(format!(
                "the log in memory has no partition {partition}; it has {} of them, from 0",
                partitions.len()
            ))),
        }
    }

    /// The records from `next` on that fit into `limit` bytes, and at least one if there is any.
    fn ready(partitions: &[Records], partition: Partition, next: Offset, limit: usize) -> Vec<LogRecord> {
        let mut bytes = 0_usize;
        let mut ready = Vec::new();
        let ahead = partitions.get(partition.0 as usize).into_iter().flat_map(|records| records.records.range(next..));
        for (&offset, payload) in ahead {
            let record = LogRecord { offset, payload: payload.clone() };
            bytes = bytes.saturating_add(record.weight());
            if bytes > limit && !ready.is_empty() {
                break;
            }
            ready.push(record);
        }
        ready
    }
}

impl Source for MemoryLog {
    fn settled(&self, progress: &Offsets) {
        self.0.settled.lock().unwrap_or_else(PoisonError::into_inner).extend(progress);
    }

    fn partitions(&self) -> Result<u32, Fault> {
        Ok(u32::try_from(self.lock().len()).unwrap_or(u32::MAX))
    }

    fn bounds(&self, partition: Partition) -> Result<OffsetRange, Fault> {
        self.0.troubles.around(|| self.bounds_now(partition))
    }

    fn open(&self, partition: Partition, from: Offset) -> Result<Box<dyn PartitionReader>, Fault> {
        self.0.troubles.around(|| {
            let bounds = self.bounds_now(partition)?;
            if from < bounds.from || bounds.to < from {
                return Err(Fault::permanent(format!(
                    "partition {partition} of the log in memory can't be read from offset {from}: it holds {bounds}"
                )));
            }
            Ok(Box::new(Reader { log: self.clone(), partition, next: from }) as Box<dyn PartitionReader>)
        })
    }
}

struct Reader {
    log: MemoryLog,
    partition: Partition,
    next: Offset,
}

impl PartitionReader for Reader {
    fn read(&mut self, limit: usize, patience: Duration) -> Result<Vec<LogRecord>, Fault> {
        let log = self.log.clone();
        let (partition, next) = (self.partition, self.next);
        let read = log.0.troubles.around(|| {
            let begun = Instant::now();
            let mut partitions = log.lock();
            loop {
                let from = partitions.get(partition.0 as usize).map(|records| records.from).unwrap_or_default();
                if next < from {
                    return Err(Fault::permanent(format!(
                        "partition {partition} of the log in memory no longer holds offset {next}: it begins at {from}"
                    )));
                }
                let ready = MemoryLog::ready(&partitions, partition, next, limit);
                let left = patience.saturating_sub(begun.elapsed());
                if !ready.is_empty() || left.is_zero() {
                    return Ok(ready);
                }
                let waited = log.0.grown.wait_timeout(partitions, left);
                partitions = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        })?;
        self.next = read.last().map_or(self.next, |last| last.offset.next());
        Ok(read)
    }

    fn passed(&self) -> Option<Offset> {
        let partitions = self.log.lock();
        let records = partitions.get(self.partition.0 as usize)?;
        Some(records.records.range(self.next..).next().map_or(records.to, |(offset, _)| *offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::source::{SourceHarness, check};

    struct Harness {
        log: MemoryLog,
        gaps: bool,
    }

    impl SourceHarness for Harness {
        fn fresh(&mut self, partitions: u32) {
            self.log = MemoryLog::new(partitions);
        }

        fn source(&mut self) -> Box<dyn Source> {
            Box::new(self.log.clone())
        }

        fn append(&mut self, partition: Partition, payload: Bytes) -> Offset {
            if self.gaps {
                self.log.skip(partition, payload.len() as u64 % 3);
            }
            self.log.append(partition, payload).unwrap()
        }

        fn trim(&mut self, partition: Partition, below: Offset) -> bool {
            self.log.trim(partition, below);
            true
        }
    }

    #[test]
    fn it_passes_the_suite_with_and_without_gaps() {
        for gaps in [false, true] {
            check(&mut Harness { log: MemoryLog::new(1), gaps }).unwrap();
        }
    }

    #[test]
    fn ordered_trouble_comes_once_and_loses_nothing() {
        let log = MemoryLog::new(1);
        log.append(Partition(0), "a").unwrap();
        let mut reader = log.open(Partition(0), Offset(0)).unwrap();
        log.troubles().fail_after(1);
        assert!(matches!(reader.read(10, Duration::ZERO), Err(Fault::Transient(_))));
        assert_eq!(reader.read(10, Duration::ZERO).unwrap(), log.records(Partition(0)));
        log.troubles().be_broken(Some("gone"));
        assert_eq!(reader.read(10, Duration::ZERO), Err(Fault::permanent("gone")));
    }

    #[test]
    fn a_reader_that_retention_has_passed_is_told_so() {
        let log = MemoryLog::new(1);
        let mut reader = log.open(Partition(0), Offset(0)).unwrap();
        for payload in ["a", "b", "c"] {
            log.append(Partition(0), payload).unwrap();
        }
        log.trim(Partition(0), Offset(2));
        assert!(
            matches!(reader.read(10, Duration::ZERO), Err(Fault::Permanent(said)) if said.0.contains("begins at 2"))
        );
        assert_eq!(log.append(Partition(7), "x"), None);
    }
}
