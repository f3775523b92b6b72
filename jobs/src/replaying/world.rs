//! A job's whole state in a temporary folder, made by hand: its log, ledger, models, tables and what its sinks hold, right
//! or wrong. For tests of commands that look at a job, with the job running or not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::embedded::{
    self, EmbeddedCollectionSink, EmbeddedStore, EmbeddedTopicSink, Topic, TopicShape,
};
use flightline_connectors::files::sink::{FileFormat, FileSink, FileSinkOptions};
use flightline_connectors::files::{StoreBlobs, Stores};
use flightline_engine::contract::{
    Answers, Blobs, FlushReason, Item, OpenSink, Selects, Sink, SinkBatch, SinkName, TableRows,
};
use flightline_engine::http::{Health, HttpPort};
use flightline_engine::ids::JobName;
use flightline_engine::ledger::{AnswerFormat, Binding, Book, Entry, EntryBody, Generation, LedgerLog, TableVersion};
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Offsets, Partition, Reached};
use flightline_engine::metrics::StreamMetrics;
use flightline_engine::stream::StreamJob;

use crate::config::{ConfigFlags, Loaded, SinkTarget};
use crate::model::sample::{Dice, SMALL, flight, parts};
use crate::model::{Model, Registry};
use crate::request::RequestId;
use crate::streaming::{ANSWER_FORMATS, FlightsJob, Recompute, TableVersions, table_rows};
use crate::table::DistanceRow;

pub(crate) const PARTITIONS: u32 = 2;
pub(crate) const JOB: &str = "flight-delays";

/// A job's state.
pub(crate) struct World {
    folder: tempfile::TempDir,
    /// Of the running job; nobody's while none runs.
    port: u16,
    store: Option<Arc<EmbeddedStore>>,
    blobs: Arc<dyn Blobs>,
    book: Book,
    generation: Generation,
    model: Box<str>,
}

/// A job that answers at its port, but does nothing.
pub(crate) struct Running {
    pub(crate) store: Arc<EmbeddedStore>,
    _port: HttpPort,
}

/// What a wrong sink makes of the lines for it.
pub(crate) type Tamper<'a> = &'a dyn Fn(&SinkName, Vec<Item>) -> Vec<Item>;

pub(crate) fn right(_: &SinkName, items: Vec<Item>) -> Vec<Item> {
    items
}

/// The UUID of a number.
pub(crate) fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

