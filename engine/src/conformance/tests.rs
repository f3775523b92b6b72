//! The suite is sharp: a source, a table or a store that breaks one rule is caught, and by that rule.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::blobs::BlobsHarness;
use super::source::SourceHarness;
use super::table::{RowNumbers, TableHarness};
use super::{Violation, blobs, source, table};
use crate::contract::{Blobs, Created, Fault, PartitionReader, Source, TableRows, TableSource};
use crate::log::{LogRecord, Offset, OffsetRange, Partition};
use crate::memory::{MemoryBlobs, MemoryLog, MemoryTable};

fn assert_caught(checked: Result<(), Violation>, flaw: impl std::fmt::Debug, rule: &str) {
    let violation = checked.expect_err(&format!("{flaw:?} passes"));
    assert!(violation.rule.starts_with(rule), "{flaw:?} is caught by {violation}");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SourceFlaw {
    HasEveryPartition,
    OpensAnywhere,
    ReadsFromTheStart,
    EmptyIsTheEnd,
    IgnoresTheLimit,
    LosesEmptyRecords,
    CountsInsteadOfOffsets,
    ReadersShareAPlace,
    EndIsTheLastRecord,
}

#[derive(Clone, Debug)]
struct FlawedLog {
    flaw: SourceFlaw,
    log: MemoryLog,
    shared: Arc<Mutex<Option<Offset>>>,
}

impl FlawedLog {
    fn new(flaw: SourceFlaw, partitions: u32) -> Self {
        Self { flaw, log: MemoryLog::new(partitions), shared: Arc::default() }
    }
}

impl Source for FlawedLog {
    fn partitions(&self) -> Result<u32, Fault> {
        self.log.partitions()
    }

    fn bounds(&self, partition: Partition) -> Result<OffsetRange, Fault> {
        let any = OffsetRange::new(Offset(0), Offset(0));
        let bounds = self.log.bounds(partition);
        match self.flaw {
            SourceFlaw::HasEveryPartition => Ok(bounds.unwrap_or(any)),
            SourceFlaw::EndIsTheLastRecord => {
                bounds.map(|b| OffsetRange::new(b.from, Offset(b.to.0.saturating_sub(1))))
            }
            _ => bounds,
        }
    }

    fn open(&self, partition: Partition, from: Offset) -> Result<Box<dyn PartitionReader>, Fault> {
        let bounds = self.log.bounds(partition)?;
        let from = match self.flaw {
            SourceFlaw::OpensAnywhere => from.clamp(bounds.from, bounds.to),
            SourceFlaw::ReadsFromTheStart => bounds.from,
            _ => from,
        };
        let reader = self.log.open(partition, from)?;
        Ok(Box::new(FlawedReader { of: self.clone(), reader, partition, ended: false, count: from.0 }))
    }
}

struct FlawedReader {
    of: FlawedLog,
    reader: Box<dyn PartitionReader>,
    partition: Partition,
    ended: bool,
    count: u64,
}

impl PartitionReader for FlawedReader {
    fn read(&mut self, limit: usize, patience: Duration) -> Result<Vec<LogRecord>, Fault> {
        if self.ended {
            return Ok(Vec::new());
        }
        let limit = if self.of.flaw == SourceFlaw::IgnoresTheLimit { usize::MAX } else { limit };
        let mut read = self.reader.read(limit, patience)?;
        match self.of.flaw {
            SourceFlaw::EmptyIsTheEnd => self.ended = read.is_empty(),
            SourceFlaw::LosesEmptyRecords => read.retain(|record| !record.payload.is_empty()),
            SourceFlaw::CountsInsteadOfOffsets => {
                for record in &mut read {
                    record.offset = Offset(self.count);
                    self.count += 1;
                }
            }
            SourceFlaw::ReadersShareAPlace if self.partition == Partition(0) => {
                let mut shared = self.of.shared.lock().unwrap();
                read.retain(|record| shared.is_none_or(|place| record.offset >= place));
                *shared = read.last().map(|last| last.offset.next()).or(*shared);
            }
            _ => {}
        }
        Ok(read)
    }
}

impl SourceHarness for FlawedLog {
    fn fresh(&mut self, partitions: u32) {
        *self = Self::new(self.flaw, partitions);
    }

    fn source(&mut self) -> Box<dyn Source> {
        Box::new(self.clone())
    }

    fn append(&mut self, partition: Partition, payload: Bytes) -> Offset {
        self.log.skip(partition, payload.len() as u64 % 2);
        self.log.append(partition, payload).unwrap()
    }
}

#[test]
fn flawed_sources_are_caught() {
    for (flaw, rule) in [
        (SourceFlaw::HasEveryPartition, "partitions tells how many"),
        (SourceFlaw::OpensAnywhere, "open outside the bounds is refused"),
        (SourceFlaw::ReadsFromTheStart, "a record is read again with the same bytes"),
        (SourceFlaw::EmptyIsTheEnd, "an empty read is not the end"),
        (SourceFlaw::IgnoresTheLimit, "a read stays within its limit"),
        (SourceFlaw::LosesEmptyRecords, "a record is read again with the same bytes"),
        (SourceFlaw::CountsInsteadOfOffsets, "a record is read again with the same bytes"),
        (SourceFlaw::ReadersShareAPlace, "a record is read again with the same bytes"),
        (SourceFlaw::EndIsTheLastRecord, "bounds hold all records"),
    ] {
        assert_caught(source::check(&mut FlawedLog::new(flaw, 1)), flaw, rule);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TableFlaw {
    NeverNotices,
    TellsOnce,
    ComparesWithItsLastQuestion,
    ReadsWhatItHadAtFirst,
    LosesARow,
}

#[derive(Debug)]
struct FlawedTable {
    flaw: TableFlaw,
    table: MemoryTable,
    first: Option<TableRows>,
    at_last_question: TableRows,
}

impl TableSource for FlawedTable {
    fn read(&mut self) -> Result<TableRows, Fault> {
        let mut rows = self.table.read()?;
        match self.flaw {
            TableFlaw::ReadsWhatItHadAtFirst => return Ok(self.first.get_or_insert(rows).clone()),
            TableFlaw::LosesARow if rows.len() > 2 => drop(rows.pop_last()),
            _ => {}
        }
        Ok(rows)
    }

    fn changed(&mut self, patience: Duration) -> bool {
        match self.flaw {
            TableFlaw::NeverNotices => false,
            TableFlaw::TellsOnce => self.table.changed(patience) && self.table.read().is_ok(),
            TableFlaw::ComparesWithItsLastQuestion => {
                let rows = self.table.read().unwrap();
                let differs = rows != self.at_last_question;
                self.at_last_question = rows;
                differs
            }
            _ => self.table.changed(patience),
        }
    }
}

struct FlawedTables(TableFlaw, MemoryTable);

impl TableHarness for FlawedTables {
    fn fresh(&mut self) {
        self.1 = MemoryTable::default();
    }

    fn table(&mut self) -> Box<dyn TableSource> {
        let table = self.1.clone();
        Box::new(FlawedTable { flaw: self.0, table, first: None, at_last_question: TableRows::new() })
    }

    fn put(&mut self, rows: &RowNumbers) {
        self.1.set(self.expected(rows));
    }

    fn expected(&self, rows: &RowNumbers) -> TableRows {
        rows.iter().map(|(number, value)| (number.to_string(), value.to_string())).collect()
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(100)
    }
}

#[test]
fn flawed_tables_are_caught() {
    for (flaw, rule) in [
        (TableFlaw::NeverNotices, "changed is true soon after"),
        (TableFlaw::TellsOnce, "changed is true soon after"),
        (TableFlaw::ComparesWithItsLastQuestion, "changed is true soon after"),
        (TableFlaw::ReadsWhatItHadAtFirst, "read gives all rows"),
        (TableFlaw::LosesARow, "read gives all rows"),
    ] {
        assert_caught(table::check(&mut FlawedTables(flaw, MemoryTable::default())), flaw, rule);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlobsFlaw {
    Overwrites,
    SaysOursToBoth,
    LooksBeforeItLeaps,
    ListsByPrefix,
    ListsUnsorted,
    DeleteWantsSomething,
    CutsBigOnes,
    MissingIsEmpty,
}

#[derive(Clone, Debug)]
struct FlawedBlobs {
    flaw: BlobsFlaw,
    blobs: MemoryBlobs,
    /// Who found nothing and is about to create.
    looking: Arc<(Mutex<u32>, Condvar)>,
}

impl FlawedBlobs {
    fn new(flaw: BlobsFlaw) -> Self {
        Self { flaw, blobs: MemoryBlobs::default(), looking: Arc::default() }
    }

    fn overwrite(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        self.blobs.delete(name)?;
        self.blobs.create(name, bytes)?;
        Ok(Created::Ours)
    }

    /// Looks, gives another one the time to look too, and only then creates.
    fn look_and_create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        if self.blobs.read(name)?.is_some() {
            return Ok(Created::Taken);
        }
        let (count, came) = &*self.looking;
        let mut looking = count.lock().unwrap();
        *looking += 1;
        came.notify_all();
        let (mut looking, _) = came.wait_timeout_while(looking, Duration::from_millis(20), |n| *n < 2).unwrap();
        *looking = looking.saturating_sub(1);
        drop(looking);
        self.overwrite(name, bytes)
    }
}

impl Blobs for FlawedBlobs {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        match self.flaw {
            BlobsFlaw::ListsByPrefix => {
                let within = |name: String| Some(name.strip_prefix(folder)?.trim_start_matches('/').to_owned());
                Ok(self.blobs.objects().into_keys().filter_map(within).collect())
            }
            BlobsFlaw::ListsUnsorted => self.blobs.list(folder).map(|names| names.into_iter().rev().collect()),
            _ => self.blobs.list(folder),
        }
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        let read = self.blobs.read(name)?;
        match self.flaw {
            BlobsFlaw::MissingIsEmpty => Ok(Some(read.unwrap_or_default())),
            BlobsFlaw::CutsBigOnes => Ok(read.map(|bytes| bytes.slice(..bytes.len().min(1 << 20)))),
            _ => Ok(read),
        }
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        match self.flaw {
            BlobsFlaw::Overwrites => self.overwrite(name, bytes),
            BlobsFlaw::SaysOursToBoth => self.blobs.create(name, bytes).map(|_| Created::Ours),
            BlobsFlaw::LooksBeforeItLeaps => self.look_and_create(name, bytes),
            _ => self.blobs.create(name, bytes),
        }
    }

    fn delete(&self, name: &str) -> Result<(), Fault> {
        if self.flaw == BlobsFlaw::DeleteWantsSomething && self.blobs.read(name)?.is_none() {
            return Err(Fault::permanent("there is nothing to delete"));
        }
        self.blobs.delete(name)
    }
}

impl BlobsHarness for FlawedBlobs {
    fn fresh(&mut self) {
        *self = Self::new(self.flaw);
    }

    fn blobs(&mut self) -> Box<dyn Blobs> {
        Box::new(self.clone())
    }
}

#[test]
fn flawed_stores_are_caught() {
    for (flaw, rule) in [
        (BlobsFlaw::Overwrites, "create leaves what is there"),
        (BlobsFlaw::SaysOursToBoth, "create leaves what is there"),
        (BlobsFlaw::LooksBeforeItLeaps, "of many that create at once exactly one"),
        (BlobsFlaw::ListsByPrefix, "list tells the names"),
        (BlobsFlaw::ListsUnsorted, "list tells the names"),
        (BlobsFlaw::DeleteWantsSomething, "what is not there"),
        (BlobsFlaw::CutsBigOnes, "an object reads back"),
        (BlobsFlaw::MissingIsEmpty, "what is not there"),
    ] {
        assert_caught(blobs::check(&mut FlawedBlobs::new(flaw)), flaw, rule);
    }
}
