//! A registry in a store: what is there after any crash, of whom two writers hear, and what is done about objects of others.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};

use bytes::Bytes;
use flightline_engine::contract::{Blobs, Fault};
use flightline_engine::process::Exit;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::memory::{End, MemoryShelf};
use super::*;
use crate::model::folder::{CARD_FILE, FOREST_FILE, GOLDEN_FILE};

/// A store with models; the first is current.
fn with_models(seeds: &[u64]) -> (MemoryShelf, Registry, Vec<ModelId>) {
    let shelf = MemoryShelf::default();
    let registry = shelf.registry();
    let ids = save_all(&registry, seeds);
    registry.promote(&ids[0]).unwrap();
    (shelf, registry, ids)
}

fn put(shelf: &MemoryShelf, name: &str, bytes: &'static [u8]) {
    shelf.blobs.delete(name).unwrap();
    shelf.blobs.create(name, Bytes::from_static(bytes)).unwrap();
}

fn current_names(shelf: &MemoryShelf) -> Vec<String> {
    shelf.blobs.list("current").unwrap()
}

#[test]
fn the_card_comes_last_and_names_of_current_models_are_numbered() {
    let shelf = MemoryShelf::default();
    let registry = shelf.registry();
    let id = registry.save(&model(1), &[report("report.html", "")]).unwrap();
    let created: Vec<String> = shelf.changes.lock().unwrap().clone();
    assert_eq!(created.last().unwrap(), &format!("{id}/{CARD_FILE}"));
    for _ in 0..12 {
        registry.promote(&id).unwrap();
    }
    let names: Vec<String> = (1..=12).map(|number| format!("{number:020}")).collect();
    assert_eq!(current_names(&shelf), names);
    assert_eq!(shelf.blobs.objects()["current/00000000000000000001"], format!("{id}\n"));
}

/// Whoever is killed between any two objects, before or after the store has heard of the next one, leaves what was there, or
/// what was to be; and to train again goes on with it.
#[test]
fn a_crash_between_any_two_objects_leaves_the_old_or_the_new() {
    for is_sent in [false, true] {
        let mut ended = false;
        for after in 0.. {
            let (shelf, registry, old) = with_models(&[1]);
            let dying = shelf.ending(End { after, is_sent }).registry();
            let new = model(2);
            let reports = [report("report.html", "page"), report("report.json", "{}")];
            let worked = dying.save(&new, &reports).and_then(|id| dying.promote(&id)).is_ok();
            let ids = registry.ids().unwrap();
            for id in &ids {
                registry.verify(id).unwrap();
            }
            let current = registry.need_current().unwrap();
            assert!(ids.contains(&current) && (current == old[0] || current == new.id()), "{after} {is_sent}");
            if ids.contains(&new.id()) {
                assert!(registry.report(&new.id(), "report.json").unwrap().is_some(), "{after} {is_sent}");
            }
            assert_eq!(registry.save(&new, &reports).unwrap(), new.id(), "{after} {is_sent}");
            registry.promote(&new.id()).unwrap();
            assert_eq!(registry.need_current().unwrap(), new.id(), "{after} {is_sent}");
            if worked {
                ended = after > 5;
                break;
            }
        }
        assert!(ended, "it was not killed between any two of them");
    }
}

