//! The folders below which jobs may have their files.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

/// Why folders can't be roots.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RootMistake {
    /// It doesn't start at `/`.
    #[error("the folder for jobs {0:?} is no absolute path: write it from / on")]
    Relative(PathBuf),
    /// There is none.
    #[error("there is no folder for jobs: name at least one, and the first is where they start")]
    None,
}

/// The folders below which jobs may have their files: at least one, each absolute and without `.` and `..`. The first is the
/// working directory of every process, so that relative paths start there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    first: PathBuf,
    others: Vec<PathBuf>,
}

impl Roots {
    /// Takes the folders as roots. Nobody looks whether they are there.
    ///
    /// # Errors
    /// There is none, or one that is relative.
    pub fn new(folders: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Self, RootMistake> {
        let root = |folder: &Path| match folder.is_absolute() {
            true => Ok(normalised(folder)),
            false => Err(RootMistake::Relative(folder.to_owned())),
        };
        let mut folders = folders.into_iter().map(|folder| root(folder.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if folders.is_empty() {
            return Err(RootMistake::None);
        }
        let others = folders.split_off(1);
        folders.pop().map(|first| Self { first, others }).ok_or(RootMistake::None)
    }

    /// Where processes start.
    #[must_use]
    pub fn working_directory(&self) -> &Path {
        &self.first
    }

    /// All of them, the working directory first.
    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.first).chain(&self.others).map(PathBuf::as_path)
    }

    /// Whether this path is a root or below one, by its words alone. A relative one starts in the working directory.
    #[must_use]
    pub fn hold(&self, path: &Path) -> bool {
        let path = normalised(&self.first.join(path));
        self.iter().any(|root| path.starts_with(root))
    }
}

impl fmt::Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, root) in self.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, root.display())?;
        }
        Ok(())
    }
}

/// The path without `.`, and with each `..` taken as the folder above; above `/` is `/`.
pub(super) fn normalised(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => clean.push(component),
        }
    }
    clean
}
