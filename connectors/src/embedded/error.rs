//! What can go wrong with embedded topics and collections, in sentences that say which file and what to do.

use std::io;
use std::path::Path;

use flightline_engine::contract::Fault;
use flightline_engine::log::{Offset, OffsetRange, Partition};
use thiserror::Error;

/// An error of an embedded topic or collection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EmbeddedError {
    /// A name that could be a path, or that a file system would take for another.
    #[error(
        "`{name}` can't name a {kind}: use 1 to 200 letters, digits, `.`, `_` and `-`, and begin with a letter or digit"
    )]
    BadName {
        /// Topic or collection.
        kind: &'static str,
        /// The name as given.
        name: String,
    },

    /// Another process has the file open.
    #[error(
        "`{file}` is in use: another process (a running `predict` or `demo` on the same folder) holds it, and only one \
         can; stop that one, or ask it through its HTTP port"
    )]
    Held {
        /// The file.
        file: String,
    },

    /// A topic is asked for with another number of partitions than it was made with.
    #[error(
        "topic `{topic}` has {recorded} partitions, but is asked for with {asked}: the number is fixed when a topic is \
         made; ask for {recorded}, or name a new topic"
    )]
    OtherPartitions {
        /// The topic.
        topic: String,
        /// What `topic.json` says.
        recorded: u32,
        /// What is asked for.
        asked: u32,
    },

    /// A topic can't have no partition.
    #[error("topic `{topic}` can't have 0 partitions: ask for 1 or more")]
    NoPartitions {
        /// The topic.
        topic: String,
    },

    /// A topic is asked for as it is, and isn't.
    #[error("there is no topic `{topic}` in `{folder}`; check both names, or start the job that makes it first")]
    NoTopic {
        /// The topic.
        topic: String,
        /// The store's folder.
        folder: String,
    },

    /// A partition that no process has.
    #[error("topic `{topic}` has no partition {partition}: it has {partitions}, counted from 0")]
    NoPartition {
        /// The topic.
        topic: String,
        /// What is asked for.
        partition: Partition,
        /// How many there are.
        partitions: u32,
    },

    /// A partition that another process may have.
    #[error(
        "partition {partition} of topic `{topic}` is not open in this process (open here: {here}); ask the process that \
         owns it"
    )]
    Elsewhere {
        /// The topic.
        topic: String,
        /// What is asked for.
        partition: Partition,
        /// The partitions that are open here.
        here: String,
    },

    /// An offset that the partition doesn't hold.
    #[error(
        "offset {offset} is not in partition {partition} of topic `{topic}`, which holds {bounds}; if the topic was made \
         anew, begin at {start}", start = bounds.from
    )]
    OutOfBounds {
        /// The topic.
        topic: String,
        /// The partition.
        partition: Partition,
        /// What is asked for.
        offset: Offset,
        /// What is there.
        bounds: OffsetRange,
    },

    /// Only the job's sink may write there.
    #[error("{kind} `{name}` is written by {owner}, and nobody else may write to it; name another {kind}")]
    Owned {
        /// Topic or collection.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The job and its sink.
        owner: String,
    },

    /// A file that isn't what it should be, or that the system refuses.
    #[error("can't {action} `{file}`: {cause}")]
    Storage {
        /// What was tried: open, read, write.
        action: &'static str,
        /// The file.
        file: String,
        /// Why it failed, and what to do.
        cause: String,
        /// Whether it may work when tried again.
        transient: bool,
    },
}

impl EmbeddedError {
    /// Whether it may work when tried again as it is.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Storage { transient: true, .. })
    }

    /// The error of a plain file or folder beside the databases.
    pub(super) fn plain(action: &'static str, path: &Path, error: &io::Error) -> Self {
        let (cause, transient) = explain(error);
        Self::Storage { action, file: path.display().to_string(), cause, transient }
    }

    /// The error of a database.
    pub(super) fn database(action: &'static str, path: &Path, error: &redb::Error) -> Self {
        let file = path.display().to_string();
        let (cause, transient) = match error {
            redb::Error::DatabaseAlreadyOpen => return Self::Held { file },
            redb::Error::Io(error) => explain(error),
            redb::Error::PreviousIo | redb::Error::DatabaseClosed | redb::Error::LockPoisoned(_) => {
                ("an earlier error made it unusable; it is opened anew at the next try".to_owned(), true)
            }
            redb::Error::Corrupted(what) => (
                format!("it is damaged ({what}); put a copy in its place, or move it away and lose what it held"),
                false,
            ),
            redb::Error::UpgradeRequired(version) => {
                (format!("its format {version} is of another version of Flightline; use that version"), false)
            }
            other => (format!("{other}; is it a file of this kind?"), false),
        };
        Self::Storage { action, file, cause, transient }
    }
}

impl From<EmbeddedError> for Fault {
    fn from(error: EmbeddedError) -> Self {
        let sentence = error.to_string();
        if error.is_transient() { Self::transient(sentence) } else { Self::permanent(sentence) }
    }
}

/// What an I/O error means and what to do, and whether it may pass by itself.
fn explain(error: &io::Error) -> (String, bool) {
    let (advice, transient) = match error.kind() {
        io::ErrorKind::StorageFull => ("the disk is full; free some space", true),
        io::ErrorKind::QuotaExceeded => ("the disk quota is used up; free some space", true),
        io::ErrorKind::ReadOnlyFilesystem => ("the file system is read-only; choose another folder", false),
        io::ErrorKind::PermissionDenied => ("permission is denied; check the owner and the mode of the path", false),
        io::ErrorKind::NotFound => ("it is gone; put it back, or a copy of it", false),
        io::ErrorKind::NotADirectory => ("a part of the path is a file, not a folder; choose another path", false),
        io::ErrorKind::IsADirectory => ("it is a folder; move it away", false),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            ("it is no database, or cut short; put a copy in its place, or move it away and lose what it held", false)
        }
        _ => return (error.to_string(), true),
    };
    (advice.to_owned(), transient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_may_pass_and_damage_does_not() {
        let path = Path::new("state/a.redb");
        let full =
            EmbeddedError::database("write", path, &redb::Error::Io(io::Error::from(io::ErrorKind::StorageFull)));
        assert_eq!(full.to_string(), "can't write `state/a.redb`: the disk is full; free some space");
        assert!(matches!(Fault::from(full), Fault::Transient(_)));

        let damaged = EmbeddedError::database("read", path, &redb::Error::Corrupted("checksum".to_owned()));
        assert!(damaged.to_string().contains("damaged (checksum)"), "{damaged}");
        assert!(matches!(Fault::from(damaged), Fault::Permanent(_)));
    }
}
