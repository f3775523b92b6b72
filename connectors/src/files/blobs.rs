//! The engine's small objects (ledger, checkpoints, versions of a table), and models, in a folder of any store.
//!
//! What a killed writer left under a staging name of its store is never listed. Whoever writes here clears it away, too, when
//! he lists: as soon as its own name is there, or a later one. The engine's names are numbers, and who comes too late with a
//! low one must not succeed anyway; with other names a living writer may lose a try.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use flightline_engine::contract::{Blobs, Created, Fault};

use super::error::FileError;
use super::folder::Folder;
use super::staging::{clear, final_name, staged};
use super::stores::Stores;

/// A folder of objects that are created once, and last.
#[derive(Clone, Debug)]
pub struct StoreBlobs {
    folder: Folder,
    /// Whether anything was created here: who only reads clears nothing away.
    writes: Arc<AtomicBool>,
}

impl StoreBlobs {
    /// The objects in the folder that a path or URL names. A local folder is made if it is not there.
    ///
    /// # Errors
    /// [`FileError`] for a name that makes no sense, a store that this build leaves out, or a folder that can't be made.
    pub fn open(stores: &Stores, url: &str) -> Result<Self, FileError> {
        let folder = Folder::at(stores, url)?;
        folder.make()?;
        Ok(Self { folder, writes: Arc::default() })
    }

    /// The names of the folders right in it, sorted.
    ///
    /// # Errors
    /// The store can't be asked.
    pub fn folders(&self) -> Result<Vec<String>, Fault> {
        self.folder.folders()
    }

    /// When an object was created, by the store's clock; `None` if there is none.
    ///
    /// # Errors
    /// The store can't be asked.
    pub fn created_at(&self, name: &str) -> Result<Option<SystemTime>, Fault> {
        Ok(self.folder.about(name)?.map(|about| about.last_modified.into()))
    }

    /// An object, or with an empty name the folder itself, as the user would type it.
    #[must_use]
    pub fn shown(&self, name: &str) -> String {
        self.folder.shown(name)
    }

    /// Clears away what killed writers left in a folder with these objects.
    fn sweep(&self, folder: &str, listed: &[String], names: &[String]) {
        let Some(last) = names.last() else { return };
        for name in staged(&self.folder, folder, listed) {
            if final_name(&name).is_some_and(|target| target <= last.as_str()) {
                clear(&self.folder, &format!("{folder}/{name}"));
            }
        }
    }
}

impl Blobs for StoreBlobs {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        let folder = folder.trim_end_matches('/');
        let listed = self.folder.names(folder)?;
        let names: Vec<String> = listed.iter().filter(|name| final_name(name).is_none()).cloned().collect();
        if self.writes.load(Ordering::Relaxed) {
            self.sweep(folder, &listed, &names);
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        self.folder.read(name)
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
        self.writes.store(true, Ordering::Relaxed);
        self.folder.create(name, bytes.into())
    }

