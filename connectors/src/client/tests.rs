//! The same through both kinds of client, and what only the remote one meets: several processes, and ones that are gone.

use std::sync::Arc;
use std::thread;

use flightline_engine::log::Offset;

use super::*;
use crate::embedded::{EmbeddedError, EmbeddedStore, Served, TopicShape};

const PATIENT: Duration = Duration::from_secs(20);

fn open(folder: &tempfile::TempDir, shape: &TopicShape) -> Arc<EmbeddedStore> {
    let store = EmbeddedStore::open(folder.path()).unwrap();
    store.topic("requests", shape).unwrap();
    store
}

fn odd(partitions: u32) -> TopicShape {
    TopicShape::shared(partitions, (0..partitions).filter(|number| number % 2 == 1).map(Partition))
}

fn even(partitions: u32) -> TopicShape {
    TopicShape::shared(partitions, (0..partitions).filter(|number| number % 2 == 0).map(Partition))
}

fn payloads(client: &dyn TopicClient, partition: Partition) -> Vec<Bytes> {
    let bounds = client.bounds(partition).unwrap();
    let mut records = Vec::new();
    let mut next = bounds.from;
    while next < bounds.to {
        // A few at a time, so that reading on is tried, too.
        let read = client.read(partition, next, 2000, PATIENT).unwrap();
        next = read.last().unwrap().offset.next();
        records.extend(read.into_iter().map(|record| record.payload));
    }
    records
}

fn writes_and_reads(client: &dyn TopicClient) {
    assert_eq!((client.name(), client.partitions().unwrap()), ("requests", 4));
    let mut expected = vec![Vec::new(); 4];
    for number in 0..60 {
        let (key, payload) = (format!("key {number}"), Bytes::from(format!("{{\"n\":{number}}}")));
        let position = client.append(key.as_bytes(), payload.clone()).unwrap();
        let of_partition = &mut expected[position.partition.0 as usize];
        assert_eq!(position.partition, partition_of(key.as_bytes(), 4));
        assert_eq!(position.offset, Offset(of_partition.len() as u64));
        of_partition.push(payload);
    }
    assert!(expected.iter().all(|records| records.len() > 5), "keys are spread over all partitions");
    for records in [
        vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")],
        vec![Bytes::from_static(b"two\nlines"), Bytes::new(), Bytes::from_static(b"\xff\x00")],
        vec![Bytes::from(vec![b'\n'; 3 << 20]), Bytes::from(vec![0; 3 << 20])],
        vec![Bytes::new()],
        Vec::new(),
    ] {
        let from = expected[1].len() as u64;
        let appended = client.append_to(Partition(1), records.clone()).unwrap();
        expected[1].extend(records);
        assert_eq!(appended, OffsetRange::new(Offset(from), Offset(expected[1].len() as u64)));
    }
    for (partition, records) in (0..).map(Partition).zip(&expected) {
        assert_eq!(&payloads(client, partition), records);
    }
    let end = client.bounds(Partition(2)).unwrap().to;
    assert_eq!(client.read(Partition(2), end, 100, Duration::ZERO).unwrap(), []);
    assert!(client.read(Partition(2), end.next(), 100, Duration::ZERO).is_err());
    thread::scope(|scope| {
        let waiting = scope.spawn(move || client.read(Partition(2), end, 100, PATIENT).unwrap());
        client.append_to(Partition(2), vec![Bytes::from_static(b"woken")]).unwrap();
        assert_eq!(waiting.join().unwrap().len(), 1);
    });
}

#[test]
fn a_topic_of_this_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &TopicShape::whole(4));
    writes_and_reads(&*store.opened_topic("requests").unwrap());
}

#[test]
fn a_topic_of_two_other_processes() {
    let folder = tempfile::tempdir().unwrap();
    let served = [Served::start(open(&folder, &even(4))), Served::start(open(&folder, &odd(4)))];
    let job = RemoteJob::new(served.iter().map(|served| &served.address)).unwrap();
    writes_and_reads(&job.topic("requests"));
}

