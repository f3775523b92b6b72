//! One partition of a topic: a redb file of records, numbered from 0 without gaps.
//!
//! Invariants: a record is durable before its offset is told to anybody; an offset is given once and its bytes never
//! change; the end never goes back. Nothing is ever deleted.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use tokio::sync::watch;

use super::EmbeddedError;
use super::file::{Failed, StoreFile};
use super::group_commit::GroupCommit;
use super::sink_state::{self, SinkState};
use super::store::PageCache;

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");

/// A partition whose file this process holds.
#[derive(Debug)]
pub(super) struct PartitionLog {
    topic: Arc<str>,
    partition: Partition,
    file: StoreFile,
    appends: GroupCommit<Vec<Bytes>, OffsetRange, EmbeddedError>,
    /// The end as readers were told, who wait here for more.
    end: Mutex<Offset>,
    grown: Condvar,
    /// The same for those who wait without a thread.
    ends: watch::Sender<Offset>,
}

impl PartitionLog {
    /// Opens a partition's file, or makes it.
    pub(super) fn open(
        topic: Arc<str>,
        partition: Partition,
        path: PathBuf,
        cache: PageCache,
    ) -> Result<Self, EmbeddedError> {
        Self::over(topic, partition, StoreFile::open(path, cache.of_a_partition())?)
    }

    /// The partition in a file.
    pub(super) fn over(topic: Arc<str>, partition: Partition, file: StoreFile) -> Result<Self, EmbeddedError> {
        let begun = file.read::<_, EmbeddedError>(|transaction| {
            Ok(transaction.list_tables()?.any(|table| redb::TableHandle::name(&table) == "records"))
        })?;
        if !begun {
            // Both at once, so that readers never find one missing.
            file.write::<_, EmbeddedError>(|transaction| {
                transaction.open_table(RECORDS)?;
                transaction.open_table(sink_state::TABLE)?;
                Ok(())
            })?;
        }
        let end = Offset::default();
        let log = Self {
            topic,
            partition,
            file,
            appends: GroupCommit::default(),
            end: Mutex::new(end),
            grown: Condvar::new(),
            ends: watch::Sender::new(end),
        };
        log.bounds()?;
        Ok(log)
    }

    /// Which partition of its topic it is.
    pub(super) fn partition(&self) -> Partition {
        self.partition
    }

    /// Adds records; they are durable when this returns. After an error they may be there or not.
    pub(super) fn append(&self, records: Vec<Bytes>) -> Result<OffsetRange, EmbeddedError> {
        if records.is_empty() {
            let end = self.bounds()?.to;
            return Ok(OffsetRange::new(end, end));
        }
        let bytes = records.iter().map(Bytes::len).sum();
        self.appends.submit(records, bytes, |group| {
            let (ranges, end) = self.file.write(|transaction| {
                if let Some(owner) = SinkState::load(&transaction.open_table(sink_state::TABLE)?)?.owner {
                    let name = self.topic.to_string();
                    let owner = owner.to_string();
                    return Err(Failed::Refused(EmbeddedError::Owned { kind: "topic", name, owner }));
                }
                let mut appender = Appender::new(transaction)?;
                let appended: Result<Vec<_>, _> = group.iter().map(|records| appender.append(records)).collect();
                Ok((appended?, appender.end()))
            })?;
            self.publish(end);
            Ok(ranges)
        })
    }

    /// Writes in one transaction: `step` gets it, and may append with an [`Appender`]. It gives the new end, if any.
    pub(super) fn transact<R, E: From<EmbeddedError>>(
        &self,
        step: impl FnOnce(&WriteTransaction) -> Result<(R, Option<Offset>), Failed<E>>,
    ) -> Result<R, E> {
        let (done, end) = self.file.write(step)?;
        if let Some(end) = end {
            self.publish(end);
        }
        Ok(done)
    }

    /// What the file says of the sink that writes it, and how many records there are.
    pub(super) fn sink_state<E: From<EmbeddedError>>(&self) -> Result<SinkState, E> {
        self.file.read(|transaction| SinkState::load(&transaction.open_table(sink_state::TABLE)?))
    }

    /// All that is kept: from the oldest record to the end.
    pub(super) fn bounds(&self) -> Result<OffsetRange, EmbeddedError> {
        let bounds = self.file.read(|transaction| bounds(&transaction.open_table(RECORDS)?))?;
        self.publish(bounds.to);
        Ok(bounds)
    }