#[test]
fn of_many_who_compare_and_promote_at_once_one_succeeds() {
    for round in 0..10 {
        let (_, registry, ids) = with_models(&[round, 101, 102, 103, 104]);
        let start = Barrier::new(4);
        let promote = |id: &ModelId| {
            start.wait();
            registry.promote_if(id, Condition::InsteadOf(Some(ids[0]))).unwrap()
        };
        let promoted: Vec<bool> = std::thread::scope(|scope| {
            let tries: Vec<_> = ids[1..].iter().map(|id| scope.spawn(move || promote(id))).collect();
            tries.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winners: Vec<ModelId> =
            ids[1..].iter().zip(&promoted).filter(|(_, won)| **won).map(|(id, _)| *id).collect();
        assert_eq!(winners, [registry.need_current().unwrap()]);
    }
}

/// The moment that a check beforehand can't cover: another becomes current when the name is about to change.
#[test]
fn who_finds_the_number_taken_decides_anew() {
    let promoted_meanwhile = |condition: &dyn Fn(&[ModelId]) -> Condition| {
        let (shelf, registry, ids) = with_models(&[1, 2, 3]);
        let (other, faster) = (registry.clone(), ids[2]);
        let visited = shelf
            .visited(move || {
                other.promote(&faster).unwrap();
            })
            .registry();
        let promoted = visited.promote_if(&ids[1], condition(&ids)).unwrap();
        let at = ids.iter().position(|id| *id == registry.need_current().unwrap()).unwrap();
        (promoted, at, current_names(&shelf).len())
    };
    assert_eq!(promoted_meanwhile(&|ids| Condition::InsteadOf(Some(ids[0]))), (false, 2, 2));
    assert_eq!(promoted_meanwhile(&|_| Condition::Always), (true, 1, 3));
    // Of two who bring the same model, both have.
    let (shelf, registry, ids) = with_models(&[1, 2]);
    let (other, same) = (registry, ids[1]);
    let visited = shelf
        .visited(move || {
            other.promote(&same).unwrap();
        })
        .registry();
    assert!(visited.promote_if(&ids[1], Condition::InsteadOf(Some(ids[0]))).unwrap());
    assert_eq!(current_names(&shelf).len(), 2);
}

#[test]
fn a_create_whose_answer_is_lost_is_done_once() {
    let shelf = MemoryShelf::default();
    let patient: Arc<dyn shelf::Shelf> = Arc::new(shelf::Patient(shelf.clone()));
    let registry = Registry(Kept::InStore(StoreModels::on(patient, "s3://bucket/models")));
    shelf.lost_answers.store(1, Ordering::Relaxed);
    let id = registry.save(&model(1), &[]).unwrap();
    shelf.lost_answers.store(1, Ordering::Relaxed);
    assert!(registry.promote_if(&id, Condition::InsteadOf(None)).unwrap());
    assert_eq!((registry.need_current().unwrap(), current_names(&shelf).len()), (id, 1));
}

#[test]
fn a_hiccup_says_nothing_of_the_model_and_is_said_of_the_url() {
    let (shelf, registry, ids) = with_models(&[1, 2]);
    shelf.lost_answers.store(1, Ordering::Relaxed);
    let error = registry.promote(&ids[1]).unwrap_err();
    assert_eq!(error.exit(), Exit::Storage);
    let text = error.to_string();
    assert!(text.contains(&ids[1].short()) && text.contains("model promote"), "{text}");
    let fault = ModelError::Store(Fault::transient("s3://bucket is away")).fault();
    assert_eq!(fault, Fault::transient("s3://bucket is away"));
    put(&shelf, &format!("{}/{CARD_FILE}", ids[0]), b"{");
    let error = registry.read(&ids[0]).unwrap_err();
    assert!(error.to_string().contains(&format!("`s3://bucket/models/{}/{CARD_FILE}`", ids[0])), "{error}");
    assert!(matches!(error.fault(), Fault::Permanent(_)));
}

#[test]
fn a_model_that_is_not_whole_is_none_and_strays_are_passed_over() {
    let (shelf, registry, ids) = with_models(&[1]);
    let half = model(2).id();
    put(&shelf, &format!("{half}/{FOREST_FILE}"), b"PAR1");
    for stray in ["notes.txt", "current/README", "current/2", "current/.00000000000000000009.tmp.1", "x/model.json"] {
        put(&shelf, stray, b"x");
    }
    assert_eq!((registry.ids().unwrap(), registry.current().unwrap()), (ids.clone(), Some(ids[0])));
    let error = registry.promote(&half).unwrap_err();
    assert!(error.to_string().contains(&format!("{half}/{CARD_FILE}` is damaged: it is missing")), "{error}");
}

#[test]
fn what_others_have_put_under_a_models_name_is_left_alone_and_said() {
    for file in [FOREST_FILE, GOLDEN_FILE] {
        let (shelf, registry, _) = with_models(&[1]);
        let name = format!("{}/{file}", model(2).id());
        put(&shelf, &name, b"something else");
        let error = registry.save(&model(2), &[]).unwrap_err();
        assert_eq!(error.exit(), Exit::DamagedModel);
        let text = error.to_string();
        assert!(
            text.contains(&format!("`s3://bucket/models/{name}` is there")) && text.contains("delete `s3"),
            "{text}"
        );
        assert_eq!(shelf.blobs.read(&name).unwrap().unwrap(), "something else");
        assert_eq!(registry.ids().unwrap(), [model(1).id()], "no card stands beside it");
    }
    // Of a whole model, too.
    let (shelf, registry, ids) = with_models(&[1]);
    put(&shelf, &format!("{}/{GOLDEN_FILE}", ids[0]), b"{}");
    let error = registry.save(&model(1), &[]).unwrap_err();
    assert!(matches!(&error, ModelError::Occupied { file, .. } if file.ends_with(GOLDEN_FILE)), "{error}");
}

/// Of two builds with other versions of the Parquet library, one may have been killed in the middle of the same model.
#[test]
fn a_forest_that_another_build_has_written_is_gone_on_with() {
    let (shelf, registry, _) = with_models(&[1]);
    let new = model(2);
    let bytes = written_otherwise(new.forest_bytes().unwrap().into());
    let name = format!("{}/{FOREST_FILE}", new.id());
    assert!(bytes != new.forest_bytes().unwrap());
    shelf.blobs.create(&name, bytes.clone().into()).unwrap();
    let id = registry.save(&new, &[]).unwrap();
    registry.verify(&id).unwrap();
    assert_eq!(shelf.blobs.read(&name).unwrap().unwrap(), bytes);
}

/// A Parquet file with the same rows and other bytes.
fn written_otherwise(bytes: Bytes) -> Vec<u8> {
    let rows = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let mut other = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut other, Arc::clone(rows.schema()), None).unwrap();
    for batch in rows.build().unwrap() {
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.close().unwrap();
    other
}

#[test]
fn a_spoilt_name_of_the_current_model_is_told_and_mended_by_promoting() {
    let (shelf, registry, ids) = with_models(&[1]);
    for spoilt in [&b"abc\n"[..], b"", b"\xff"] {
        let last = current_names(&shelf).pop().unwrap();
        put(&shelf, &format!("current/{last}"), spoilt);
        let error = registry.current().unwrap_err();
        assert_eq!(error.exit(), Exit::DamagedModel);
        assert!(error.to_string().contains(&format!("models/current/{last}` is damaged")), "{error}");
        assert!(!registry.promote_if(&ids[0], Condition::InsteadOf(None)).unwrap());
        registry.promote(&ids[0]).unwrap();
        assert_eq!(registry.current().unwrap(), Some(ids[0]));
    }
    put(&shelf, &format!("current/{}", u64::MAX), b"x");
    let error = registry.promote(&ids[0]).unwrap_err();
    assert!(error.to_string().contains("highest number"), "{error}");
}
