//! Tests of whole sinks: the engine's suite, games with kills, failing puts and rivals, and cases.

mod cases;
mod games;
mod suite;

use bytes::Bytes;
use flightline_engine::clock::ManualClock;
use flightline_engine::contract::{Answers, Item, SinkBatch, Standing};
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Reached, Witness};
use object_store::memory::InMemory;

use super::*;
use crate::files::faulty::FaultyStore;

const URL: &str = "memory://test/answers";
const P: Partition = Partition(3);

fn job(name: &str) -> JobId {
    JobId(name.into())
}

fn everything() -> OffsetRange {
    OffsetRange::new(Offset(0), Offset(u64::MAX))
}

/// The columns of the suite's lines and of our own.
fn columns() -> Columns {
    let of = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
    Columns::new(vec![
        of("Offset", ColumnType::Int64, false),
        of("Partition", ColumnType::Int64, false),
        of("Filler", ColumnType::Utf8, true),
        of("Status", ColumnType::Utf8, true),
        of("UUID", ColumnType::Utf8, true),
    ])
    .unwrap()
}

fn formats() -> [FileFormat; 3] {
    [FileFormat::JsonLines, FileFormat::Text, FileFormat::Parquet(columns())]
}

/// A store that outlives the processes that use it.
struct World {
    store: Arc<FaultyStore>,
    stores: Stores,
    clock: ManualClock,
    format: FileFormat,
    roll_bytes: usize,
}

impl World {
    fn new(format: FileFormat, roll_bytes: usize) -> Self {
        let store = FaultyStore::new(Arc::new(InMemory::new()));
        let stores = Stores::new().unwrap().with_store("memory://test", Arc::clone(&store) as _);
        Self { store, stores, clock: ManualClock::new(), format, roll_bytes }
    }

    fn empty(&mut self) {
        self.store = FaultyStore::new(Arc::new(InMemory::new()));
        self.stores = self.stores.clone().with_store("memory://test", Arc::clone(&self.store) as _);
    }

    fn sink(&self) -> FileSink {
        let clock = Arc::new(self.clock.clone());
        let options = FileSinkOptions::new(SinkName("files".into()), Selects::Answers, URL, self.format.clone());
        FileSink::new(&self.stores, FileSinkOptions { clock, roll_bytes: self.roll_bytes, ..options }).unwrap()
    }

    /// An adopted one.
    fn open(&self) -> Box<dyn OpenSink> {
        let sink = self.sink();
        sink.adopt(&job("ours"), &Offsets::from([(P, Offset(5))])).unwrap();
        sink.open(Generation(1), &[P]).unwrap()
    }

    fn reader(&self) -> FileReader {
        FileReader::new(&self.stores, URL).unwrap()
    }

    fn names(&self) -> Vec<String> {
        Folder::at(&self.stores, URL).unwrap().names(&name::folder_of(P)).unwrap()
    }
}

/// The log of our own games: every third record has no line.
fn line(offset: u64) -> Option<Item> {
    let body = format!("{{\"Filler\":\"{}\",\"Offset\":{offset},\"Partition\":3}}", "x".repeat(offset as usize % 40));
    (offset % 3 != 2).then(|| Item {
        offset: Offset(offset),
        key: offset.to_string().into(),
        standing: Standing::Final,
        body: body.into(),
    })
}

fn reached(next: u64) -> Reached {
    let record = LogRecord { offset: Offset(next.wrapping_sub(1)), payload: Bytes::from_static(b"request") };
    Reached { next: Offset(next), witness: Some(Witness::of(&record)) }
}

fn batch(from: u64, to: u64) -> SinkBatch {
    let items = (from..to).filter_map(line).collect();
    let answers = Answers { partition: P, from: Offset(from), reached: reached(to), items };
    SinkBatch { answers: BTreeMap::from([(P, answers)]) }
}

fn durable(open: &dyn OpenSink) -> u64 {
    open.durable()[&P].next.0
}
