//! What is in the topics, the collection and the files, read when nobody writes; and what must hold of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::embedded::TopicShape;
use flightline_engine::contract::{Fault, Guarantee, SinkName};
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};
use flightline_jobs::clients::{
    ClientError, EmbeddedStore, FileReader, MongoCollection, MongoOptions, MongoServer, TopicClient,
};
use flightline_jobs::config::{CollectionUrl, SinkTarget, StreamConfig, TopicUrl};
use flightline_jobs::dead_letter::DeadLetter;
use flightline_jobs::request::{self, Request};
use flightline_jobs::stores::stores;
use serde_json::Value;

use super::places::OnServers;
use super::{PARTITIONS, patiently};
use crate::{DEADLINE, wait_until};

/// A position in the request topic.
type Position = (u64, u64);

/// All that survives a job.
#[derive(Debug)]
pub struct Holdings {
    requests: BTreeMap<Position, Bytes>,
    topic: Vec<(Position, Bytes)>,
    collection: BTreeMap<String, Bytes>,
    files: Vec<(Position, Bytes)>,
    dead_letters: Vec<(Position, Bytes)>,
}

impl Holdings {
    /// All that a configuration names; what is embedded, in this store.
    pub(super) fn read(config: &StreamConfig, store: Option<&EmbeddedStore>) -> Self {
        let store = || store.expect("a configuration with something embedded has a store");
        let of_sink = |name: &str| &config.sinks[&SinkName(name.into())].target;
        let topic = |url: &TopicUrl| -> Arc<dyn TopicClient> {
            match url {
                TopicUrl::Kafka(_) => OnServers::topic(config, url),
                TopicUrl::Embedded(name) => {
                    store().topic(&name.0, &TopicShape::whole(PARTITIONS)).expect("the topic can be opened")
                }
            }
        };
        let topic_of_sink = |name: &str| match of_sink(name) {
            SinkTarget::Topic(url) => topic(url),
            other => panic!("{other:?} is no topic"),
        };
        let collection = match of_sink("collection") {
            SinkTarget::Collection(CollectionUrl::Mongodb(name)) => documents(config, &name.0),
            SinkTarget::Collection(CollectionUrl::Embedded(name)) => {
                let documents = store().collection(&name.0).expect("the collection can be opened");
                documents.scan(None, usize::MAX).expect("it can be read").into_iter().collect()
            }
            other => panic!("{other:?} is no collection"),
        };
        let SinkTarget::Files(folder) = of_sink("files") else { panic!("the files are files") };
        let requests = topic(&config.requests.log);
        let partitions = patiently("the topic can be asked", || requests.partitions());
        let files = files(config, folder.folder.location(), partitions);
        Self::of([&*requests, &*topic_of_sink("topic"), &*topic_of_sink("dead-letters")], collection, files)
    }

    fn of(
        [requests, responses, dead_letters]: [&dyn TopicClient; 3],
        collection: BTreeMap<String, Bytes>,
        files: Vec<(Position, Bytes)>,
    ) -> Self {
        let place =
            |(partition, record): (Partition, LogRecord)| ((u64::from(partition.0), record.offset.0), record.payload);
        let placed = |topic: &dyn TopicClient| -> Vec<(Position, Bytes)> {
            records(topic).into_iter().map(|(_, record)| (position(&record.payload), record.payload)).collect()
        };
        Self {
            requests: records(requests).into_iter().map(place).collect(),
            topic: placed(responses),
            collection,
            files,
            dead_letters: placed(dead_letters),
        }
    }

    /// Number of requests.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// The lines of the response topic: partition and offset of the request, and the answer.
    #[must_use]
    pub fn answers(&self) -> &[(Position, Bytes)] {
        &self.topic
    }

    /// The dead letters, in the order of their partitions.
    #[must_use]
    pub fn dead_letters(&self) -> &[(Position, Bytes)] {
        &self.dead_letters
    }

    /// The document of a UUID.
    #[must_use]
    pub fn document(&self, key: &str) -> Option<Value> {
        self.collection.get(key).map(|body| serde_json::from_slice(body).expect("a document is JSON"))
    }

