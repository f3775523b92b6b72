//! A topic as others use it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::client::{Came, Followed, Follower, TopicClient};
use flightline_connectors::kafka::KafkaTopic;
use flightline_engine::contract::{FlushReason, Guarantee, Sink};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Partition};
use rdkafka::producer::{BaseRecord, Producer};

use super::{LONG, cluster, line, made, settle, sink, stranger, stretch};
use crate::addresses::unique;

fn follow(follower: &mut dyn Follower, count: usize) -> Vec<Followed> {
    let mut found = Vec::new();
    while found.len() < count {
        let came = follower.next(usize::MAX, LONG).unwrap();
        assert!(!came.records.is_empty(), "{} of {count}: {came:?}", found.len());
        found.extend(came.records);
    }
    found
}

#[test]
fn many_ask_at_the_same_time() {
    let topic = KafkaTopic::new(cluster(), unique("asked"));
    let keys: Vec<String> = (0..200).map(|number| format!("key-{number}")).collect();
    let positions: BTreeSet<_> = thread::scope(|scope| {
        let ask = |key: &String| topic.append(key.as_bytes(), Bytes::from(key.clone())).unwrap();
        let askers = keys.chunks(20).map(|keys| scope.spawn(move || keys.iter().map(ask).collect::<Vec<_>>()));
        askers.collect::<Vec<_>>().into_iter().flat_map(|asker| asker.join().unwrap()).collect()
    });
    assert_eq!(positions.len(), 200, "each has a place of its own");
    for position in positions {
        let read = topic.read(position.partition, position.offset, 1, LONG).unwrap();
        assert_eq!(read[0].offset, position.offset);
    }
}

#[test]
fn records_of_one_request_stand_in_their_order() {
    let topic = KafkaTopic::new(cluster(), unique("ordered"));
    let records: Vec<Bytes> = (0..50).map(|number| Bytes::from(number.to_string())).collect();
    let range = topic.append_to(Partition(1), records.clone()).unwrap();
    assert_eq!((range.from, range.to), (Offset(0), Offset(50)));
    assert_eq!(topic.append_to(Partition(1), Vec::new()).unwrap().to, Offset(50));
    let read = topic.read(Partition(1), Offset(0), usize::MAX, LONG).unwrap();
    assert_eq!(read.into_iter().map(|record| record.payload).collect::<Vec<_>>(), records);
    assert!(topic.read(Partition(1), Offset(51), 1, Duration::ZERO).is_err());
}

#[test]
fn who_only_looks_makes_nothing() {
    let name = unique("looked-for");
    let topic = KafkaTopic::new(cluster(), &name);
    for error in [topic.partitions().unwrap_err(), topic.bounds(Partition(0)).unwrap_err()] {
        assert!(error.to_string().contains(&name) && !error.is_transient(), "{error}");
    }
    topic.append(b"key", Bytes::new()).unwrap();
    assert_eq!(topic.partitions(), Ok(3));
}

/// The page waits for answers from the moment on at which it asks.
#[test]
fn a_follower_sees_what_comes_and_only_what_is_committed() {
    let (cluster, name) = (cluster(), unique("followed"));
    let answers = sink(&cluster, &name, Guarantee::ExactlyOnce);
    answers.adopt(&flightline_engine::contract::JobId("job#1".into()), &[(Partition(0), Offset(0))].into()).unwrap();
    let mut writer = answers.open(Generation(1), &[Partition(0)]).unwrap();
    writer.write(&stretch(0, 0, 10)).unwrap();
    settle(&name);
    let mut follower = Arc::new(KafkaTopic::new(cluster, &name)).follow().unwrap();
    assert_eq!(follower.next(usize::MAX, Duration::from_millis(200)).unwrap(), Came::default());
    writer.write(&stretch(0, 10, 30)).unwrap();
    writer.flush(FlushReason::Closing).unwrap();
    let found = follow(&mut *follower, 20);
    let lines: BTreeSet<_> = found.into_iter().map(|followed| followed.payload).collect();
    assert_eq!(lines, (10..30).map(|offset| line(0, offset)).collect());
}

/// A reader that compares waits until what is acknowledged can be seen, whatever others have open before it.
#[test]
fn who_settles_sees_what_was_committed_behind_an_open_transaction() {
    let (cluster, name) = (cluster(), unique("settled"));
    let topic = made(&cluster, &name);
    let other = stranger(Some(&unique("open")));
    other.begin_transaction().unwrap();
    let record = |payload| BaseRecord::<(), [u8]>::to(&name).partition(0).payload(payload);
    other.send(record(&b"open"[..])).unwrap();
    other.flush(LONG).unwrap();
    topic.append_to(Partition(0), vec![Bytes::from_static(b"committed")]).unwrap();
    assert_eq!(topic.bounds(Partition(0)).unwrap().to, Offset(0), "the open one hides it");
    thread::scope(|scope| {
        let settled = scope.spawn(|| {
            topic.settle().unwrap();
            topic.bounds(Partition(0)).unwrap().to
        });
        other.abort_transaction(LONG).unwrap();
        assert!(settled.join().unwrap() >= Offset(2));
    });
    let read = topic.read(Partition(0), Offset(0), usize::MAX, LONG).unwrap();
    assert_eq!(read.into_iter().map(|record| record.payload).collect::<Vec<_>>(), [Bytes::from_static(b"committed")]);
}
