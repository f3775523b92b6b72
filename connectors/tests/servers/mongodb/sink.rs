//! The engine's conformance suite, with connections that break, on both kinds of server; and what it doesn't play.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};
use std::thread;

use bytes::Bytes;
use flightline_connectors::mongodb::{MongoCollection, MongoName, MongoRows, MongoServer, MongoSink};
use flightline_engine::conformance;
use flightline_engine::conformance::sink::{SinkHarness, Stored, Trouble};
use flightline_engine::contract::{
    Answers, Fault, Item, JobId, OpenSink, Selects, Sink, SinkBatch, SinkName, Standing,
};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Partition, Reached};

use super::cutting::Cutting;
use super::{ferretdb, fresh, host, in_memory, server};

struct CollectionAsSink {
    name: MongoName,
    direct: MongoServer,
    proxy: Cutting,
    writing: MongoServer,
}

impl CollectionAsSink {
    fn at(url: &str) -> Self {
        let proxy = Cutting::before(host(url));
        Self { name: fresh("answers"), direct: server(url), writing: server(&proxy.url), proxy }
    }
}

impl SinkHarness for CollectionAsSink {
    fn fresh(&mut self) {
        self.proxy.cut(None);
        self.name = fresh("answers");
    }

    fn sink(&mut self) -> Box<dyn Sink> {
        Box::new(sink(&self.writing, &self.name))
    }

    fn contents(&mut self) -> Vec<Stored> {
        let stored = MongoCollection::new(self.direct.clone(), self.name.clone()).all().unwrap();
        let read = |(id, line): (String, Bytes)| {
            let stored = Stored::read(&line).unwrap();
            assert_eq!(*id, *stored.item.key, "each document lies under its own key");
            stored
        };
        stored.into_iter().map(read).collect()
    }

    fn restart(&mut self) {
        self.writing = server(&self.proxy.url);
    }

    fn keyed(&self) -> bool {
        true
    }

    fn trouble(&mut self, trouble: Trouble) -> bool {
        self.proxy.cut(Some(trouble));
        true
    }
}

fn sink(server: &MongoServer, name: &MongoName) -> MongoSink {
    MongoSink::new(SinkName("answers".into()), server.clone(), name.clone(), Selects::Answers)
}

#[test]
fn a_collection_of_ferretdb_is_a_sink() {
    conformance::sink::check(&mut CollectionAsSink::at(&ferretdb())).unwrap();
}

#[test]
fn a_collection_of_a_server_with_updates_in_one_step_is_a_sink() {
    conformance::sink::check(&mut CollectionAsSink::at(&in_memory())).unwrap();
}

fn item(key: &str, partition: u32, offset: u64, standing: Standing, text: &str) -> Item {
    let status = if standing == Standing::Final { "OK" } else { "ERROR" };
    let body = format!(
        r#"{{"Model":"m","Offset":{offset},"Partition":{partition},"Status":"{status}","Text":"{text}","UUID":"{key}"}}"#
    );
    Item { offset: Offset(offset), key: key.into(), standing, body: body.into() }
}

fn batch(partition: u32, from: u64, next: u64, items: Vec<Item>) -> SinkBatch {
    let reached = Reached::start(Offset(next));
    let answers = Answers { partition: Partition(partition), from: Offset(from), reached, items };
    SinkBatch { answers: [(Partition(partition), answers)].into() }
}

fn adopted(sink: &MongoSink, partitions: u32) {
    let starts = (0..partitions).map(|partition| (Partition(partition), Offset(0))).collect();
    sink.adopt(&JobId("flights#1".into()), &starts).unwrap();
}

fn opened(sink: &MongoSink, partition: u32) -> Box<dyn OpenSink> {
    sink.open(Generation(1), &[Partition(partition)]).unwrap()
}

