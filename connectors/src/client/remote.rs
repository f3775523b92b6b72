//! The clients of a job that runs elsewhere: HTTP against the port of each of its processes.
//!
//! A job of several processes has several addresses; who has which partition is asked of all of them, and asked again when
//! a process is gone or says that it isn't the one. What may have been done already is never sent twice.

mod http;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flightline_engine::log::{LogRecord, Offset, OffsetRange, Partition};

use self::http::{Answer, Http};
use super::error::partition_name;
use super::places::{Known, Places};
use super::{ClientError, CollectionClient, Follower, PartitionsFollower, TopicClient};
use crate::embedded::MOST_RECORDS;
use crate::embedded::wire::{self, NewRecordsBody, PayloadBody, RecordsBody, TopicsBody};

/// The most bytes of records in one request: with what JSON adds, below what a job takes.
const MOST_SENT: usize = 32 << 20;
/// The longest that one read is asked to wait; longer patience asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A running job, at the HTTP addresses of its processes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RemoteJob(Arc<Processes>);

#[derive(Debug)]
struct Processes {
    addresses: Vec<String>,
    http: Http,
}

impl RemoteJob {
    /// The job at these addresses, `host:port` each, or `http://host:port`. Nobody is asked yet.
    ///
    /// # Errors
    /// An address isn't one, or there is none.
    pub fn new<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, ClientError> {
        let addresses: Result<Vec<_>, _> = addresses.into_iter().map(|address| http::base(address.as_ref())).collect();
        let addresses = addresses?;
        if addresses.is_empty() {
            return Err(ClientError::BadAddress { address: String::new(), cause: "none is given".to_owned() });
        }
        Ok(Self(Arc::new(Processes { addresses, http: Http::new() })))
    }

    /// A topic of the job. Nobody is asked yet.
    #[must_use]
    pub fn topic(&self, name: &str) -> RemoteTopic {
        RemoteTopic { job: self.clone(), name: name.into(), places: Places::default() }
    }

    /// A collection of the job. Nobody is asked yet.
    #[must_use]
    pub fn collection(&self, name: &str) -> RemoteCollection {
        RemoteCollection { job: self.clone(), name: name.into(), places: Places::default() }
    }

    /// Asks every process, and gathers what they say. `note` takes an answer and says it in a few words.
    fn ask_all<K: Ord, S>(
        &self,
        path: &str,
        mut known: Known<K, S>,
        mut note: impl FnMut(&mut Known<K, S>, &str, &Answer) -> Result<String, ClientError>,
    ) -> Result<Known<K, S>, ClientError> {
        let mut asked = Vec::new();
        for address in &self.0.addresses {
            let said = self.0.http.get(address, path, "say what it has", Duration::ZERO);
            asked.push(match said.and_then(|answer| note(&mut known, address, &answer)) {
                Ok(said) => format!("{address} ({said})"),
                Err(error) => format!("{address} ({error})"),
            });
        }
        known.asked = asked.join(", ");
        Ok(known)
    }
}

/// A topic of a running job.
#[derive(Debug)]
pub struct RemoteTopic {
    job: RemoteJob,
    name: Box<str>,
    /// Where the partitions are, and how many there should be.
    places: Places<Partition, Option<u32>>,
}

impl RemoteTopic {
    fn learn(&self) -> Result<Known<Partition, Option<u32>>, ClientError> {
        let nothing = Known { homes: [].into(), shape: None, asked: String::new() };
        self.job.ask_all("/topics", nothing, |known, address, answer| {
            let topics: TopicsBody = answer.json()?;
            let Some(topic) = topics.topics.into_iter().find(|topic| *topic.name == *self.name) else {
                return Ok("does not have the topic".to_owned());
            };
            known.shape = Some(topic.partitions);
            let here: Vec<_> = topic.here.iter().map(|here| here.partition.to_string()).collect();
            known.homes.extend(topic.here.into_iter().map(|here| (here.partition, address.to_owned())));
            Ok(format!("has the partitions {}", here.join(", ")))
        })
    }

    fn at_home<R>(
        &self,
        partition: Partition,
        step: impl FnMut(&str) -> Result<R, ClientError>,
    ) -> Result<R, ClientError> {
        let nowhere = |known: &Known<_, _>| ClientError::Nowhere {
            what: partition_name(&self.name, partition),
            asked: known.asked.clone(),
        };
        self.places.at_home(&partition, || self.learn(), nowhere, step)
    }

    fn records_path(&self, partition: Partition) -> String {
        format!("/topics/{}/{partition}/records", http::encoded(&self.name))
    }
}

impl TopicClient for RemoteTopic {
    fn name(&self) -> &str {
        &self.name
    }

    fn partitions(&self) -> Result<u32, ClientError> {
        let known = self.places.known(|| match self.learn()? {
            // Asked again next time: perhaps the job is just starting.
            Known { shape: None, asked, .. } => {
                Err(ClientError::Nowhere { what: format!("topic `{}`", self.name), asked })
            }
            known => Ok(known),
        })?;
        let asked = &known.asked;
        let nowhere = || ClientError::Nowhere { what: format!("topic `{}`", self.name), asked: asked.clone() };
        known.shape.ok_or_else(nowhere)
    }

