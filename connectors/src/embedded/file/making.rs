//! A new file gets its name when it is whole.
//!
//! redb makes a file in steps, and one that a kill leaves in the middle of them is no database: nobody could open it again.
//! So an empty database is made in memory, and written beside its name before it is named, in one step.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

use super::{EmbeddedError, failed};
use crate::files::{AtomicFile, Existing, FileError};

/// Makes a file, unless it is there or somebody else makes it meanwhile.
pub(super) fn make(path: &Path) -> Result<(), EmbeddedError> {
    if path.exists() {
        return Ok(());
    }
    let bytes = empty_database().map_err(|error| failed("make", path, error))?;
    match write(path, &bytes) {
        Ok(()) | Err(FileError::Exists { .. }) => Ok(()),
        Err(error) => Err(EmbeddedError::Storage {
            action: "make",
            file: path.display().to_string(),
            cause: match error {
                FileError::Write { cause, .. } => cause,
                other => other.to_string(),
            },
            transient: true,
        }),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = AtomicFile::create(path, Existing::Refuse)?;
    // Most of it is zeros at the end, which need no room on the disk.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let written = file.write_all(&bytes[..used]).and_then(|()| file.set_len(bytes.len() as u64));
    written.map_err(|error| file.error(&error))?;
    file.commit()
}

/// The bytes of a database without a table.
fn empty_database() -> Result<Vec<u8>, redb::Error> {
    let memory = Memory::default();
    // Closed, and so whole.
    drop(Database::builder().create_with_backend(memory.clone())?);
    let mut bytes = vec![0; usize::try_from(memory.len()?).unwrap_or(0)];
    memory.read(0, &mut bytes)?;
    Ok(bytes)
}

/// Memory that outlives the database in it.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<InMemoryBackend>);

impl StorageBackend for Memory {
    fn len(&self) -> Result<u64, io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.0.write(offset, data)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use redb::backends::FileBackend;

    use super::*;
    use crate::embedded::file::StoreFile;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Fails where a kill would end the making of a file.
    #[derive(Debug)]
    struct Killed(FileBackend);

    impl StorageBackend for Killed {
        fn len(&self) -> Result<u64, io::Error> {
            self.0.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
            self.0.read(offset, out)
        }

        fn set_len(&self, len: u64) -> Result<(), io::Error> {
            self.0.set_len(len)
        }

        fn sync_data(&self) -> Result<(), io::Error> {
            Err(io::Error::other("killed"))
        }

        fn write(&self, _offset: u64, _data: &[u8]) -> Result<(), io::Error> {
            Err(io::Error::other("killed"))
        }
    }

    /// The storm found that a job that was killed with -9 while it made its topics could never be started again.
    #[test]
    fn a_kill_while_redb_makes_a_file_leaves_none_that_can_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.redb");
        let file = fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        assert!(Database::builder().create_with_backend(Killed(FileBackend::new(file).unwrap())).is_err());
        assert!(StoreFile::open(path, 1 << 20).is_err(), "else all of this module could go");
    }

    #[test]
    fn a_file_is_whole_when_it_has_its_name_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.redb");
        make(&path).unwrap();
        assert_eq!(names(folder.path()), ["a.redb"]);
        let file = StoreFile::open(path.clone(), 1 << 20).unwrap();
        make(&path).unwrap();
        // Who was slower than another one finds its file, though there was none when it began.
        let late = write(&path, &empty_database().unwrap());
        assert!(matches!(late, Err(FileError::Exists { .. })), "{late:?}");
        assert_eq!(names(folder.path()), ["a.redb"]);
        assert!(StoreFile::open(path, 1 << 20).is_err(), "it is the very file that is open");
        drop(file);
    }
}