    /// What the answers were made with: models, and versions of the table.
    #[must_use]
    pub fn bindings(&self) -> BTreeSet<(String, u64)> {
        let binding = |(_, line): &(Position, Bytes)| {
            let line: Value = serde_json::from_slice(line).expect("a line is JSON");
            let (model, table) = (line["Model"].as_str(), line["Table"].as_u64());
            (model.expect("an answer names its model").to_owned(), table.expect("and its table"))
        };
        self.topic.iter().map(binding).collect()
    }

    /// The first line of a sink that `earlier` had and that is not there, or reads otherwise, now.
    #[must_use]
    pub fn lost_since(&self, earlier: &Self) -> Option<Position> {
        let lost = |then: &[(Position, Bytes)], now: &[(Position, Bytes)]| {
            let now: HashMap<_, _> = now.iter().map(|(position, line)| (*position, line)).collect();
            then.iter().find(|(position, line)| now.get(position) != Some(&line)).map(|(position, _)| *position)
        };
        lost(&earlier.topic, &self.topic)
            .or_else(|| lost(&earlier.files, &self.files))
            .or_else(|| lost(&earlier.dead_letters, &self.dead_letters))
    }

    /// What is wrong, if anything: an offset that was answered twice or never in the topic or the files, another answer in
    /// one sink than in another, a UUID without its document, a request that is in no sink at all, an error without its
    /// dead letter.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), String> {
        self.check_as(Guarantee::ExactlyOnce)
    }

    /// The same of a job whose topics promise this: at least once, a line may be there again with the same bytes.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check_as(&self, topics: Guarantee) -> Result<(), String> {
        let topic = by_position("topic", &self.topic, topics)?;
        let files = by_position("files", &self.files, Guarantee::ExactlyOnce)?;
        let dead = by_position("dead letters", &self.dead_letters, topics)?;
        for (position, line) in &dead {
            let letter = DeadLetter::parse(line).map_err(|error| format!("{position:?}: {error}"))?;
            if self.requests.get(position) != Some(&letter.bytes) {
                return Err(format!("the dead letter of {position:?} has other bytes than the request"));
            }
        }
        let mut by_key: BTreeMap<String, Vec<Position>> = BTreeMap::new();
        for (position, bytes) in &self.requests {
            match Request::parse(bytes) {
                Ok(request) => by_key.entry(request::key(&request.id).into()).or_default().push(*position),
                Err(bad) => {
                    if !dead.contains_key(position) {
                        return Err(format!("{position:?} is no request, and no dead letter tells"));
                    }
                    let Some(id) = &bad.id else { continue };
                    by_key.entry(request::key(id).into()).or_default().push(*position);
                }
            }
            let answer = topic.get(position).ok_or_else(|| format!("{position:?} was lost by the topic"))?;
            if is_ok(answer) == dead.contains_key(position) {
                return Err(format!("{position:?} was answered {answer:?}, and that does not fit the dead letters"));
            }
            match files.get(position) {
                None => return Err(format!("{position:?} was lost by the files")),
                Some(line) if line != answer => {
                    return Err(format!("{position:?}: the files say {line:?} and the topic {answer:?}"));
                }
                Some(_) => {}
            }
        }
        let extra = topic.keys().chain(files.keys()).find(|position| !self.requests.contains_key(*position));
        if let Some(position) = extra {
            return Err(format!("{position:?} was answered, but nobody has asked"));
        }
        self.check_collection(&topic, &by_key)
    }

    fn check_collection(
        &self,
        topic: &HashMap<Position, &Bytes>,
        by_key: &BTreeMap<String, Vec<Position>>,
    ) -> Result<(), String> {
        for (key, positions) in by_key {
            let document = self.collection.get(key).ok_or_else(|| format!("{key} was lost by the collection"))?;
            let stored = position(document);
            if !positions.contains(&stored) || topic.get(&stored) != Some(&document) {
                return Err(format!("{key}: the collection says {document:?}, the topic {:?}", topic.get(&stored)));
            }
            if !is_ok(document) && positions.iter().any(|position| topic.get(position).is_some_and(|line| is_ok(line)))
            {
                return Err(format!("{key} has an OK answer, but the collection holds an ERROR"));
            }
        }
        let extra = self.collection.keys().find(|key| !by_key.contains_key(*key));
        extra.map_or(Ok(()), |key| Err(format!("{key} is in the collection, but nobody has asked")))
    }
}