/// Writers of different partitions, each with a final answer to the same keys where a provisional one stands: of each key
/// one is chosen, and from then on it is that one whoever looks.
fn only_one_takes_its_place(url: &str) {
    const KEYS: u64 = 40;
    const WRITERS: u32 = 4;
    let (name, shared) = (fresh("answers"), server(url));
    let first = sink(&shared, &name);
    adopted(&first, WRITERS + 1);
    let keys: Vec<String> = (0..KEYS).map(|key| format!("key-{key:03}")).collect();
    let lines = |partition: u32, standing: Standing| -> Vec<Item> {
        let line = |(key, offset): (&String, u64)| item(key, partition, offset, standing, "x");
        keys.iter().zip(0..).map(line).collect()
    };
    opened(&first, WRITERS).write(&batch(WRITERS, 0, KEYS, lines(WRITERS, Standing::Provisional))).unwrap();
    let reader = MongoCollection::new(shared, name.clone());
    let standing = || -> BTreeMap<String, Stored> {
        let found = reader.all().unwrap().into_iter();
        found.map(|(key, line)| (key, Stored::read_any(&line))).collect()
    };

    let start = Arc::new(Barrier::new(WRITERS as usize + 1));
    let mut seen: BTreeMap<String, Stored> = BTreeMap::new();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|partition| {
                let (start, lines) = (Arc::clone(&start), lines(partition, Standing::Final));
                // A process of its own.
                let sink = sink(&server(url), &name);
                scope.spawn(move || {
                    let mut writer = opened(&sink, partition);
                    start.wait();
                    for (line, offset) in lines.into_iter().zip(0..) {
                        writer.write(&batch(partition, offset, offset + 1, vec![line])).unwrap();
                    }
                })
            })
            .collect();
        start.wait();
        while writers.iter().any(|writer| !writer.is_finished()) {
            for (key, now) in standing() {
                let before = seen.insert(key, now.clone());
                let changed = before.filter(|before| *before != now && before.item.standing == Standing::Final);
                assert_eq!(changed, None, "a final answer was replaced by {now:?}");
            }
        }
    });
    for (key, now) in standing() {
        assert_eq!(now.item.standing, Standing::Final);
        let before = &seen[&key];
        assert!(before.item.standing == Standing::Provisional || *before == now, "{before:?} became {now:?}");
    }
}

trait ReadAny {
    fn read_any(line: &[u8]) -> Self;
}

impl ReadAny for Stored {
    /// As the suite reads its lines, and ours have the same fields.
    fn read_any(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line).replace("\"Text\"", "\"Filler\"");
        Self::read(text.as_bytes()).unwrap()
    }
}

#[test]
fn only_one_takes_a_provisional_ones_place_on_ferretdb() {
    only_one_takes_its_place(&ferretdb());
}

#[test]
fn only_one_takes_a_provisional_ones_place_where_updates_are_one_step() {
    only_one_takes_its_place(&in_memory());
}

/// What only one server is asked for must hold on both.
fn on_both(check: impl Fn(&MongoServer, MongoName)) {
    for url in [ferretdb(), in_memory()] {
        check(&server(&url), fresh("answers"));
    }
}

fn permanent(result: Result<impl Sized, Fault>) -> String {
    match result {
        Err(Fault::Permanent(permanent)) => permanent.0,
        Err(other) => panic!("{other:?} is not permanent"),
        Ok(_) => panic!("it was allowed"),
    }
}

#[test]
fn another_answer_to_the_same_request_stops_the_job() {
    on_both(|server, name| {
        let sink = sink(server, &name);
        adopted(&sink, 1);
        // As another build would have stored it.
        let other = item("k", 0, 0, Standing::Final, "y");
        let mut rows = MongoRows::new(server.clone(), name.clone(), ["UUID"]);
        rows.take(&other.body).unwrap();
        rows.bring(false, &mut |_| {}).unwrap();
        let mut writer = opened(&sink, 0);
        let ours = item("k", 0, 0, Standing::Final, "x");
        let sentence = permanent(writer.write(&batch(0, 0, 1, vec![ours.clone()])));
        for part in [&*other.body, &*ours.body, b"partition 0, offset 0"] {
            assert!(sentence.contains(std::str::from_utf8(part).unwrap()), "{sentence}");
        }
        assert_eq!(MongoCollection::new(server.clone(), name).find("k").unwrap(), Some(other.body));
        assert_eq!(writer.durable()[&Partition(0)], Reached::start(Offset(0)));
    });
}

