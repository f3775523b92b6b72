//! The temporary folder of one test: where its processes run, with all that they read and write.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Invocation;

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new, empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("flightline-test-").tempdir().expect("a temporary folder can be made"))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of what is called `name` in it.
    #[must_use]
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, with the folders that it stands in, and gives its path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("folders can be made");
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("can't write {}: {error}", path.display()));
        path
    }

    /// A file's text.
    #[must_use]
    pub fn read(&self, name: impl AsRef<Path>) -> String {
        let path = self.join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("can't read {}: {error}", path.display()))
    }

    /// A command line of a binary of ours, to run in this folder.
    #[must_use]
    pub fn run(&self, binary: &str) -> Invocation {
        Invocation::of_binary(binary, self.path())
    }

    /// Every file below `name`, as paths relative to it, sorted; empty if there is no such folder.
    #[must_use]
    pub fn files(&self, name: &str) -> Vec<String> {
        let root = self.join(name);
        let mut files = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.expect("a folder can be listed").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let relative = path.strip_prefix(&root).expect("it was found below");
                    files.push(relative.to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        files
    }

    /// The names in the folder `name`, sorted, hidden ones too; empty if there is no such folder.
    #[must_use]
    pub fn names(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.join(name)).into_iter().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("a folder can be listed").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}
