//! The engine's conformance suite on real files, with syncs that fail, and sinks that go on from what a kill leaves.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flightline_engine::conformance::sink::{SinkHarness, Stored, Trouble};
use flightline_engine::conformance::source::SourceHarness;
use flightline_engine::conformance::table::{RowNumbers, TableHarness};
use flightline_engine::conformance::{self};
use flightline_engine::contract::{Selects, Sink, SinkName, Source, TableRows, TableSource};
use flightline_engine::log::{Offset, Partition};

use super::collection::Collection;
use super::file::StoreFile;
use super::file::faulty::{Failing, Faults};
use super::partition_log::PartitionLog;
use super::partition_log::tests::as_a_kill_leaves_it;
use super::topic::Topic;
use super::{
    EmbeddedCollectionSink, EmbeddedSource, EmbeddedStore, EmbeddedTable, EmbeddedTopicSink, PageCache, TopicShape,
};

/// A store that is opened again on demand.
struct Kept {
    folder: tempfile::TempDir,
    store: Option<Arc<EmbeddedStore>>,
    shape: TopicShape,
}

impl Kept {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), store: None, shape: TopicShape::recorded([]) }
    }

    fn store(&mut self) -> Arc<EmbeddedStore> {
        Arc::clone(self.store.get_or_insert_with(|| EmbeddedStore::open(self.folder.path()).unwrap()))
    }

    fn topic(&mut self) -> Arc<Topic> {
        let shape = self.shape.clone();
        self.store().topic("t", &shape).unwrap()
    }

    fn collection(&mut self) -> Arc<Collection> {
        self.store().collection("c").unwrap()
    }
}

struct TopicAsSource(Kept);

impl SourceHarness for TopicAsSource {
    fn fresh(&mut self, partitions: u32) {
        self.0 = Kept { shape: TopicShape::whole(partitions), ..Kept::new() };
    }

    fn source(&mut self) -> Box<dyn Source> {
        Box::new(EmbeddedSource(self.0.topic()))
    }

    fn append(&mut self, partition: Partition, payload: Bytes) -> Offset {
        self.0.topic().append(partition, vec![payload]).unwrap().from
    }

    fn restart(&mut self) {
        self.0.store = None;
    }
}

#[test]
fn a_topic_is_a_source() {
    conformance::source::check(&mut TopicAsSource(Kept::new())).unwrap();
}

struct CollectionAsTable(Kept);

impl TableHarness for CollectionAsTable {
    fn fresh(&mut self) {
        self.0 = Kept::new();
    }

    fn table(&mut self) -> Box<dyn TableSource> {
        Box::new(EmbeddedTable::new(self.0.collection()))
    }

    fn put(&mut self, rows: &RowNumbers) {
        let documents = self.expected(rows).into_iter().map(|(id, text)| (id, Bytes::from(text)));
        self.0.collection().replace_all(documents.collect()).unwrap();
    }

    fn expected(&self, rows: &RowNumbers) -> TableRows {
        rows.iter().map(|(row, value)| (format!("A{row}-B{row}"), format!("{{\"Distance\":{value}.0}}"))).collect()
    }
}

#[test]
fn a_collection_is_a_table() {
    conformance::table::check(&mut CollectionAsTable(Kept::new())).unwrap();
}

/// A topic on a disk that can fail.
struct TopicAsSink {
    folder: tempfile::TempDir,
    faults: Faults,
    topic: Option<Arc<Topic>>,
}

const PARTITIONS: u32 = 3;

impl TopicAsSink {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), faults: Faults::default(), topic: None }
    }

    fn topic(&mut self) -> Arc<Topic> {
        let open = || {
            let topic = Topic::new("t", self.folder.path().to_owned(), PARTITIONS, PageCache::default());
            for partition in (0..PARTITIONS).map(Partition) {
                let path = self.folder.path().join(format!("{partition}.redb"));
                let file = StoreFile::open_with(path, self.faults.open()).unwrap();
                topic.insert(PartitionLog::over("t".into(), partition, file).unwrap());
            }
            Arc::new(topic)
        };
        Arc::clone(self.topic.get_or_insert_with(open))
    }
}

impl SinkHarness for TopicAsSink {
    fn fresh(&mut self) {
        *self = Self::new();
    }

    fn sink(&mut self) -> Box<dyn Sink> {
        Box::new(EmbeddedTopicSink::new(SinkName("s".into()), self.topic(), Selects::Answers))
    }

    fn contents(&mut self) -> Vec<Stored> {
        let topic = self.topic();
        let read = |partition| topic.read(partition, Offset(0), usize::MAX, Duration::ZERO).unwrap();
        let records = (0..PARTITIONS).map(Partition).flat_map(read);
        records.map(|record| Stored::read(&record.payload).unwrap()).collect()
    }

    fn restart(&mut self) {
        self.faults.set(Failing::Not);
        self.folder = as_a_kill_leaves_it(&self.folder);
        self.topic = None;
    }

    fn trouble(&mut self, trouble: Trouble) -> bool {
        self.faults.set(failing(trouble));
        true
    }
}

fn failing(trouble: Trouble) -> Failing {
    match trouble {
        Trouble::BeforeEffect => Failing::Next,
        Trouble::AfterEffect => Failing::NextAfterwards,
    }
}

#[test]
fn a_topic_is_a_sink() {
    conformance::sink::check(&mut TopicAsSink::new()).unwrap();
}

/// A collection on a disk that can fail.
struct CollectionAsSink {
    folder: tempfile::TempDir,
    faults: Faults,
    collection: Option<Arc<Collection>>,
}

impl CollectionAsSink {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), faults: Faults::default(), collection: None }
    }

    fn collection(&mut self) -> Arc<Collection> {
        let open = || {
            let file = StoreFile::open_with(self.folder.path().join("c.redb"), self.faults.open()).unwrap();
            Arc::new(Collection::over("c", file).unwrap())
        };
        Arc::clone(self.collection.get_or_insert_with(open))
    }
}

impl SinkHarness for CollectionAsSink {
    fn fresh(&mut self) {
        *self = Self::new();
    }

    fn sink(&mut self) -> Box<dyn Sink> {
        Box::new(EmbeddedCollectionSink::new(SinkName("s".into()), self.collection(), Selects::Answers))
    }

    fn contents(&mut self) -> Vec<Stored> {
        let stored = self.collection().scan(None, usize::MAX).unwrap();
        let read = |(id, body): (String, Bytes)| {
            let stored = Stored::read(&body).unwrap();
            assert_eq!(*id, *stored.item.key, "each document lies under its own key");
            stored
        };
        stored.into_iter().map(read).collect()
    }

    fn restart(&mut self) {
        self.faults.set(Failing::Not);
        self.folder = as_a_kill_leaves_it(&self.folder);
        self.collection = None;
    }

    fn keyed(&self) -> bool {
        true
    }

    fn trouble(&mut self, trouble: Trouble) -> bool {
        self.faults.set(failing(trouble));
        true
    }
}

#[test]
fn a_collection_is_a_sink() {
    conformance::sink::check(&mut CollectionAsSink::new()).unwrap();
}
