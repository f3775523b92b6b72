//! A toy job, and a whole world for it in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::{Scope, StreamVec};

use crate::clock::SystemClock;
use crate::cluster::ClusterPlan;
use crate::contract::{Fault, Item, PartitionReader, Placement, Source, Standing, TableRows};
use crate::http::Health;
use crate::ids::{JobName, WorkerCount};
use crate::ledger::{AnswerFormat, Binding, Book, LedgerLog, TableVersion};
use crate::log::{LogRecord, Offset, OffsetRange, Offsets, Partition};
use crate::memory::{MemoryBlobs, MemoryLog, MemorySink, MemoryTable};
use crate::metrics::StreamMetrics;
use crate::stream::{
    Drained, Epoch, JobInputs, LeadSetup, Limits, Line, ModelWatch, Recompute, Settled, SinkSetup, StopFlag,
    StreamError, StreamJob, StreamSetup, TableVersions, run,
};

/// How long a test waits for a condition before it fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// Answers with the request, the model and the table. Loses a record that says so. Knows whether a model that is broken once
/// was tried.
#[derive(Default)]
pub(super) struct Toy(AtomicBool);

fn answer(binding: &Binding, partition: Partition, record: &LogRecord) -> Settled {
    let text = String::from_utf8_lossy(&record.payload);
    let body = format!("{partition}:{}:{text}:{}:{}", record.offset, binding.model, binding.table);
    let line = Line { key: text.as_ref().into(), standing: Standing::Final, body: Bytes::from(body) };
    Settled { partition, offset: record.offset, answer: Some(line), dead_letter: None, error: None }
}

impl StreamJob for Toy {
    type Ready = ();

    fn load(&self, binding: &Binding) -> Result<(), Fault> {
        match &*binding.model {
            "bad" => Err(Fault::permanent("a golden row differs")),
            // Whoever tries it for the first time finds it broken.
            "mended" if !self.0.swap(true, Ordering::SeqCst) => Err(Fault::permanent("a golden row differs")),
            _ => Ok(()),
        }
    }

    fn build<'scope>(
        &self,
        _scope: Scope<'scope, Epoch>,
        inputs: JobInputs<'scope, ()>,
    ) -> StreamVec<'scope, Epoch, Settled> {
        let bindings = inputs.bindings;
        inputs.records.flat_map(move |record| {
            let binding = bindings.get(record.binding).expect("bound").binding;
            let lost = &*record.record.payload == b"lose me";
            (!lost).then(|| answer(&binding, record.partition, &record.record))
        })
    }
}

struct Again;

impl Recompute for Again {
    fn settle(&self, binding: &Binding, records: Vec<(Partition, LogRecord)>) -> Result<Vec<Settled>, Fault> {
        Ok(records.iter().map(|(partition, record)| answer(binding, *partition, record)).collect())
    }
}

/// Versions of the table, by number.
#[derive(Clone, Default)]
struct Versions(Arc<Mutex<BTreeMap<TableVersion, TableRows>>>);

impl TableVersions for Versions {
    fn latest(&self) -> Result<Option<TableVersion>, Fault> {
        Ok(self.0.lock().unwrap().keys().next_back().copied())
    }

    fn load(&self, version: TableVersion) -> Result<TableRows, Fault> {
        Ok(self.0.lock().unwrap()[&version].clone())
    }

    fn publish(&self, rows: &TableRows) -> Result<TableVersion, Fault> {
        let mut versions = self.0.lock().unwrap();
        let version = TableVersion(versions.keys().next_back().map_or(1, |latest| latest.0 + 1));
        versions.insert(version, rows.clone());
        Ok(version)
    }

    fn collect(&self, oldest: TableVersion) -> Result<(), Fault> {
        self.0.lock().unwrap().retain(|version, _| *version >= oldest);
        Ok(())
    }
}

struct Watch(Arc<Mutex<String>>);

impl ModelWatch for Watch {
    fn current(&mut self) -> Result<Box<str>, Fault> {
        Ok(self.0.lock().unwrap().as_str().into())
    }

    fn every(&self) -> Duration {
        Duration::from_millis(5)
    }
}

/// A log of which one partition can't be opened.
#[derive(Debug)]
struct Refusing {
    log: MemoryLog,
    refused: Option<Partition>,
}

impl Source for Refusing {
    fn partitions(&self) -> Result<u32, Fault> {
        self.log.partitions()
    }

    fn bounds(&self, partition: Partition) -> Result<OffsetRange, Fault> {
        self.log.bounds(partition)
    }

    fn open(&self, partition: Partition, from: Offset) -> Result<Box<dyn PartitionReader>, Fault> {
        if self.refused == Some(partition) {
            return Err(Fault::permanent(format!("partition {partition} can't be opened")));
        }
        self.log.open(partition, from)
    }

    fn settled(&self, progress: &Offsets) {
        self.log.settled(progress);
    }
}

/// What survives a life of the job.
#[derive(Clone)]
pub(super) struct World {
    pub(super) log: MemoryLog,
    /// A partition of it that can't be opened.
    pub(super) refused: Option<Partition>,
    pub(super) topic: MemorySink,
    pub(super) collection: MemorySink,
    /// Not required.
    pub(super) files: MemorySink,
    pub(super) blobs: MemoryBlobs,
    pub(super) table: MemoryTable,
    versions: Versions,
    model: Arc<Mutex<String>>,
    pub(super) limits: Limits,
    pub(super) replay_offsets: u64,
}

