//! A registry in a folder of this computer.

use std::fs;

use flightline_engine::process::Exit;

use super::*;
use crate::model::folder::{CARD_FILE, GOLDEN_FILE};

/// A registry with some models.
fn registry(seeds: &[u64]) -> (tempfile::TempDir, Registry, Vec<ModelId>) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::in_folder(folder.path());
    let ids = save_all(&registry, seeds);
    (folder, registry, ids)
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
fn a_missing_folder_and_a_spoilt_current_file_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::in_folder(folder.path().join("none"));
    for error in [registry.list().unwrap_err(), registry.need_current().unwrap_err()] {
        assert!(matches!(error, ModelError::NoRegistry(_)), "{error}");
    }
    let registry = Registry::in_folder(folder.path());
    for spoilt in [&b"abc\n"[..], b"", b"\xff"] {
        fs::write(folder.path().join(CURRENT_FILE), spoilt).unwrap();
        let error = registry.current().unwrap_err();
        assert_eq!(error.exit(), Exit::DamagedModel);
        assert!(error.to_string().contains("current` is damaged"), "{error}");
    }
}
