//! The folders below which jobs may have their files.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use glob::Pattern;
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
    own: Vec<PathBuf>,
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
        folders.pop().map(|first| Self { first, others, own: Vec::new() }).ok_or(RootMistake::None)
    }

    /// The same without these files and folders, which are the cluster's own: no job has them, nor a folder that holds them.
    /// Relative ones start in the working directory.
    #[must_use]
    pub fn without(self, own: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        let own = own.into_iter().map(|place| normalised(&self.first.join(place))).collect();
        Self { own, ..self }
    }

    /// The cluster's own places.
    pub fn own(&self) -> impl Iterator<Item = &Path> {
        self.own.iter().map(PathBuf::as_path)
    }

    /// Whether nothing but what is below this folder may be used by jobs, or it is such a folder itself.
    #[must_use]
    pub fn are_within(&self, folder: &Path) -> bool {
        let folder = normalised(&self.first.join(folder));
        self.iter().any(|root| root.starts_with(&folder))
    }

    /// What this path is to jobs, by its words alone. A relative one starts in the working directory.
    #[must_use]
    pub(super) fn judge(&self, path: &Path) -> Judged {
        let clean = normalised(&self.first.join(path));
        if !self.hold(path) {
            Judged::Outside
        } else if self.own.iter().any(|own| touches(&clean, own)) {
            Judged::Own
        } else {
            Judged::Usable
        }
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

/// What a path is to jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// They may use it.
    Usable,
    /// It is below no root.
    Outside,
    /// It is the cluster's own, or holds what is.
    Own,
}

/// Whether what a path names is this place, below it or above it. The path may be a pattern, and then it is asked whether it
/// could be.
pub(super) fn touches(path: &Path, place: &Path) -> bool {
    let mut names = place.components();
    for step in path.components() {
        let Some(name) = names.next() else { return true };
        if step.as_os_str() == "**" {
            return true;
        }
        if step != name && !matches(&step.as_os_str().to_string_lossy(), &name.as_os_str().to_string_lossy()) {
            return false;
        }
    }
    true
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.contains(['*', '?', '[']) && Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name))
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