    /// A record; `None` if there is none at that offset.
    pub(super) fn get(&self, offset: Offset) -> Result<Option<LogRecord>, EmbeddedError> {
        self.file.read(|transaction| {
            let payload = transaction.open_table(RECORDS)?.get(offset.0)?;
            Ok(payload.map(|payload| LogRecord { offset, payload: Bytes::copy_from_slice(payload.value()) }))
        })
    }

    /// The records from `from` on, at least one if there is any, and else no more than about `limit` bytes. Waits up to
    /// `patience` for the first.
    pub(super) fn read(&self, from: Offset, limit: usize, patience: Duration) -> Result<Vec<LogRecord>, EmbeddedError> {
        let deadline = Instant::now().checked_add(patience);
        loop {
            let records = self.read_now(from, limit)?;
            if !records.is_empty() || !self.wait_beyond(from, deadline) {
                return Ok(records);
            }
        }
    }

    /// Tells the end, now and whenever it moves.
    pub(super) fn ends(&self) -> watch::Receiver<Offset> {
        self.ends.subscribe()
    }

    fn read_now(&self, from: Offset, limit: usize) -> Result<Vec<LogRecord>, EmbeddedError> {
        let (records, end) = self.file.read(|transaction| {
            let table = transaction.open_table(RECORDS)?;
            let bounds = bounds(&table)?;
            if from < bounds.from || bounds.to < from {
                return Err(Failed::Refused(self.out_of_bounds(from, bounds)));
            }
            Ok((collect(&table, from, limit)?, bounds.to))
        })?;
        // After a commit that failed and is there all the same, the first reader tells the others.
        self.publish(end);
        Ok(records)
    }

    pub(super) fn out_of_bounds(&self, offset: Offset, bounds: OffsetRange) -> EmbeddedError {
        EmbeddedError::OutOfBounds { topic: self.topic.to_string(), partition: self.partition, offset, bounds }
    }

    /// Waits until the end is above `from`; false if the deadline came first. No deadline is one that never comes.
    fn wait_beyond(&self, from: Offset, deadline: Option<Instant>) -> bool {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        while *end <= from {
            end = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.grown.wait(end).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => self.grown.wait_timeout(end, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        true
    }

    fn publish(&self, to: Offset) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        if to > *end {
            *end = to;
            self.ends.send_replace(to);
            self.grown.notify_all();
        }
    }
}

/// Adds records at the end of a partition, in a transaction.
pub(super) struct Appender<'a> {
    records: redb::Table<'a, u64, &'static [u8]>,
    end: Offset,
}

impl<'a> Appender<'a> {
    pub(super) fn new<E>(transaction: &'a WriteTransaction) -> Result<Self, Failed<E>> {
        let records = transaction.open_table(RECORDS)?;
        let end = bounds(&records)?.to;
        Ok(Self { records, end })
    }

    /// Adds records, and says where.
    pub(super) fn append<'r, E>(
        &mut self,
        records: impl IntoIterator<Item = &'r Bytes>,
    ) -> Result<OffsetRange, Failed<E>> {
        let from = self.end;
        let mut cursor = self.records.upper_bound_mut(std::ops::Bound::<u64>::Unbounded)?;
        for record in records {
            cursor.insert_before(self.end.0, record.as_ref())?;
            self.end = self.end.next();
        }
        cursor.close()?;
        Ok(OffsetRange::new(from, self.end))
    }

    /// The end after what was added.
    pub(super) fn end(&self) -> Offset {
        self.end
    }
}

fn bounds<E>(records: &impl ReadableTable<u64, &'static [u8]>) -> Result<OffsetRange, Failed<E>> {
    let first = records.first()?.map_or(0, |(offset, _)| offset.value());
    let end = records.last()?.map_or(first, |(offset, _)| offset.value() + 1);
    Ok(OffsetRange::new(Offset(first), Offset(end)))
}

fn collect<E>(
    table: &impl ReadableTable<u64, &'static [u8]>,
    from: Offset,
    limit: usize,
) -> Result<Vec<LogRecord>, Failed<E>> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    for entry in table.range(from.0..)? {
        let (offset, payload) = entry?;
        bytes += payload.value().len() + LogRecord::OVERHEAD;
        if bytes > limit && !records.is_empty() {
            break;
        }
        let payload = Bytes::copy_from_slice(payload.value());
        records.push(LogRecord { offset: Offset(offset.value()), payload });
    }
    Ok(records)
}

#[cfg(test)]
pub(super) mod tests;
