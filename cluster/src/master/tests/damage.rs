//! A master whose store is not what it was.

use std::fs;

use super::*;
use crate::master::store::{Durable, Store, StoreError};

/// A store with one job, closed.
fn kept(state: &std::path::Path) -> std::path::PathBuf {
    let mut world = World::new(1, 1);
    world.submit(spec(1, 1));
    let store = Store::open(state).unwrap();
    assert!(store.began_empty());
    let changed = world.cluster.take_changed();
    store.save(&world.cluster, &changed).unwrap();
    state.join("master.redb")
}

/// It said that the database was corrupted, and no more.
#[test]
fn a_damaged_store_is_left_alone_and_it_is_said_what_to_do() {
    let damages: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes.iter_mut().for_each(|byte| *byte = 7),
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| *bytes = b"no store at all".to_vec(),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let file = kept(folder.path());
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        let told = Store::open(folder.path()).and_then(|store| store.load(rules())).unwrap_err();
        assert!(matches!(told, StoreError::Damaged { .. }), "{number}: {told}");
        let told = told.to_string();
        assert!(told.contains("put a copy of it back") && told.contains("end the processes of jobs"), "{told}");
    }
}

#[test]
fn a_store_that_lost_all_that_was_in_it_is_told_from_one_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = kept(folder.path());
    let again = Store::open(folder.path()).unwrap();
    assert!(!again.began_empty());
    drop(again);
    fs::write(&file, "").unwrap();
    let empty = Store::open(folder.path()).unwrap();
    assert!(empty.began_empty() && empty.load(rules()).unwrap().jobs().is_empty());
}

/// What is said of a master that begins without its state is true.
#[test]
fn a_worker_of_a_master_that_has_forgotten_all_comes_back_and_ends_what_it_has() {
    let mut world = World::new(1, 1);
    let job = world.submit(spec(1, 1));
    world.obey(0);
    assert_eq!(world.processes.len(), 1);
    world.cluster = Cluster::new(rules(), Vec::new(), Vec::new(), JobId(0));
    world.obey(0);
    assert_eq!((world.processes.len(), world.orders(0)), (0, Vec::new()), "it is heard again, and shall have nothing");
    assert_eq!(world.submit(spec(1, 1)), job, "numbers begin anew");
}