    fn delete(&self, name: &str) -> Result<(), Fault> {
        self.folder.delete(name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::{Arc, Barrier};
    use std::thread;
    use std::time::Duration;

    use flightline_engine::conformance::blobs::{BlobsHarness, check};
    use object_store::memory::InMemory;

    use super::*;

    /// A folder on the disk, or one in memory.
    struct Harness {
        stores: Stores,
        disk: Option<tempfile::TempDir>,
    }

    impl BlobsHarness for Harness {
        fn fresh(&mut self) {
            match &mut self.disk {
                Some(disk) => *disk = tempfile::tempdir().unwrap(),
                None => drop(self.stores.clone().with_store("memory://test", Arc::new(InMemory::new()))),
            }
        }

        fn blobs(&mut self) -> Box<dyn Blobs> {
            let url = self.disk.as_ref().map_or("memory://test/a".to_owned(), |disk| disk.path().display().to_string());
            Box::new(StoreBlobs::open(&self.stores, &url).unwrap())
        }
    }

    #[test]
    fn the_engines_suite_passes_on_a_disk_and_in_memory() {
        for disk in [None, Some(tempfile::tempdir().unwrap())] {
            assert_eq!(check(&mut Harness { stores: Stores::new().unwrap(), disk }), Ok(()));
        }
    }

    #[test]
    fn folders_and_the_times_of_objects_are_told() {
        let disk = tempfile::tempdir().unwrap();
        let stores = Stores::new().unwrap().with_store("memory://test", Arc::new(InMemory::new()));
        for url in ["memory://test/a", disk.path().to_str().unwrap()] {
            let blobs = StoreBlobs::open(&stores, url).unwrap();
            assert!(blobs.folders().unwrap().is_empty());
            let before = SystemTime::now() - Duration::from_secs(60);
            blobs.create("two/x", Bytes::new()).unwrap();
            blobs.create("one/x", Bytes::new()).unwrap();
            blobs.create("x", Bytes::new()).unwrap();
            assert_eq!(blobs.folders().unwrap(), ["one", "two"]);
            assert!(blobs.created_at("one/x").unwrap().unwrap() > before);
            assert_eq!(blobs.created_at("one/y").unwrap(), None);
            assert_eq!((blobs.shown("one/x"), blobs.shown("")), (format!("{url}/one/x"), url.to_owned()));
        }
    }

    #[test]
    fn a_missing_folder_is_made_and_leftovers_are_not_listed() {
        let disk = tempfile::tempdir().unwrap();
        let path = disk.path().join("state/job");
        let blobs = StoreBlobs::open(&Stores::new().unwrap(), path.to_str().unwrap()).unwrap();
        assert!(path.is_dir());
        blobs.create("ledger/00.json", Bytes::from_static(b"{}")).unwrap();
        fs::write(path.join("ledger/01.json#1"), "half").unwrap();
        fs::write(path.join("ledger/.01.json.tmp.1"), "half").unwrap();
        let left = || fs::read_dir(path.join("ledger")).unwrap().count();
        let reader = StoreBlobs::open(&Stores::new().unwrap(), path.to_str().unwrap()).unwrap();
        assert_eq!((blobs.list("ledger").unwrap(), left()), (vec!["00.json".to_owned()], 3), "somebody may be at 01");
        assert_eq!(blobs.create("ledger/01.json", Bytes::from_static(b"[]")).unwrap(), Created::Ours);
        let both = ["00.json".to_owned(), "01.json".to_owned()];
        assert_eq!((reader.list("ledger/").unwrap(), left()), (both.to_vec(), 4), "who only reads removes nothing");
        assert_eq!((blobs.list("ledger/").unwrap(), left()), (both.to_vec(), 2));
    }

    #[test]
    fn of_many_creators_one_wins_and_its_bytes_stay() {
        let disk = tempfile::tempdir().unwrap();
        let blobs = StoreBlobs::open(&Stores::new().unwrap(), disk.path().to_str().unwrap()).unwrap();
        for round in 0..20 {
            let name = format!("ledger/{round}");
            let start = Arc::new(Barrier::new(4));
            let tries: Vec<_> = (0..4_u8)
                .map(|writer| {
                    let (blobs, name, start) = (blobs.clone(), name.clone(), Arc::clone(&start));
                    thread::spawn(move || {
                        start.wait();
                        (writer, blobs.create(&name, vec![writer; 3].into()).unwrap())
                    })
                })
                .collect();
            let outcomes: Vec<_> = tries.into_iter().map(|thread| thread.join().unwrap()).collect();
            let winners: Vec<u8> =
                outcomes.iter().filter(|(_, created)| *created == Created::Ours).map(|(writer, _)| *writer).collect();
            assert_eq!(winners.len(), 1, "{outcomes:?}");
            assert_eq!(blobs.read(&name).unwrap().unwrap(), vec![winners[0]; 3]);
        }
    }
}