impl World {
    /// A job that has opened its ledger, with one version of the table and no request.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path().join("models");
        let model = Model::new(parts(5, SMALL)).unwrap();
        let model: Box<str> = model.save(&models, &[]).unwrap().to_string().into();
        let state = folder.path().join("state");
        let blobs: Arc<dyn Blobs> =
            Arc::new(StoreBlobs::open(&Stores::new().unwrap(), state.to_str().unwrap()).unwrap());
        let (book, generation) =
            LedgerLog::new(Arc::clone(&blobs)).claim(&JobName(JOB.into()), PARTITIONS, 7, None).unwrap();
        let mut world = Self { folder, port: 1, store: None, blobs, book, generation, model };
        world.start();
        world.requests();
        assert_eq!(world.publish(&["A0-A1"]), TableVersion(1));
        world
    }

    /// The flags that lead to this job.
    pub(crate) fn flags(&self) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let settings = [
            format!("job.state=file:{}", path("state")),
            format!("embedded.folder={}", path("embedded")),
            format!("embedded.partitions={PARTITIONS}"),
            format!("model.registry={}", path("models")),
            format!("sinks.files.url=file:{}", path("predictions")),
            format!("http.listen=127.0.0.1:{}", self.port),
        ];
        settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect()
    }

    pub(crate) fn loaded(&self) -> Loaded {
        let set = self.flags().into_iter().filter(|word| word != "--set").collect();
        ConfigFlags { config: Vec::new(), set, dump_config: false }.load().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The files of the job, open.
    pub(crate) fn store(&self) -> &Arc<EmbeddedStore> {
        self.store.as_ref().unwrap()
    }

    pub(crate) fn requests(&self) -> Arc<Topic> {
        self.store().topic("flight-delay-ml-request", &TopicShape::whole(PARTITIONS)).unwrap()
    }

    /// The job's files are opened.
    pub(crate) fn start(&mut self) {
        self.store = Some(EmbeddedStore::open(&self.path("embedded")).unwrap());
    }

    /// The job is stopped: its files are free.
    pub(crate) fn stop(&mut self) {
        self.store = None;
    }

    /// The job's files are held, and served at its port. What the sinks say of themselves there is `progress`.
    pub(crate) fn run(&mut self, progress: &[(&str, u64)]) -> Running {
        let store = Arc::clone(self.store());
        let metrics = StreamMetrics::new();
        for (name, next) in progress {
            let durable = |partition| metrics.durable(&SinkName((*name).into()), Partition(partition), Offset(*next));
            (0..PARTITIONS).for_each(durable);
        }
        let routes = embedded::routes(Arc::clone(&store));
        let port = HttpPort::start("127.0.0.1:0", routes, Health::new(), metrics).unwrap();
        self.port = port.local_addr().port();
        Running { store, _port: port }
    }

    /// A version of the table that holds these routes.
    pub(crate) fn publish(&mut self, routes: &[&str]) -> TableVersion {
        let row = |route: &&str| {
            let (origin, dest) = route.split_once('-').unwrap();
            let distance = table_rows::to_text(&DistanceRow {
                origin: origin.into(),
                dest: dest.into(),
                distance: flightline_operators::columns::Number::from(143),
            });
            distance.unwrap()
        };
        let rows: TableRows = routes.iter().map(row).collect();
        let versions = TableVersions::new(Arc::clone(&self.blobs));
        let latest = versions.latest().unwrap().map(|version| (version, versions.load(version).unwrap()));
        versions.publish(latest.as_ref().map(|(version, rows)| (*version, rows)), &rows).unwrap()
    }

    pub(crate) fn binding(&self, table: TableVersion) -> Binding {
        Binding { model: self.model.clone(), table, format: ANSWER_FORMATS[0], settings: BTreeMap::new() }
    }

    pub(crate) fn of_format(&self, format: u32) -> Binding {
        Binding { format: AnswerFormat(format), ..self.binding(TableVersion(1)) }
    }

    fn append(&mut self, body: EntryBody) {
        let entry = Entry { generation: self.generation, body };
        LedgerLog::new(Arc::clone(&self.blobs)).append(&mut self.book, entry).unwrap();
    }

    /// Sinks belong to the job from these offsets on.
    pub(crate) fn register(&mut self, names: &[&str], start: u64) {
        let starts: Offsets = (0..PARTITIONS).map(|partition| (Partition(partition), Offset(start))).collect();
        for name in names {
            self.append(EntryBody::Register { sink: SinkName((*name).into()), starts: starts.clone() });
        }
    }

    pub(crate) fn register_all(&mut self) {
        self.register(&["collection", "dead-letters", "files", "topic"], 0);
    }

    /// Binds all partitions up to an offset.
    pub(crate) fn bind(&mut self, binding: Binding, upto: u64) {
        let range = |partition| (partition, OffsetRange::new(self.book.bound_upto(partition), Offset(upto)));
        let ranges = (0..PARTITIONS).map(Partition).map(range).collect();
        self.append(EntryBody::Bind { binding, ranges });
    }

    /// Gives what was bound from an offset on another binding.
    pub(crate) fn cut(&mut self, binding: Binding, at: u64) {
        let partitions = || (0..PARTITIONS).map(Partition);
        let upto = partitions().map(|partition| (partition, self.book.bound_upto(partition))).collect();
        self.append(EntryBody::Cut {
            binding,
            at: partitions().map(|partition| (partition, Offset(at))).collect(),
            upto,
        });
    }

    /// A request of this UUID; the table may have its route or not.
    pub(crate) fn request(&self, number: u32, route: &str) -> Bytes {
        let mut request = flight(&mut Dice::new(u64::from(number))).request;
        let (origin, dest) = route.split_once('-').unwrap();
        (request.origin, request.dest) = (origin.into(), dest.into());
        request.id = RequestId::parse(&uuid(number)).unwrap();
        serde_json::to_vec(&request).unwrap().into()
    }

    /// Adds requests to a partition.
    pub(crate) fn ask(&self, partition: u32, payloads: Vec<Bytes>) {
        self.requests().append(Partition(partition), payloads).unwrap();
    }

    /// Adds `count` requests on the known route to each partition; their UUIDs are 100 * partition + offset.
    pub(crate) fn ask_all(&self, count: u32) {
        for partition in 0..PARTITIONS {
            let end = self.requests().bounds(Partition(partition)).unwrap().to.0 as u32;
            let numbers = (end..end + count).map(|offset| 100 * partition + offset);
            self.ask(partition, numbers.map(|number| self.request(number, "A0-A1")).collect());
        }
    }

    /// Has sinks take the answers up to an offset, from where they are; `tamper` sees what they are given.
    pub(crate) fn answer(&self, names: &[&str], upto: u64, tamper: Tamper<'_>) {
        let loaded = self.loaded();
        for (name, sink) in loaded.config.sinks.iter().filter(|(name, _)| names.contains(&&*name.0)) {
            let (destination, selects) = (self.sink(name, &sink.target, sink.selects), sink.selects);
            let starts = self.book.registered()[name].clone();
            destination.adopt(&self.book.id().unwrap(), &starts).unwrap();
            let partitions: Vec<Partition> = (0..PARTITIONS).map(Partition).collect();
            let mut writer = destination.open(self.generation, &partitions).unwrap();
            for partition in partitions {
                let answers = self.answers(name, selects, &*writer, partition, Offset(upto), tamper);
                writer.write(&SinkBatch { answers: [(partition, answers)].into() }).unwrap();
            }
            writer.flush(FlushReason::Closing).unwrap();
        }
    }

    pub(crate) fn answer_all(&self, upto: u64) {
        self.answer(&["collection", "dead-letters", "files", "topic"], upto, &right);
    }

    fn sink(&self, name: &SinkName, target: &SinkTarget, selects: Selects) -> Box<dyn Sink> {
        let (store, name) = (self.store(), name.clone());
        match target {
            SinkTarget::Topic(topic) => {
                let topic = store.topic(&topic.name().0, &TopicShape::whole(PARTITIONS)).unwrap();
                Box::new(EmbeddedTopicSink::new(name, topic, selects))
            }
            SinkTarget::Collection(collection) => {
                Box::new(EmbeddedCollectionSink::new(name, store.collection(&collection.name().0).unwrap(), selects))
            }
            SinkTarget::Files(files) => {
                let options = FileSinkOptions::new(name, selects, files.folder.location(), FileFormat::JsonLines);
                Box::new(FileSink::new(&Stores::new().unwrap(), options).unwrap())
            }
        }
    }

    fn answers(
        &self,
        name: &SinkName,
        selects: Selects,
        writer: &dyn OpenSink,
        partition: Partition,
        upto: Offset,
        tamper: Tamper<'_>,
    ) -> Answers {
        let from = writer.durable()[&partition].next;
        let upto = upto.min(self.requests().bounds(partition).unwrap().to);
        let records: Vec<LogRecord> = match from < upto {
            true => self.requests().read(partition, from, usize::MAX, Duration::ZERO).unwrap(),
            false => Vec::new(),
        };
        let records = records.into_iter().filter(|record| record.offset < upto);
        let items = records.filter_map(|record| self.item(selects, partition, record)).collect();
        let reached = Reached::start(upto.max(from));
        Answers { partition, from, reached, items: tamper(name, items) }
    }

    fn item(&self, selects: Selects, partition: Partition, record: LogRecord) -> Option<Item> {
        let binding = self.book.binding(self.book.at(partition, record.offset).unwrap().number).unwrap();
        let job = FlightsJob::new(Registry::in_folder(self.path("models")));
        let versions = TableVersions::new(Arc::clone(&self.blobs));
        let recompute = Recompute::new(move |binding| job.load(binding), move |version| versions.load(version));
        let offset = record.offset;
        let settled = recompute.settle(vec![(partition, record)], binding).unwrap().remove(0);
        let line = match selects {
            Selects::Answers => settled.answer?,
            Selects::DeadLetters => settled.dead_letter?,
        };
        Some(Item { offset, key: line.key, standing: line.standing, body: line.body })
    }
}
