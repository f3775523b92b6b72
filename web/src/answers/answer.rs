//! One answer as it is passed on: the stored JSON, byte for byte, and what we must know of it.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// An answer. Clones share one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    id: Uuid,
    is_error: bool,
    json: Arc<str>,
}

/// A line that is no answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer: {0}")]
pub struct NoAnswer(#[from] serde_json::Error);

/// What of an answer decides where it goes.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "UUID")]
    id: Uuid,
    /// Answers of other systems than ours have none, and are never errors.
    #[serde(rename = "Status", default)]
    status: Option<String>,
}

impl Answer {
    /// Reads a line of the response topic.
    ///
    /// # Errors
    /// It is no JSON object with a UUID.
    pub fn parse(line: &[u8]) -> Result<Self, NoAnswer> {
        let Head { id, status } = serde_json::from_slice(line)?;
        Ok(Self { id, is_error: status.as_deref() == Some("ERROR"), json: json_text(line)?.into() })
    }

    /// Who asked.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The answer as it stood in the topic.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Whether it takes the place of an answer with the same id: only an `OK` does, and only that of an `ERROR`.
    #[must_use]
    pub const fn replaces(&self, held: &Self) -> bool {
        held.is_error && !self.is_error
    }
}

/// The bytes as a text, if they are JSON.
///
/// # Errors
/// They are not.
pub fn json_text(bytes: &[u8]) -> serde_json::Result<&str> {
    serde_json::from_slice::<&RawValue>(bytes).map(RawValue::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77";

    #[test]
    fn an_answer_is_passed_on_as_it_is() {
        let line = format!(" {{\"Prediction\": 2, \"UUID\":\"{}\"}} ", UUID.to_uppercase());
        let answer = Answer::parse(line.as_bytes()).unwrap();
        assert_eq!(answer.json(), line.trim());
        assert_eq!(answer.id(), Uuid::parse_str(UUID).unwrap());
    }

    #[test]
    fn other_lines_are_no_answers() {
        for line in ["", "{", "[]", "{\"UUID\":7}", "{\"Status\":\"OK\"}", "{\"UUID\":\"x\"}", "{\"UUID\":null}"] {
            assert!(Answer::parse(line.as_bytes()).is_err(), "{line}");
        }
        assert!(Answer::parse(format!("{{\"UUID\":\"{UUID}\"}} more").as_bytes()).is_err());
        assert!(Answer::parse(b"{\"UUID\":\"\xff\"}").is_err());
    }

    #[test]
    fn only_an_ok_takes_the_place_of_an_error() {
        let with = |status: &str| Answer::parse(format!("{{\"UUID\":\"{UUID}\"{status}}}").as_bytes()).unwrap();
        let (ok, error, bare) = (with(",\"Status\":\"OK\""), with(",\"Status\":\"ERROR\""), with(""));
        assert!(ok.replaces(&error) && bare.replaces(&error));
        for (later, held) in [(&ok, &ok), (&error, &ok), (&error, &error), (&ok, &bare), (&error, &bare)] {
            assert!(!later.replaces(held), "{later:?} over {held:?}");
        }
    }
}