#[test]
fn what_lies_below_the_progress_is_not_written_again() {
    on_both(|server, name| {
        let sink = sink(server, &name);
        adopted(&sink, 1);
        let mut writer = opened(&sink, 0);
        writer.write(&batch(0, 0, 1, vec![item("k", 0, 0, Standing::Final, "x")])).unwrap();
        writer.write(&batch(0, 0, 1, vec![item("k", 0, 0, Standing::Final, "y")])).unwrap();
        let lines = vec![item("k", 0, 1, Standing::Final, "x"), item("l", 0, 2, Standing::Final, "x")];
        writer.write(&batch(0, 0, 3, lines)).unwrap();
        assert_eq!(sink.reused(), 1);
    });
}

#[test]
fn documents_of_others_stay_and_only_stand_in_the_way_of_their_id() {
    on_both(|server, name| {
        let mut rows = MongoRows::new(server.clone(), name.clone(), ["kind"]);
        rows.take(br#"{"kind":"note","UUID":"n"}"#).unwrap();
        rows.bring(false, &mut |_| {}).unwrap();
        let sink = sink(server, &name);
        adopted(&sink, 1);
        let line = item("note", 0, 0, Standing::Final, "x");
        let other = item("k", 0, 1, Standing::Final, "x");
        opened(&sink, 0).write(&batch(0, 0, 2, vec![line, other.clone()])).unwrap();
        assert_eq!(sink.reused(), 1);
        let collection = MongoCollection::new(server.clone(), name);
        assert_eq!(collection.find("note").unwrap().unwrap(), br#"{"kind":"note","UUID":"n"}"#.as_slice());
        assert_eq!(collection.find("k").unwrap(), Some(other.body));
        assert_eq!(collection.find("nobody").unwrap(), None);
    });
}

#[test]
fn a_collection_with_answers_of_nobody_is_not_adopted() {
    on_both(|server, name| {
        let mut rows = MongoRows::new(server.clone(), name.clone(), ["UUID"]);
        rows.take(&item("k", 0, 0, Standing::Final, "x").body).unwrap();
        rows.bring(false, &mut |_| {}).unwrap();
        let refused = sink(server, &name).adopt(&JobId("flights#1".into()), &[(Partition(0), Offset(0))].into());
        let sentence = permanent(refused);
        assert!(sentence.contains("holds answers") && sentence.contains("flightline_progress"), "{sentence}");
    });
}

#[test]
fn what_is_lost_is_not_taken_for_new() {
    on_both(|server, name| {
        let sink = sink(server, &name);
        assert!(permanent(sink.open(Generation(1), &[Partition(0)])).contains("belongs to no job"));
        adopted(&sink, 1);
        let sentence = permanent(sink.open(Generation(1), &[Partition(0), Partition(1)]));
        assert!(sentence.contains("no progress of partition 1"), "{sentence}");
        let mut writer = opened(&sink, 0);
        writer.write(&batch(0, 0, 1, vec![item("k", 0, 0, Standing::Final, "x")])).unwrap();
        let gap = permanent(writer.write(&batch(0, 2, 3, Vec::new())));
        assert!(gap.contains("up to 1, and lines from 2 on"), "{gap}");
        let stranger = permanent(writer.write(&batch(1, 0, 3, Vec::new())));
        assert!(stranger.contains("partition 1 was not opened"), "{stranger}");
        let others = MongoSink::new(SinkName("dead".into()), server.clone(), name, Selects::DeadLetters);
        assert!(permanent(others.survey(&[Partition(0)])).contains("belongs to sink `answers`"));
    });
}

#[test]
fn a_batch_larger_than_a_command_is_written_whole() {
    on_both(|server, name| {
        let sink = sink(server, &name);
        adopted(&sink, 1);
        let lines: Vec<_> = (0..2_500).map(|at| item(&format!("k{at}"), 0, at, Standing::Final, "x")).collect();
        let mut writer = opened(&sink, 0);
        writer.write(&batch(0, 0, 2_500, lines.clone())).unwrap();
        let found = MongoCollection::new(server.clone(), name).all().unwrap();
        let mut expected: Vec<_> = lines.into_iter().map(|line| (line.key.to_string(), line.body)).collect();
        expected.sort();
        assert_eq!(found, expected, "every line, byte for byte");
    });
}
