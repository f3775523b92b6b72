//! A folder of a store that a batch job puts its output into: files of any length, each there when it is whole.
//!
//! There is no moment at which all of them appear, as a local folder has it by a rename. A hiccup of the store is passed over.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use flightline_engine::contract::Fault;

use super::error::FileError;
use super::folder::Folder;
use super::patience::patiently;
use super::staging::final_name;
use super::stores::Stores;

/// A folder for output.
#[derive(Clone, Debug)]
pub struct OutputFolder {
    folder: Folder,
}

impl OutputFolder {
    /// Whether a path as typed is the URL of a store that is not this computer.
    #[must_use]
    pub fn is_meant_by(typed: &str) -> bool {
        ["hdfs://", "viewfs://", "s3://", "s3a://", "gs://"].iter().any(|scheme| typed.starts_with(scheme))
    }

    /// The folder that a URL names. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`FileError`] for a name that makes no sense, or a store that this build leaves out.
    pub fn at(stores: &Stores, url: &str) -> Result<Self, FileError> {
        Ok(Self { folder: Folder::at(stores, url)? })
    }

    /// The names right in it, those of folders too, sorted; empty if it isn't there.
    ///
    /// # Errors
    /// [`FileError::Refused`] with what the store said.
    pub fn names(&self) -> Result<Vec<String>, FileError> {
        let mut names = tried(|| self.folder.names(""))?;
        names.retain(|name| final_name(name).is_none());
        names.extend(tried(|| self.folder.folders())?);
        names.sort_unstable();
        Ok(names)
    }

    /// Copies a file of this computer into it, in the place of what has the name.
    ///
    /// # Errors
    /// [`FileError::Refused`] with what the store said, or [`FileError::Write`] if the file can't be read.
    pub fn upload(&self, name: &str, file: &Path) -> Result<(), FileError> {
        let mut open = File::open(file).map_err(|error| FileError::from_write(file, &error))?;
        tried(|| {
            let rewound = open.seek(SeekFrom::Start(0));
            rewound.map_err(|error| Fault::permanent(format!("can't read `{}`: {error}", file.display())))?;
            self.folder.upload(name, &mut open)
        })
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// [`FileError::Refused`] with what the store said.
    pub fn remove(&self, name: &str) -> Result<(), FileError> {
        tried(|| self.folder.delete(name))
    }
}

fn tried<T>(what: impl FnMut() -> Result<T, Fault>) -> Result<T, FileError> {
    patiently(what).map_err(|fault| FileError::Refused { told: fault.to_string() })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn a_file_of_several_pieces_arrives_whole_and_replaces_what_was_there() {
        let disk = tempfile::tempdir().unwrap();
        let stores = Stores::new().unwrap().with_store("memory://test", Arc::new(InMemory::new()));
        let output = OutputFolder::at(&stores, "memory://test/out").unwrap();
        let folder = Folder::at(&stores, "memory://test/out").unwrap();
        assert!(output.names().unwrap().is_empty());
        let file = disk.path().join("file");
        for length in [0, 5, 16 << 20, (16 << 20) + 1] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            fs::write(&file, &bytes).unwrap();
            output.upload("part", &file).unwrap();
            assert!(folder.read("part").unwrap().unwrap() == bytes, "{length}");
        }
        assert_eq!(output.names().unwrap(), ["part"]);
        output.remove("part").unwrap();
        assert!(output.names().unwrap().is_empty());
    }

    #[test]
    fn urls_of_stores_are_told_from_paths() {
        for (typed, expected) in
            [("hdfs://nn/a", true), ("s3://b/a", true), ("a", false), ("/a", false), ("x://y", false)]
        {
            assert_eq!(OutputFolder::is_meant_by(typed), expected, "{typed}");
        }
    }
}
