use std::fs;

use flightline_engine::process::Exit;

use super::*;
use crate::model::folder::GOLDEN_FILE;
use crate::model::sample::{TINY, parts};

/// A registry with some models.
fn registry(seeds: &[u64]) -> (tempfile::TempDir, Registry, Vec<ModelId>) {
    let folder = tempfile::tempdir().unwrap();
    let ids = seeds.iter().map(|seed| Model::new(parts(*seed, TINY)).unwrap().save(folder.path(), &[]).unwrap());
    let ids = ids.collect();
    let registry = Registry::open(folder.path());
    (folder, registry, ids)
}

#[test]
fn a_promoted_model_is_current_and_serves() {
    let (_folder, registry, ids) = registry(&[1, 2]);
    assert_eq!(registry.current().unwrap(), None);
    assert_eq!(registry.need_current().unwrap_err().exit(), Exit::BadInput);
    for id in &ids {
        let verified = registry.promote(id).unwrap();
        assert_eq!((verified.id, verified.trees, verified.golden_rows), (*id, 2, 2));
        assert_eq!(registry.current().unwrap(), Some(*id));
        assert_eq!(registry.serve(&registry.need_current().unwrap()).unwrap().id(), *id);
    }
}

#[test]
fn a_damaged_model_is_listed_but_not_promoted() {
    let (folder, registry, ids) = registry(&[1, 2]);
    registry.promote(&ids[0]).unwrap();
    fs::write(folder.path().join(ids[1].to_string()).join(GOLDEN_FILE), "").unwrap();
    let error = registry.promote(&ids[1]).unwrap_err();
    assert_eq!(error.exit(), Exit::DamagedModel);
    assert!(error.to_string().contains("golden.jsonl` is damaged: it is cut short: 0 bytes instead of"), "{error}");
    assert_eq!(registry.current().unwrap(), Some(ids[0]));

    fs::write(folder.path().join(ids[1].to_string()).join(CARD_FILE), "{").unwrap();
    let listed = registry.list().unwrap();
    assert_eq!(listed.iter().filter(|model| model.card.is_err()).map(|model| model.id).collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(listed.len(), 2);
}

#[test]
fn strays_are_passed_over_and_leftovers_of_dead_writers_swept() {
    let (folder, registry, ids) = registry(&[1]);
    // Beyond the largest process id that Linux gives.
    let dead = folder.path().join(format!(".{}.tmp-{}-0", ids[0], u32::MAX));
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join(CARD_FILE), "{").unwrap();
    fs::write(folder.path().join("notes.txt"), "").unwrap();
    assert_eq!(registry.ids().unwrap(), ids);
    registry.promote(&ids[0]).unwrap();
    assert!(!dead.exists());
    let text = fs::read_to_string(folder.path().join(CURRENT_FILE)).unwrap();
    assert_eq!(text, format!("{}\n", ids[0]));
}

#[test]
fn the_current_model_changes_in_one_step() {
    let (_folder, registry, ids) = registry(&[1, 2]);
    registry.promote(&ids[0]).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..30 {
                registry.promote(&ids[round % 2]).unwrap();
            }
        });
        while !writer.is_finished() {
            assert!(ids.contains(&registry.need_current().unwrap()), "a reader saw half a change");
        }
    });
}

#[test]
fn a_model_is_found_by_the_start_of_its_id() {
    // Seventeen ids over sixteen first digits: two of them start alike.
    let seeds: Vec<u64> = (0..17).collect();
    let (_folder, registry, ids) = registry(&seeds);
    for id in &ids {
        assert_eq!(registry.find(&id.to_string()).unwrap(), *id);
        assert_eq!(registry.find(&id.short()).unwrap(), *id);
    }
    let first = |id: &ModelId| id.to_string().remove(0).to_string();
    let shared = ids.iter().map(first).find(|digit| ids.iter().filter(|id| first(id) == *digit).count() > 1).unwrap();
    assert!(matches!(registry.find(&shared), Err(ModelError::Ambiguous { count: 2.., .. })));
    let absent = "0123456789abcdef".repeat(4);
    assert!(matches!(registry.find(&absent), Err(ModelError::NoSuchModel { .. })));
    for wrong in ["", "xyz", "../a", "ABC", &"a".repeat(65)] {
        let error = registry.find(wrong).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage, "{error}");
    }
}

#[test]
fn a_missing_folder_and_a_spoilt_current_file_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open(folder.path().join("none"));
    for error in [registry.list().unwrap_err(), registry.need_current().unwrap_err()] {
        assert!(matches!(error, ModelError::NoRegistry(_)), "{error}");
    }
    let registry = Registry::open(folder.path());
    for spoilt in [&b"abc\n"[..], b"", b"\xff"] {
        fs::write(folder.path().join(CURRENT_FILE), spoilt).unwrap();
        let error = registry.current().unwrap_err();
        assert_eq!(error.exit(), Exit::DamagedModel);
        assert!(error.to_string().contains("current` is damaged"), "{error}");
    }
}
