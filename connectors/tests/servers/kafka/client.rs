//! A topic as others use it.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use flightline_connectors::client::TopicClient;
use flightline_connectors::kafka::{Followed, KafkaFollower, KafkaTopic};
use flightline_engine::contract::{FlushReason, Guarantee, Sink};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Partition};

use super::{LONG, cluster, settle, sink, stretch};
use crate::addresses::unique;

fn follow(follower: &mut KafkaFollower, count: usize) -> Vec<Followed> {
    let mut found = Vec::new();
    while found.len() < count {
        let more = follower.next(usize::MAX, LONG).unwrap();
        assert!(!more.is_empty(), "{} of {count}", found.len());
        found.extend(more);
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
    let mut follower = KafkaTopic::new(cluster, &name).follow().unwrap();
    assert_eq!(follower.next(usize::MAX, Duration::from_millis(200)).unwrap(), []);
    writer.write(&stretch(0, 10, 30)).unwrap();
    writer.flush(FlushReason::Closing).unwrap();
    let found = follow(&mut follower, 20);
    let keys: BTreeSet<_> = found.iter().map(|followed| followed.key.clone().unwrap()).collect();
    assert_eq!(keys, (10..30).map(|offset| Bytes::from(format!("0-{offset}"))).collect());
}