#[test]
fn a_process_that_is_gone_or_moved_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = Served::start(open(&folder, &even(2)));
    let other = open(&folder, &odd(2));
    let second = Served::start(Arc::clone(&other));
    let topic = RemoteJob::new([&first.address, &second.address]).unwrap().topic("requests");
    let one = || vec![Bytes::from_static(b"x")];
    assert_eq!(topic.append_to(Partition(0), one()).unwrap().from, Offset(0));
    let gone = first.address.clone();
    drop(first);
    let error = loop {
        // The port closes a moment after the process was told to end.
        match topic.append_to(Partition(0), one()) {
            Ok(_) | Err(ClientError::Uncertain { .. }) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ClientError::Nowhere { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("partition 0 of topic `requests`") && said.contains(&gone), "{said}");
    assert!(topic.append_to(Partition(1), one()).is_ok(), "the other one is still there");
    let begun = std::time::Instant::now();
    // The other process takes the partition over, as soon as the first one let go of its file.
    while let Err(error) = other.topic("requests", &TopicShape::whole(2)) {
        assert!(matches!(error, EmbeddedError::Held { .. }) && begun.elapsed() < PATIENT, "{error}");
        thread::yield_now();
    }
    assert!(topic.append_to(Partition(0), one()).unwrap().from >= Offset(1));
}

#[test]
fn what_the_job_does_not_have_is_said_with_whom_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(open(&folder, &even(2)));
    let job = RemoteJob::new([&served.address]).unwrap();
    let error = job.topic("requests").bounds(Partition(1)).unwrap_err().to_string();
    assert!(error.contains(&served.address) && error.contains("has the partitions 0"), "{error}");
    let error = job.topic("answers").partitions().unwrap_err().to_string();
    assert!(error.contains("topic `answers`") && error.contains("does not have the topic"), "{error}");
    let error = job.collection("answers").get("x").unwrap_err();
    assert!(error.to_string().contains("collection `answers`") && error.is_transient(), "{error}");
    let error = job.topic("requests").append_to(Partition(0), vec![Bytes::from(vec![0; 33 << 20])]).unwrap_err();
    assert!(matches!(error, ClientError::TooLarge { .. }), "{error}");
    assert!(RemoteJob::new(Vec::<String>::new()).is_err());
}

#[test]
fn who_is_no_job_is_told_apart() {
    // Nobody listens at port 1; one that was just given back may be another test's by now.
    let error = RemoteJob::new(["127.0.0.1:1"]).unwrap().topic("requests").partitions().unwrap_err();
    assert!(error.is_transient() && !error.is_uncertain(), "{error}");
    assert!(error.to_string().contains("no job answers at http://127.0.0.1:1"), "{error}");
}

fn finds(client: &dyn CollectionClient) {
    assert_eq!(client.name(), "answers");
    assert_eq!(client.get("a/b ?ä").unwrap(), Some(Bytes::from_static(b"{\"a\":1}")));
    assert_eq!(client.get("nobody").unwrap(), None);
}

#[test]
fn a_collection_here_and_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(&folder, &even(2));
    let answers = first.collection("answers").unwrap();
    answers.put_all(vec![("a/b ?ä".to_owned(), Bytes::from_static(b"{\"a\":1}"))]).unwrap();
    finds(&*answers);
    let served = [Served::start(open(&folder, &odd(2))), Served::start(first)];
    finds(&RemoteJob::new(served.iter().map(|served| &served.address)).unwrap().collection("answers"));
}

#[test]
fn the_partition_of_a_key_never_changes() {
    let spread: Vec<_> = ["", "a", "5f3c", "ATL-SFO"].map(|key| partition_of(key.as_bytes(), 1000).0).to_vec();
    assert_eq!(spread, [138, 719, 628, 4]);
    assert_eq!(partition_of(b"anything", 1), Partition(0));
}
