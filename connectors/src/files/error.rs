//! What can go wrong with files, in sentences for the person who started the job.
//!
//! Every message names the file as the user typed it, says where in it (byte offset or row), why, and what to do.
//! [`FileError::is_input`] and [`FileError::is_storage`] sort the errors for exit codes: exactly one of them holds.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use super::refusal::Refusal;

/// An error of reading or writing files.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FileError {
    /// No file and no folder has this name.
    #[error("there is no file or folder `{name}`; check the path{hint}")]
    NotFound {
        /// The path as typed.
        name: String,
        /// Where a relative path starts, or empty.
        hint: String,
    },

    /// A glob matches no file.
    #[error("no file matches `{pattern}`; check the pattern, and quote it so that the shell leaves it alone")]
    NoMatch {
        /// The pattern as typed.
        pattern: String,
    },

    /// A folder holds no file in a known format.
    #[error(
        "folder `{folder}` holds no data file; names that start with `.` or `_` and unknown endings are left out \
         (known are {known}), and folders in it are only read when asked for with `**`"
    )]
    EmptyFolder {
        /// The folder as typed.
        folder: String,
        /// The endings that would have been read.
        known: String,
    },

    /// A glob that can't be understood.
    #[error("`{pattern}` is not a valid pattern: {cause}; known are *, ?, [abc], [!abc] and ** for any folders")]
    BadPattern {
        /// The pattern as typed.
        pattern: String,
        /// What is wrong with it.
        cause: String,
    },

    /// A path or URL that can't be understood.
    #[error("`{name}` is not a usable path or URL: {cause}")]
    BadLocation {
        /// The location as typed.
        name: String,
        /// What is wrong with it, and what would be right.
        cause: String,
    },

    /// A URL of a store that this build leaves out.
    #[error("`{name}` needs the feature `{feature}`, which is not built in; build with `--features {feature}`")]
    FeatureMissing {
        /// The location as typed.
        name: String,
        /// The cargo feature that reads such URLs.
        feature: &'static str,
    },

    /// A file or format name that says no known format.
    #[error("`{name}` has no known format: {cause}; known are {known}")]
    UnknownFormat {
        /// The file or the format's name as typed.
        name: String,
        /// Why no format could be told.
        cause: String,
        /// All formats that are known.
        known: String,
    },

    /// The bytes are not what the format says, or stop in the middle.
    #[error("`{file}` can't be read beyond byte {offset} of its {what}: {cause}; make or fetch the file again")]
    Damaged {
        /// The file as typed, and the member within an archive.
        file: String,
        /// Bytes that were read well before the error.
        offset: u64,
        /// What the offset counts: the text, or the decompressed text.
        what: &'static str,
        /// What is wrong there.
        cause: String,
    },

    /// A zip archive that can't be used.
    #[error("`{file}` is not a usable zip archive: {cause}")]
    BadArchive {
        /// The file as typed.
        file: String,
        /// What is wrong with it, and what to do.
        cause: String,
    },

    /// A Parquet file that can't be read.
    #[error("`{file}` is not a readable Parquet file ({place}): {cause}; make or fetch the file again")]
    BadParquet {
        /// The file as typed.
        file: String,
        /// Where: the footer, or from which row on.
        place: String,
        /// What is wrong there.
        cause: String,
    },

    /// A line beyond all reason.
    #[error(
        "`{file}` has a line of more than {limit} bytes at byte {offset}; \
         a row is one line, so this is no file of rows, or its line ends are missing"
    )]
    LineTooLong {
        /// The file as typed.
        file: String,
        /// Offset of the line's first byte, in the decompressed text.
        offset: u64,
        /// The longest line that is accepted, in bytes.
        limit: usize,
    },

    /// A file that is no longer what it was when the job started.
    #[error("`{file}` changed while it was read: {cause}; start again when nothing writes to it")]
    Changed {
        /// The file as typed.
        file: String,
        /// What differs.
        cause: String,
    },

    /// The store failed to answer.
    #[error("can't {action} `{file}`: {cause}")]
    Store {
        /// What was tried: read, list, open.
        action: &'static str,
        /// The location as typed.
        file: String,
        /// Why it failed and what to do.
        cause: String,
    },

    /// Output that could not be written.
    #[error("can't write `{path}`: {cause}")]
    Write {
        /// The final name of the output.
        path: String,
        /// Why it failed and what to do.
        cause: String,
    },

    /// A store did not take output, in its own words.
    #[error("{told}")]
    Refused {
        /// What was tried, where, why it failed and what to do.
        told: String,
    },

    /// Output that would replace what is there.
    #[error("`{path}` exists already and is left as it is; choose another name, or ask for it to be replaced")]
    Exists {
        /// The final name of the output.
        path: String,
    },

    /// The threads that talk to stores could not be started.
    #[error("can't start the threads that read files: {cause}; raise the limit of threads or processes")]
    Runtime {
        /// The operating system's answer.
        cause: Arc<io::Error>,
    },
}