/// A life of the job that runs.
pub(super) struct Life {
    stop: StopFlag,
    pub(super) metrics: StreamMetrics,
    pub(super) health: Health,
    thread: JoinHandle<Result<Drained, StreamError>>,
}

impl World {
    pub(super) const PARTITIONS: u32 = 4;

    pub(super) fn new() -> Self {
        Self {
            log: MemoryLog::new(Self::PARTITIONS),
            refused: None,
            topic: MemorySink::new("topic"),
            collection: MemorySink::new("collection").keyed().placed(Placement::OnLead),
            files: MemorySink::new("files"),
            blobs: MemoryBlobs::default(),
            table: MemoryTable::new(TableRows::from([("a".to_owned(), "1".to_owned())])),
            versions: Versions::default(),
            model: Arc::new(Mutex::new("m1".to_owned())),
            limits: Limits {
                in_flight_bytes: 1 << 20,
                read_batch_bytes: 4 << 10,
                lagging_queue_bytes: 16 << 10,
                small_table_rows: 1000,
                start_patience: Duration::from_secs(30),
                drain_patience: Duration::from_secs(60),
            },
            replay_offsets: 1_000_000,
        }
    }

    pub(super) fn want_model(&self, model: &str) {
        model.clone_into(&mut self.model.lock().unwrap());
    }

    pub(super) fn start(&self, workers: usize) -> Life {
        self.start_as(ClusterPlan::local(WorkerCount::new(workers)))
    }

    pub(super) fn start_as(&self, plan: ClusterPlan) -> Life {
        let (stop, metrics, health) = (StopFlag::default(), StreamMetrics::new(), Health::new());
        let sink = |sink: &MemorySink, required| SinkSetup { sink: Arc::new(sink.clone()), required, backfill: false };
        let setup = StreamSetup {
            job: Arc::new(Toy::default()),
            name: JobName("toy".into()),
            nonce: nonce(),
            source: Arc::new(Refusing { log: self.log.clone(), refused: self.refused }),
            sinks: vec![sink(&self.topic, true), sink(&self.collection, true), sink(&self.files, false)],
            state: Arc::new(self.blobs.clone()),
            recompute: Arc::new(Again),
            spread: None,
            limits: self.limits,
            metrics: metrics.clone(),
            health: health.clone(),
            clock: Arc::new(SystemClock::new()),
            stop: stop.clone(),
        };
        let lead = LeadSetup {
            table: Box::new(self.table.clone()),
            versions: Arc::new(self.versions.clone()),
            model: Box::new(Watch(Arc::clone(&self.model))),
            format: AnswerFormat(1),
            settings: BTreeMap::new(),
            replay_offsets: self.replay_offsets,
        };
        Life { stop, metrics, health, thread: thread::spawn(move || run(plan, setup, Some(lead))) }
    }

    /// Appends to all partitions in turn; the text is the record's number.
    pub(super) fn append(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let partition = Partition((number % u64::from(Self::PARTITIONS)) as u32);
            self.log.append(partition, number.to_string()).expect("it has this partition");
        }
    }

    fn ends(&self) -> BTreeMap<Partition, Offset> {
        let end = |partition| (partition, self.log.records(partition).last().map_or(Offset(0), |r| r.offset.next()));
        self.partitions().map(end).collect()
    }

    fn partitions(&self) -> impl Iterator<Item = Partition> {
        (0..self.log.partitions().expect("it is in memory")).map(Partition)
    }

    #[track_caller]
    pub(super) fn wait_for(&self, sink: &MemorySink) {
        assert!(sink.wait_for(&self.ends(), DEADLINE), "not all is durable: {:?}", sink.progress());
    }

    pub(super) fn book(&self) -> Book {
        LedgerLog::new(Arc::new(self.blobs.clone())).load().unwrap()
    }

    /// All sinks hold the same answer to every record once, and it is the one that the ledger binds.
    #[track_caller]
    pub(super) fn check(&self) {
        let book = self.book();
        let topic: BTreeMap<_, _> =
            self.topic.contents().into_iter().map(|(p, item)| ((p, item.offset), item.body)).collect();
        let mut expected = Vec::new();
        for partition in self.partitions() {
            for record in self.log.records(partition) {
                if record.offset < book.kept_from(partition) {
                    // Collected: what the topic says must do.
                    expected.push(topic[&(partition, record.offset)].clone());
                    continue;
                }
                let bound = book.at(partition, record.offset).expect("what is answered is bound");
                let binding = book.binding(bound.number).expect("a bound entry has a binding");
                expected.push(answer(binding, partition, &record).answer.unwrap().body);
            }
        }
        expected.sort();
        for (name, sink) in [("topic", &self.topic), ("collection", &self.collection), ("files", &self.files)] {
            let mut found: Vec<Bytes> = sink.contents().into_iter().map(|(_, Item { body, .. })| body).collect();
            found.sort();
            assert_eq!(found.len(), expected.len(), "{name}");
            assert!(found == expected, "{name} differs: {:?}", found.iter().zip(&expected).find(|(a, b)| a != b));
        }
    }
}

/// Another number for each start.
fn nonce() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::SeqCst)
}

impl Life {
    /// Asks it to drain, and gives how it ended.
    pub(super) fn stop(self) -> Result<Drained, StreamError> {
        self.stop.raise();
        self.ended()
    }

    /// Waits for its end.
    #[track_caller]
    pub(super) fn ended(self) -> Result<Drained, StreamError> {
        wait_until("the job has ended", || self.thread.is_finished());
        self.thread.join().expect("it doesn't panic")
    }
}

/// Waits for a condition, not for time.
#[track_caller]
pub(super) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < DEADLINE, "waited too long until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
