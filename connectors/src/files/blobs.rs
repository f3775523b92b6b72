//! The engine's small objects (ledger, checkpoints, versions of a table) in a folder of any store.
//!
//! What a killed writer left under a staging name of its store is never listed.

use bytes::Bytes;
use flightline_engine::contract::{Blobs, Created, Fault};

use super::error::FileError;
use super::folder::Folder;
use super::staging::final_name;
use super::stores::Stores;

/// A folder of objects that are created once, and last.
#[derive(Clone, Debug)]
pub struct StoreBlobs {
    folder: Folder,
}

impl StoreBlobs {
    /// The objects in the folder that a path or URL names. A local folder is made if it is not there.
    ///
    /// # Errors
    /// [`FileError`] for a name that makes no sense, a store that this build leaves out, or a folder that can't be made.
    pub fn open(stores: &Stores, url: &str) -> Result<Self, FileError> {
        let folder = Folder::at(stores, url)?;
        folder.make()?;
        Ok(Self { folder })
    }
}

impl Blobs for StoreBlobs {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        let mut names = self.folder.names(folder.trim_end_matches('/'))?;
        names.retain(|name| final_name(name).is_none());
        Ok(names)
    }

    fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        self.folder.read(name)
    }

    fn create(&self, name: &str, bytes: Bytes) -> Result<Created, Fault> {
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
    fn a_missing_folder_is_made_and_leftovers_are_not_listed() {
        let disk = tempfile::tempdir().unwrap();
        let path = disk.path().join("state/job");
        let blobs = StoreBlobs::open(&Stores::new().unwrap(), path.to_str().unwrap()).unwrap();
        assert!(path.is_dir());
        blobs.create("ledger/00.json", Bytes::from_static(b"{}")).unwrap();
        fs::write(path.join("ledger/01.json#1"), "half").unwrap();
        fs::write(path.join("ledger/.01.json.tmp.1"), "half").unwrap();
        assert_eq!(blobs.list("ledger").unwrap(), ["00.json"]);
        assert_eq!(blobs.create("ledger/01.json", Bytes::from_static(b"[]")).unwrap(), Created::Ours);
        assert_eq!(blobs.list("ledger/").unwrap(), ["00.json", "01.json"]);
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
