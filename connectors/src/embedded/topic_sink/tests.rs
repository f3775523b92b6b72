//! What the conformance suite can't know: offsets of the lines, and who else may write to the topic.

use std::time::Duration;

use bytes::Bytes;
use flightline_engine::contract::{Item, Standing};
use flightline_engine::log::{Offset, Witness};

use super::*;
use crate::embedded::{EmbeddedError, EmbeddedStore, TopicShape};

fn sink(topic: &Arc<Topic>, name: &str) -> EmbeddedTopicSink {
    EmbeddedTopicSink::new(SinkName(name.into()), Arc::clone(topic), Selects::Answers)
}

fn stretch(partition: u32, from: u64, next: u64) -> Answers {
    let item = |offset: u64| Item {
        offset: Offset(offset),
        key: format!("key-{offset}").into(),
        standing: Standing::Final,
        body: Bytes::from(format!("{partition}.{offset}")),
    };
    let reached = Reached { next: Offset(next), witness: Some(Witness { offset: Offset(next - 1), hash: next }) };
    // Odd records have no line.
    let items = (from..next).filter(|offset| offset % 2 == 0).map(item).collect();
    Answers { partition: Partition(partition), from: Offset(from), reached, items }
}

fn batch(stretches: impl IntoIterator<Item = Answers>) -> SinkBatch {
    SinkBatch { answers: stretches.into_iter().map(|answers| (answers.partition, answers)).collect() }
}

fn starts(partitions: u32) -> Offsets {
    (0..partitions).map(|partition| (Partition(partition), Offset(0))).collect()
}

fn lines(topic: &Topic, partition: u32) -> Vec<String> {
    let records = topic.read(Partition(partition), Offset(0), usize::MAX, Duration::ZERO).unwrap();
    records.iter().map(|record| String::from_utf8(record.payload.to_vec()).unwrap()).collect()
}

#[test]
fn lines_stand_in_the_requests_partition_with_offsets_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let topic = store.topic("answers", &TopicShape::whole(2)).unwrap();
    let sink = sink(&topic, "answers");
    sink.adopt(&JobId("job".into()), &starts(2)).unwrap();
    let mut writer = sink.open(Generation(1), &[Partition(0), Partition(1)]).unwrap();
    writer.write(&batch([stretch(0, 0, 5), stretch(1, 0, 2)])).unwrap();
    writer.write(&batch([stretch(0, 5, 9)])).unwrap();
    assert_eq!(lines(&topic, 0), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
    assert_eq!(lines(&topic, 1), ["1.0"]);
    assert_eq!(topic.bounds(Partition(0)).unwrap().to, Offset(5));
    let durable: Vec<_> = writer.durable().into_values().map(|reached| reached.next.0).collect();
    assert_eq!(durable, [9, 2]);
}

#[test]
fn an_overlap_is_written_once_and_a_gap_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let topic = store.topic("answers", &TopicShape::whole(1)).unwrap();
    let sink = sink(&topic, "answers");
    sink.adopt(&JobId("job".into()), &starts(1)).unwrap();
    let mut writer = sink.open(Generation(1), &[Partition(0)]).unwrap();
    writer.write(&batch([stretch(0, 0, 5)])).unwrap();
    writer.write(&batch([stretch(0, 2, 7)])).unwrap();
    assert_eq!(lines(&topic, 0), ["0.0", "0.2", "0.4", "0.6"]);
    let gap = writer.write(&batch([stretch(0, 8, 9)])).unwrap_err();
    assert!(matches!(&gap, Fault::Permanent(fault) if fault.0.contains("up to 7, and lines from 8 on")), "{gap}");
    assert_eq!(lines(&topic, 0).len(), 4);
}

#[test]
fn nobody_else_writes_to_a_jobs_topic_and_no_job_to_somebodys() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let answers = store.topic("answers", &TopicShape::whole(2)).unwrap();
    // One partition has a start, and the whole topic is the job's.
    sink(&answers, "answers").adopt(&JobId("job".into()), &starts(1)).unwrap();
    for partition in [0, 1] {
        let error = answers.append(Partition(partition), vec![Bytes::new()]).unwrap_err();
        assert!(matches!(&error, EmbeddedError::Owned { owner, .. } if owner.contains("`job`")), "{error}");
    }
    let fault = sink(&answers, "letters").adopt(&JobId("job".into()), &starts(2)).unwrap_err();
    assert!(fault.to_string().contains("belongs to sink `answers` of job `job`"), "{fault}");
    assert!(matches!(sink(&answers, "letters").survey(&[Partition(0)]), Err(Fault::Permanent(_))));

    // The requests' own topic named as that of the answers, say.
    let requests = store.topic("requests", &TopicShape::whole(1)).unwrap();
    requests.append(Partition(0), vec![Bytes::from_static(b"{}")]).unwrap();
    let fault = sink(&requests, "answers").adopt(&JobId("job".into()), &starts(1)).unwrap_err();
    assert!(fault.to_string().contains("holds 1 entries that no job wrote"), "{fault}");
    requests.append(Partition(0), vec![Bytes::from_static(b"{}")]).unwrap();
}

#[test]
fn a_partition_that_was_made_anew_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let open = || EmbeddedStore::open(folder.path()).unwrap().topic("answers", &TopicShape::whole(1)).unwrap();
    let topic = open();
    sink(&topic, "answers").adopt(&JobId("job".into()), &starts(1)).unwrap();
    drop(topic);
    std::fs::remove_file(folder.path().join("topics/answers/0.redb")).unwrap();
    let opened = sink(&open(), "answers").open(Generation(1), &[Partition(0)]);
    assert!(matches!(opened.map(drop), Err(Fault::Permanent(_))));
}