fn by_position<'a>(
    sink: &str,
    lines: &'a [(Position, Bytes)],
    promised: Guarantee,
) -> Result<HashMap<Position, &'a Bytes>, String> {
    let mut once: HashMap<Position, &Bytes> = HashMap::with_capacity(lines.len());
    for (position, line) in lines {
        match once.insert(*position, line) {
            Some(_) if promised == Guarantee::ExactlyOnce => {
                return Err(format!("{position:?} is twice in the {sink}"));
            }
            Some(before) if before != line => {
                return Err(format!("{position:?} is in the {sink} as {before:?} and as {line:?}"));
            }
            Some(_) | None => {}
        }
    }
    Ok(once)
}

fn is_ok(line: &Bytes) -> bool {
    serde_json::from_slice::<Value>(line).expect("an answer is JSON")["Status"] == "OK"
}

fn position(line: &[u8]) -> Position {
    let line: Value = serde_json::from_slice(line).expect("a line is JSON");
    let number = |field: &str| line[field].as_u64().unwrap_or_else(|| panic!("{line} has no {field}"));
    (number("Partition"), number("Offset"))
}

fn records(topic: &dyn TopicClient) -> Vec<(Partition, LogRecord)> {
    patiently("a topic can be read", || read_all(topic))
}

fn read_all(topic: &dyn TopicClient) -> Result<Vec<(Partition, LogRecord)>, ClientError> {
    let mut all = Vec::new();
    for partition in (0..topic.partitions()?).map(Partition) {
        let OffsetRange { mut from, to } = topic.bounds(partition)?;
        while from < to {
            let some = topic.read(partition, from, 8 << 20, Duration::ZERO)?;
            // Only the marks of transactions stand at the end of a topic of Kafka.
            let Some(last) = some.last() else { break };
            from = last.offset.next();
            all.extend(some.into_iter().map(|record| (partition, record)));
        }
    }
    Ok(all)
}

fn documents(config: &StreamConfig, name: &str) -> BTreeMap<String, Bytes> {
    let (user, password) = config.mongodb.login().expect("its password is there").unzip();
    // All of it is read, by a server that others ask, too.
    let url = config.mongodb.url.0.clone();
    let options = MongoOptions { user, password, command_timeout: DEADLINE, ..MongoOptions::new(url) };
    let server = MongoServer::new(options).expect("the server can be named");
    let collection = MongoCollection::new(server, name.parse().expect("it is a name"));
    collection.all().expect("it can be read").into_iter().collect()
}

/// All lines; a storage whose servers are not there yet, after a storm, is asked again.
fn files(config: &StreamConfig, folder: &str, partitions: u32) -> Vec<(Position, Bytes)> {
    let mut lines = None;
    wait_until("the files can be read", || {
        lines = match whole_files(config, folder, partitions) {
            Err(Fault::Transient(_)) => None,
            lines => Some(lines.expect("files are whole")),
        };
        lines.is_some()
    });
    lines.expect("it was waited for")
}

fn whole_files(config: &StreamConfig, folder: &str, partitions: u32) -> Result<Vec<(Position, Bytes)>, Fault> {
    let stores = stores(config).expect("stores can be had");
    let reader = FileReader::new(&stores, folder).expect("a folder can be read");
    let all = OffsetRange::new(Offset(0), Offset(u64::MAX));
    let mut lines = Vec::new();
    for partition in (0..partitions).map(Partition) {
        for line in reader.lines(partition, all)? {
            let (offset, line) = line?;
            lines.push(((u64::from(partition.0), offset.0), line));
        }
    }
    Ok(lines)
}
