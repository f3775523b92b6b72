//! What a registry must keep, wherever it is.

use flightline_connectors::files::{StoreBlobs, Stores};
use flightline_engine::process::Exit;

use super::memory::MemoryShelf;
use super::*;

/// An empty registry in a folder, one in a store in memory, and one in a store that is a disk; twice the same of each, as two
/// processes have it.
fn forms() -> Vec<(&'static str, Registry, Registry, tempfile::TempDir)> {
    let in_folder = tempfile::tempdir().unwrap();
    let folder = || Registry::in_folder(in_folder.path());
    let memory = MemoryShelf::default();
    let disk = tempfile::tempdir().unwrap();
    let stores = Stores::new().unwrap();
    let url = disk.path().join("models").display().to_string();
    let on_disk = || Registry(Kept::InStore(StoreModels::open(&stores, &url, false).unwrap()));
    vec![
        ("folder", folder(), folder(), in_folder),
        ("memory", memory.registry(), memory.registry(), tempfile::tempdir().unwrap()),
        ("disk", on_disk(), on_disk(), disk),
    ]
}

#[test]
fn a_store_on_a_disk_is_the_connectors_own() {
    let disk = tempfile::tempdir().unwrap();
    let blobs = StoreBlobs::open(&Stores::new().unwrap(), disk.path().to_str().unwrap()).unwrap();
    assert_eq!(shelf::Shelf::folders(&blobs), Ok(Vec::new()));
}

#[test]
fn a_promoted_model_is_current_and_serves() {
    for (form, registry, other, _disk) in forms() {
        let ids = save_all(&registry, &[1, 2]);
        assert_eq!(registry.current().unwrap(), None, "{form}");
        assert_eq!(registry.need_current().unwrap_err().exit(), Exit::BadInput, "{form}");
        for id in ids.iter().chain(&ids[..1]) {
            let verified = registry.promote(id).unwrap();
            assert_eq!((verified.id, verified.trees, verified.golden_rows), (*id, 2, 2), "{form}");
            assert_eq!((registry.current().unwrap(), other.current().unwrap()), (Some(*id), Some(*id)), "{form}");
            assert_eq!(other.serve(&other.need_current().unwrap()).unwrap().id(), *id, "{form}");
        }
    }
}

#[test]
fn a_saved_model_reads_back_bit_for_bit_and_its_files_are_the_same_everywhere() {
    let mut cards = Vec::new();
    for (form, registry, other, _disk) in forms() {
        let saved = model(7);
        let id = registry.save(&saved, &[report("report.html", "page")]).unwrap();
        // Debug writes every field, floats with all their digits.
        assert_eq!(format!("{:?}", other.read(&id).unwrap()), format!("{saved:?}"), "{form}");
        assert_eq!(&other.report(&id, "report.html").unwrap().unwrap()[..], b"page", "{form}");
        assert_eq!(other.report(&id, "report.json").unwrap(), None, "{form}");
        assert!(other.place_of(&id).ends_with(&format!("{}/{id}", other.place())), "{form}");
        cards.push(registry.card(&id).unwrap());
    }
    assert!(cards.windows(2).all(|pair| pair[0] == pair[1]), "the seals differ");
}

#[test]
fn a_model_that_is_there_is_kept_and_only_its_reports_change() {
    for (form, registry, other, _disk) in forms() {
        let id = registry.save(&model(5), &[report("report.html", "old")]).unwrap();
        let reports = [report("report.html", "new"), report("report.json", "{}")];
        assert_eq!(other.save(&model(5), &reports).unwrap(), id, "{form}");
        for report in reports {
            assert_eq!(registry.report(&id, &report.name).unwrap().unwrap(), report.bytes, "{form}");
        }
        assert_eq!((registry.ids().unwrap(), registry.list().unwrap().len()), (vec![id], 1), "{form}");
        assert!(registry.list().unwrap()[0].saved.is_some(), "{form}");
    }
}

#[test]
fn a_report_may_not_take_the_name_of_a_file_of_the_model() {
    for (form, registry, ..) in forms() {
        for name in ["model.json", "forest.parquet", "golden.jsonl", "../x", "a/b", "", ".hidden", ".."] {
            let saved = registry.save(&model(5), &[report(name, "")]);
            assert!(matches!(saved, Err(ModelError::Unfit(_))), "{form} {name:?}");
        }
        assert!(registry.ids().unwrap_or_default().is_empty(), "{form}");
    }
}

#[test]
fn a_model_is_promoted_on_a_condition_only_if_it_holds() {
    for (form, registry, other, _disk) in forms() {
        let ids = save_all(&registry, &[1, 2, 3]);
        let on = |id: &ModelId, expected| other.promote_if(id, Condition::InsteadOf(expected)).unwrap();
        assert!(!on(&ids[0], Some(ids[1])), "{form}");
        assert!(on(&ids[0], None), "{form}");
        assert!(!on(&ids[1], None) && !on(&ids[1], Some(ids[2])), "{form}");
        assert_eq!(registry.current().unwrap(), Some(ids[0]), "{form}");
        assert!(on(&ids[1], Some(ids[0])) && registry.current().unwrap() == Some(ids[1]), "{form}");
    }
}

#[test]
fn a_model_is_found_by_the_start_of_its_id() {
    // Seventeen ids over sixteen first digits: two of them start alike.
    let seeds: Vec<u64> = (0..17).collect();
    for (form, registry, ..) in forms() {
        let ids = save_all(&registry, &seeds);
        for id in &ids {
            assert_eq!(registry.find(&id.to_string()).unwrap(), *id, "{form}");
            assert_eq!(registry.find(&id.short()).unwrap(), *id, "{form}");
        }
        let first = |id: &ModelId| id.to_string().remove(0).to_string();
        let alike = |digit: &String| ids.iter().filter(|id| first(id) == *digit).count() > 1;
        let shared = ids.iter().map(first).find(alike).unwrap();
        assert!(matches!(registry.find(&shared), Err(ModelError::Ambiguous { count: 2.., .. })), "{form}");
        let absent = "0123456789abcdef".repeat(4);
        let error = registry.find(&absent).unwrap_err();
        assert!(error.to_string().contains(&registry.place()), "{form}: {error}");
        for wrong in ["", "xyz", "../a", "ABC", &"a".repeat(65)] {
            let error = registry.find(wrong).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage, "{form}: {error}");
        }
    }
}

#[test]
fn the_current_model_changes_in_one_step() {
    for (form, registry, reader, _disk) in forms() {
        let ids = save_all(&registry, &[1, 2]);
        registry.promote(&ids[0]).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 0..30 {
                    registry.promote(&ids[round % 2]).unwrap();
                }
            });
            while !writer.is_finished() {
                assert!(ids.contains(&reader.need_current().unwrap()), "{form}: a reader saw half a change");
            }
        });
    }
}
