//! How many partitions a topic has: fixed when it is made, and written down beside its files in `topic.json`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flightline_engine::log::Partition;
use serde::{Deserialize, Serialize};

use super::EmbeddedError;
use crate::files::{AtomicFile, Existing, FileError};

/// What a process wants of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicShape {
    /// How many partitions it has, over all processes; `None` for who takes it as it is, and doesn't make it.
    pub partitions: Option<u32>,
    /// The partitions whose files this process opens, and makes if they aren't there.
    pub owned: Vec<Partition>,
}

impl TopicShape {
    /// All partitions of a topic, in this process.
    #[must_use]
    pub fn whole(partitions: u32) -> Self {
        Self::shared(partitions, (0..partitions).map(Partition))
    }

    /// Some partitions of a topic; other processes have the others.
    pub fn shared(partitions: u32, owned: impl IntoIterator<Item = Partition>) -> Self {
        Self { partitions: Some(partitions), owned: owned.into_iter().collect() }
    }

    /// A topic as it is.
    pub fn recorded(owned: impl IntoIterator<Item = Partition>) -> Self {
        Self { partitions: None, owned: owned.into_iter().collect() }
    }
}

/// What `topic.json` says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    partitions: u32,
}

/// The number of partitions of the topic in `folder`, which is made with `asked` of them if it isn't there.
pub(super) fn settle(folder: &Path, topic: &str, asked: Option<u32>) -> Result<u32, EmbeddedError> {
    if asked == Some(0) {
        return Err(EmbeddedError::NoPartitions { topic: topic.to_owned() });
    }
    let recorded = match (read(folder)?, asked) {
        (Some(recorded), _) => recorded,
        (None, Some(asked)) => create(folder, asked)?,
        (None, None) => {
            let folder = folder.display().to_string();
            return Err(EmbeddedError::NoTopic { topic: topic.to_owned(), folder });
        }
    };
    match asked {
        Some(asked) if asked != recorded => {
            Err(EmbeddedError::OtherPartitions { topic: topic.to_owned(), recorded, asked })
        }
        _ => Ok(recorded),
    }
}

fn read(folder: &Path) -> Result<Option<u32>, EmbeddedError> {
    let path = folder.join("topic.json");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(EmbeddedError::plain("read", &path, &error)),
    };
    match serde_json::from_slice(&text) {
        Ok(Recorded { partitions: partitions @ 1.. }) => Ok(Some(partitions)),
        Ok(_) => Err(damaged(&path, "it says 0 partitions")),
        Err(error) => Err(damaged(&path, &error.to_string())),
    }
}

/// Writes the number down, unless another process was faster: then its number.
fn create(folder: &Path, partitions: u32) -> Result<u32, EmbeddedError> {
    let path = folder.join("topic.json");
    fs::create_dir_all(folder).map_err(|error| EmbeddedError::plain("make", folder, &error))?;
    super::file::sync_folder_of(folder)?;
    let made = AtomicFile::create(&path, Existing::Refuse).and_then(|mut file| {
        let text = format!("{}\n", serde_json::json!(Recorded { partitions }));
        file.write_all(text.as_bytes()).map_err(|error| file.error(&error))?;
        file.commit()
    });
    match made {
        Ok(()) => Ok(partitions),
        Err(FileError::Exists { .. }) => read(folder)?.ok_or_else(|| damaged(&path, "it came and went")),
        Err(error) => Err(EmbeddedError::Storage {
            action: "write",
            file: path.display().to_string(),
            cause: error.to_string(),
            transient: true,
        }),
    }
}

fn damaged(path: &Path, what: &str) -> EmbeddedError {
    EmbeddedError::Storage {
        action: "read",
        file: path.display().to_string(),
        cause: format!("{what}; it should be {{\"partitions\":N}} with the number of the topic's partitions"),
        transient: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_fixed_by_the_first_and_told_to_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let topic = folder.path().join("t");
        assert!(matches!(settle(&topic, "t", None), Err(EmbeddedError::NoTopic { .. })));
        assert_eq!(settle(&topic, "t", Some(4)), Ok(4));
        assert_eq!(settle(&topic, "t", Some(4)), Ok(4));
        assert_eq!(settle(&topic, "t", None), Ok(4));
        let error = settle(&topic, "t", Some(3)).unwrap_err();
        assert_eq!(error, EmbeddedError::OtherPartitions { topic: "t".to_owned(), recorded: 4, asked: 3 });
        assert!(error.to_string().contains("has 4 partitions, but is asked for with 3"), "{error}");
        assert_eq!(create(&topic, 9), Ok(4), "who comes second takes what is there");
    }

    #[test]
    fn nonsense_is_not_taken_for_a_number() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(settle(folder.path(), "t", Some(0)), Err(EmbeddedError::NoPartitions { .. })));
        for text in ["", "{}", r#"{"partitions":0}"#, r#"{"partitions":-1}"#, r#"{"partitions":1,"more":2}"#] {
            fs::write(folder.path().join("topic.json"), text).unwrap();
            let error = settle(folder.path(), "t", Some(4)).unwrap_err();
            assert!(error.to_string().contains("topic.json"), "{text}: {error}");
            assert!(!error.is_transient());
        }
    }
}
