//! The text of `model.json`: the same bytes for the same card, and no byte of it can change unseen.
//!
//! Indented, the format version first, then a checksum, then all keys sorted. The checksum is the SHA-256 of the
//! file with zeros in the checksum's own place.

use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::card::ModelCard;
use super::error::ModelError;
use super::seal::Seal;

/// Version of the model folder's format. A build reads one.
pub(super) const FORMAT: u32 = 1;

/// What stands in the checksum's place while the file is hashed.
const NO_CHECKSUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What is read first: all versions have it.
#[derive(Deserialize)]
struct Head {
    format: u64,
    #[serde(default)]
    checksum: String,
}

/// The text of a card.
///
/// # Errors
/// None that can occur: a card is texts and finite numbers.
pub(super) fn to_text(card: &ModelCard) -> serde_json::Result<String> {
    let Value::Object(card) = serde_json::to_value(card)? else {
        return Err(serde_json::Error::custom("a card is an object"));
    };
    let text = serde_json::to_string_pretty(&Page(&card))? + "\n";
    let checksum = Seal::of(text.as_bytes()).sha256;
    Ok(text.replacen(NO_CHECKSUM, &checksum, 1))
}

/// Reads the card that is the text of a file; `file` is its name, for messages.
///
/// # Errors
/// The file is from another version, damaged, or for another build.
pub(super) fn read(file: &str, text: &[u8]) -> Result<ModelCard, ModelError> {
    let head: Head = serde_json::from_slice(text)
        .map_err(|error| ModelError::damaged(file, format!("it is cut short or was edited: {error}")))?;
    if head.format != u64::from(FORMAT) {
        return Err(ModelError::UnknownFormat { file: file.to_owned(), found: head.format, known: FORMAT });
    }
    if checksum(text, &head.checksum).as_ref() != Some(&head.checksum) {
        return Err(ModelError::damaged(file, "it was changed after it was saved: its checksum does not match"));
    }
    serde_json::from_slice(text).map_err(|error| ModelError::foreign(file, error.to_string()))
}

/// The checksum that the text should have, if it has one in the form of one.
fn checksum(text: &[u8], found: &str) -> Option<String> {
    let at = text.windows(NO_CHECKSUM.len()).position(|window| window == found.as_bytes())?;
    let mut blank = text.to_vec();
    blank[at..at + NO_CHECKSUM.len()].copy_from_slice(NO_CHECKSUM.as_bytes());
    Some(Seal::of(&blank).sha256)
}

/// The whole file.
struct Page<'a>(&'a Map<String, Value>);

impl Serialize for Page<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("format", &FORMAT)?;
        map.serialize_entry("checksum", NO_CHECKSUM)?;
        for (key, value) in sorted(self.0) {
            map.serialize_entry(key, &Sorted(value))?;
        }
        map.end()
    }
}

/// A value with the keys of all its objects in order, whatever order the JSON library keeps them in.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => serializer.collect_map(sorted(map).map(|(key, value)| (key, Sorted(value)))),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            value => value.serialize(serializer),
        }
    }
}

fn sorted(map: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries.into_iter()
}
