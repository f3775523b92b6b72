//! What the conformance suite can't know: the count of reused keys, and who else may write to the collection.

use bytes::Bytes;
use flightline_engine::contract::{Answers, Standing};
use flightline_engine::log::Offset;

use super::*;
use crate::embedded::{EmbeddedError, EmbeddedStore};

fn sink(collection: &Arc<Collection>) -> EmbeddedCollectionSink {
    EmbeddedCollectionSink::new(SinkName("answers".into()), Arc::clone(collection), Selects::Answers)
}

/// A stretch of one line at `offset`.
fn line(offset: u64, key: &str, standing: Standing) -> SinkBatch {
    let item = Item { offset: Offset(offset), key: key.into(), standing, body: Bytes::from(format!("at {offset}")) };
    let reached = Reached::start(Offset(offset + 1));
    let answers = Answers { partition: Partition(0), from: Offset(offset), reached, items: vec![item] };
    SinkBatch { answers: [(Partition(0), answers)].into() }
}

fn starts() -> Offsets {
    [(Partition(0), Offset(0))].into()
}

#[test]
fn the_first_answer_stands_and_reused_keys_are_counted_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let open = || EmbeddedStore::open(folder.path()).unwrap().collection("answers").unwrap();
    let collection = open();
    let sink_here = sink(&collection);
    sink_here.adopt(&JobId("job".into()), &starts()).unwrap();
    let mut writer = sink_here.open(Generation(1), &[Partition(0)]).unwrap();
    let body = |key: &str| collection.get(key).unwrap().map(|body| String::from_utf8(body.to_vec()).unwrap());
    for (offset, key, standing, stands, reused) in [
        (0, "a", Standing::Provisional, "at 0", 0),
        (1, "a", Standing::Provisional, "at 0", 1),
        (2, "a", Standing::Final, "at 2", 1),
        (3, "a", Standing::Final, "at 2", 2),
        (4, "a", Standing::Provisional, "at 2", 3),
        (5, "b", Standing::Final, "at 5", 3),
    ] {
        let batch = line(offset, key, standing);
        for _ in 0..2 {
            writer.write(&batch).unwrap();
            assert_eq!((body(key).as_deref(), collection.reused()), (Some(stands), reused), "offset {offset}");
        }
    }
    assert_eq!(collection.len().unwrap(), 2);
    drop((writer, sink_here, collection));
    assert_eq!(open().reused(), 3);
}

#[test]
fn equal_keys_in_one_batch_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let collection = EmbeddedStore::open(folder.path()).unwrap().collection("answers").unwrap();
    let sink = sink(&collection);
    sink.adopt(&JobId("job".into()), &starts()).unwrap();
    let mut writer = sink.open(Generation(1), &[Partition(0)]).unwrap();
    let items = [(0, "z"), (1, "a"), (2, "z"), (3, "a")].map(|(offset, key)| Item {
        offset: Offset(offset),
        key: key.into(),
        standing: Standing::Final,
        body: Bytes::from(format!("at {offset}")),
    });
    let reached = Reached::start(Offset(4));
    let answers = Answers { partition: Partition(0), from: Offset(0), reached, items: items.into() };
    writer.write(&SinkBatch { answers: [(Partition(0), answers)].into() }).unwrap();
    let stored = collection.scan(None, 10).unwrap();
    let expected = [("a", "at 1"), ("z", "at 0")];
    assert_eq!(stored, expected.map(|(id, body)| (id.to_owned(), Bytes::from(body))));
    assert_eq!(collection.reused(), 2);
}

#[test]
fn nobody_else_writes_to_a_jobs_collection_and_no_job_to_somebodys() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let answers = store.collection("answers").unwrap();
    sink(&answers).adopt(&JobId("job".into()), &starts()).unwrap();
    let row = || vec![("x".to_owned(), Bytes::from_static(b"{}"))];
    assert!(matches!(answers.put_all(row()), Err(EmbeddedError::Owned { kind: "collection", .. })));
    assert!(matches!(answers.replace_all(Vec::new()), Err(EmbeddedError::Owned { .. })));

    let distances = store.collection("distances").unwrap();
    distances.put_all(row()).unwrap();
    let fault = sink(&distances).adopt(&JobId("job".into()), &starts()).unwrap_err();
    assert!(fault.to_string().contains("holds 1 entries that no job wrote"), "{fault}");
}