impl FileError {
    /// The input is at fault: a wrong name, an unknown format, damaged bytes. Trying again changes nothing.
    #[must_use]
    pub fn is_input(&self) -> bool {
        !self.is_storage()
    }

    /// Reading or writing failed although the request made sense: a store, a disk, or a name that is taken.
    #[must_use]
    pub fn is_storage(&self) -> bool {
        match self {
            Self::Changed { .. }
            | Self::Store { .. }
            | Self::Write { .. }
            | Self::Refused { .. }
            | Self::Exists { .. }
            | Self::Runtime { .. } => true,
            Self::NotFound { .. }
            | Self::NoMatch { .. }
            | Self::EmptyFolder { .. }
            | Self::BadPattern { .. }
            | Self::BadLocation { .. }
            | Self::FeatureMissing { .. }
            | Self::UnknownFormat { .. }
            | Self::Damaged { .. }
            | Self::BadArchive { .. }
            | Self::BadParquet { .. }
            | Self::LineTooLong { .. } => false,
        }
    }

    /// The error of a store, told apart by what it means for the user.
    pub(crate) fn from_store(action: &'static str, name: &str, error: &object_store::Error) -> Self {
        use object_store::Error as Store;
        match error {
            Store::NotFound { .. } if action == READ => {
                Self::Changed { file: name.to_owned(), cause: "it is gone".to_owned() }
            }
            Store::NotFound { .. } => Self::NotFound { name: name.to_owned(), hint: String::new() },
            // The user's path is wrong, as if nothing were there.
            other if io_cause(other).is_some_and(|cause| cause.kind() == io::ErrorKind::NotADirectory) => {
                Self::NotFound { name: name.to_owned(), hint: "; a part of it is a file, not a folder".to_owned() }
            }
            Store::Precondition { .. } => Self::Changed {
                file: name.to_owned(),
                cause: "it is not the file that was there when the job started".to_owned(),
            },
            other => {
                let refused = Refusal::behind(other).map(ToString::to_string);
                let cause = refused.unwrap_or_else(|| io_cause(other).map_or_else(|| innermost(other), explain));
                Self::Store { action, file: name.to_owned(), cause }
            }
        }
    }

    /// The error of writing `path`.
    pub(crate) fn from_write(path: &std::path::Path, error: &io::Error) -> Self {
        Self::Write { path: path.display().to_string(), cause: explain(error) }
    }
}

/// The action of fetching bytes from a file that was listed before.
pub(crate) const READ: &str = "read";

/// Says what an I/O error means and what to do about it.
pub(crate) fn explain(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full; free some space and start again",
        io::ErrorKind::QuotaExceeded => "the disk quota is used up; free some space and start again",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only; choose another folder",
        io::ErrorKind::PermissionDenied => "permission is denied; check the owner and the mode of the path",
        io::ErrorKind::NotFound => "the folder it should be in does not exist; create it first",
        io::ErrorKind::NotADirectory => "a part of the path is a file, not a folder; choose another path",
        io::ErrorKind::IsADirectory => "it is a folder; name a file in it",
        io::ErrorKind::FileTooLarge => "it is larger than this file system allows; choose another folder",
        _ => return error.to_string(),
    };
    advice.to_owned()
}

/// The I/O error at the root of `error`, if there is one.
pub(crate) fn io_cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The message at the root of `error`: the layers above only repeat it with names that mean nothing to the user.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

/// An error and all that led to it.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_in_one_sentence_with_advice() {
        let error = FileError::from_write("out/model".as_ref(), &io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(error.to_string(), "can't write `out/model`: the disk is full; free some space and start again");
        assert!(error.is_storage() && !error.is_input());
    }

    #[test]
    fn a_store_error_is_explained_by_its_io_cause() {
        let source = Box::new(io::Error::from(io::ErrorKind::PermissionDenied));
        let error = FileError::from_store(READ, "a.csv", &object_store::Error::Generic { store: "X", source });
        assert_eq!(
            error.to_string(),
            "can't read `a.csv`: permission is denied; check the owner and the mode of the path"
        );
    }

    #[test]
    fn a_changed_object_is_not_the_users_fault() {
        let source = "etag".into();
        let error = object_store::Error::Precondition { path: "a".to_owned(), source };
        let error = FileError::from_store(READ, "a.csv", &error);
        assert!(matches!(error, FileError::Changed { .. }));
        assert!(error.is_storage());
    }
}