    fn append_to(&self, partition: Partition, records: Vec<Bytes>) -> Result<OffsetRange, ClientError> {
        let bytes = records.iter().map(Bytes::len).sum();
        if bytes > MOST_SENT {
            return Err(ClientError::TooLarge { bytes, limit: MOST_SENT });
        }
        if records.len() > MOST_RECORDS {
            return Err(ClientError::TooMany { records: records.len(), limit: MOST_RECORDS });
        }
        if records.is_empty() {
            let end = self.bounds(partition)?.to;
            return Ok(OffsetRange::new(end, end));
        }
        let (kind, body) = body_of(&records);
        let action = format!("append {} records to {}", records.len(), partition_name(&self.name, partition));
        let path = self.records_path(partition);
        self.at_home(partition, |address| self.job.0.http.post(address, &path, &action, kind, &body)?.json())
    }

    fn read(
        &self,
        partition: Partition,
        from: Offset,
        limit: usize,
        patience: Duration,
    ) -> Result<Vec<LogRecord>, ClientError> {
        let action = format!("read {}", partition_name(&self.name, partition));
        let begun = std::time::Instant::now();
        loop {
            let left = patience.saturating_sub(begun.elapsed());
            let wait = left.min(LONGEST_WAIT);
            let path = format!(
                "{}?from={from}&limit_bytes={limit}&wait_ms={}",
                self.records_path(partition),
                wait.as_millis()
            );
            let answer = self.at_home(partition, |address| self.job.0.http.get(address, &path, &action, wait))?;
            let body: RecordsBody = answer.json()?;
            if !body.records.is_empty() || left <= LONGEST_WAIT {
                return body.records.into_iter().map(|record| record_of(record, &answer)).collect();
            }
        }
    }

    fn bounds(&self, partition: Partition) -> Result<OffsetRange, ClientError> {
        let action = format!("say what {} holds", partition_name(&self.name, partition));
        self.at_home(partition, |address| {
            let topics: TopicsBody = self.job.0.http.get(address, "/topics", &action, Duration::ZERO)?.json()?;
            let topic = topics.topics.into_iter().find(|topic| *topic.name == *self.name);
            let here = topic.and_then(|topic| topic.here.into_iter().find(|here| here.partition == partition));
            here.map(|here| OffsetRange::new(here.from, here.to)).ok_or_else(|| ClientError::Refused {
                address: address.to_owned(),
                action: action.clone(),
                status: 404,
                kind: "elsewhere".to_owned(),
                sentence: "it does not have it any more".to_owned(),
            })
        })
    }

    fn follow(self: Arc<Self>) -> Result<Box<dyn Follower>, ClientError> {
        Ok(Box::new(PartitionsFollower::start(self)?))
    }
}

/// The body of a request to append, and its content type.
fn body_of(records: &[Bytes]) -> (&'static str, Vec<u8>) {
    if let [record] = records {
        return ("application/octet-stream", record.to_vec());
    }
    let is_line = |record: &Bytes| !record.contains(&b'\n') && !record.trim_ascii().is_empty();
    if records.iter().all(is_line) {
        return ("application/x-ndjson", records.join(&b'\n'));
    }
    let body = NewRecordsBody { records: records.iter().map(PayloadBody::base64).collect() };
    // Strings only, which always can be written.
    ("application/json", serde_json::to_vec(&body).unwrap_or_default())
}

fn record_of(record: wire::RecordBody, answer: &Answer) -> Result<LogRecord, ClientError> {
    let wire::RecordBody { offset, payload } = record;
    Ok(LogRecord { offset, payload: payload.bytes().map_err(|cause| answer.unusable(cause))? })
}

/// A collection of a running job.
#[derive(Debug)]
pub struct RemoteCollection {
    job: RemoteJob,
    name: Box<str>,
    places: Places<(), ()>,
}

impl RemoteCollection {
    fn learn(&self) -> Result<Known<(), ()>, ClientError> {
        let nothing = Known { homes: [].into(), shape: (), asked: String::new() };
        self.job.ask_all("/collections", nothing, |known, address, answer| {
            let collections: wire::CollectionsBody = answer.json()?;
            if !collections.collections.iter().any(|collection| *collection.name == *self.name) {
                return Ok("does not have the collection".to_owned());
            }
            known.homes.insert((), address.to_owned());
            Ok("has it".to_owned())
        })
    }
}

impl CollectionClient for RemoteCollection {
    fn name(&self) -> &str {
        &self.name
    }

    fn get(&self, id: &str) -> Result<Option<Bytes>, ClientError> {
        let what = format!("collection `{}`", self.name);
        let action = format!("give document `{id}` of {what}");
        let nowhere = |known: &Known<_, _>| ClientError::Nowhere { what: what.clone(), asked: known.asked.clone() };
        let path = format!("/collections/{}/documents/{}", http::encoded(&self.name), http::encoded(id));
        let found = self.places.at_home(
            &(),
            || self.learn(),
            nowhere,
            |address| self.job.0.http.get(address, &path, &action, Duration::ZERO),
        );
        match found {
            Ok(answer) => Ok(Some(answer.into_body())),
            Err(ClientError::Refused { kind, .. }) if kind == "no-document" => Ok(None),
            Err(error) => Err(error),
        }
    }
}
