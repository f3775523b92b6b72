//! A request that got no prediction, kept with its bytes and the reason, so that it can be asked again when the cause is
//! mended.
//!
//! The line is canonical JSON: `{"Bytes":…,"Offset":…,"Partition":…,"Reason":…,"Text":…,"UUID":…}`. `Bytes` are the
//! original ones in base64, whatever they are. `Text` repeats them for people, when they are UTF-8 and not long; `UUID` is
//! there if it could be read. A line is a function of its record, like an answer.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use flightline_engine::log::{Offset, Partition};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::request::RequestId;

/// The most bytes that are repeated as text.
const TEXT_LIMIT: usize = 4096;

/// A request without a prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Partition of the request log.
    pub partition: Partition,
    /// Where it stands there.
    pub offset: Offset,
    /// Why there is no prediction.
    pub reason: Box<str>,
    /// Who asked, if that could be read.
    pub id: Option<RequestId>,
    /// The record as it came.
    pub bytes: Bytes,
}

/// A line that is no dead letter.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// It is no such object.
    #[error("it is no dead letter: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The bytes can't be told.
    #[error("it is a dead letter whose Bytes are no base64: {0}")]
    Bytes(#[from] base64::DecodeError),
    /// Who asked can't be told.
    #[error("it is a dead letter whose UUID is none: {0:?}")]
    Id(Box<str>),
}

impl DeadLetter {
    /// What it is stored under: `<partition>-<offset>`.
    #[must_use]
    pub fn key(&self) -> Box<str> {
        format!("{}-{}", self.partition, self.offset).into()
    }

    /// The canonical line, without a line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        // In the order of their names.
        let text = std::str::from_utf8(&self.bytes).ok().filter(|text| text.len() <= TEXT_LIMIT);
        let fields = [
            ("Bytes", Some(BASE64_STANDARD.encode(&self.bytes).into())),
            ("Offset", Some(self.offset.0.into())),
            ("Partition", Some(self.partition.0.into())),
            ("Reason", Some((&*self.reason).into())),
            ("Text", text.map(Value::from)),
            ("UUID", self.id.as_ref().map(|id| id.as_str().into())),
        ];
        let line: Map<String, Value> =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        Value::Object(line).to_string()
    }

    /// Reads a line back; the text for people is passed over.
    ///
    /// # Errors
    /// Why it is no dead letter.
    pub fn parse(line: &[u8]) -> Result<Self, DeadLetterError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "PascalCase")]
        struct Line {
            bytes: String,
            offset: Offset,
            partition: Partition,
            reason: Box<str>,
            #[serde(rename = "Text")]
            _text: Option<IgnoredAny>,
            #[serde(rename = "UUID")]
            id: Option<Box<str>>,
        }
        let Line { bytes, offset, partition, reason, id, .. } = serde_json::from_slice(line)?;
        let id = match id {
            Some(id) => Some(RequestId::parse(&id).ok_or(DeadLetterError::Id(id))?),
            None => None,
        };
        Ok(Self { partition, offset, reason, id, bytes: BASE64_STANDARD.decode(bytes)?.into() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "6bf3d6f0-7b07-4a43-9f3a-2f6a0d4c1f77";

    fn letter(bytes: impl Into<Bytes>) -> DeadLetter {
        DeadLetter {
            partition: Partition(2),
            offset: Offset(17),
            reason: "the request has no \"Dest\"".into(),
            id: RequestId::parse(UUID),
            bytes: bytes.into(),
        }
    }

    #[test]
    fn a_dead_letter_in_full() {
        let line = letter("{é}").to_json();
        let expected = format!(
            "{{\"Bytes\":\"e8OpfQ==\",\"Offset\":17,\"Partition\":2,\"Reason\":\"the request has no \\\"Dest\\\"\",\
             \"Text\":\"{{é}}\",\"UUID\":\"{UUID}\"}}"
        );
        assert_eq!(line, expected);
        assert_eq!(&*letter("").key(), "2-17");
    }

    #[test]
    fn a_text_is_repeated_only_when_it_is_one_and_short() {
        for (bytes, repeated) in
            [(vec![b'x'; TEXT_LIMIT], true), (vec![b'x'; TEXT_LIMIT + 1], false), (vec![0xff], false)]
        {
            assert_eq!(letter(bytes).to_json().contains("\"Text\""), repeated);
        }
    }

    #[test]
    fn what_is_no_dead_letter_says_why() {
        for (line, reason) in [
            ("", "it is no dead letter: EOF"),
            ("{\"Bytes\":\"\",\"Offset\":1,\"Partition\":0}", "missing field `Reason`"),
            ("{\"Bytes\":\"%\",\"Offset\":1,\"Partition\":0,\"Reason\":\"\"}", "Bytes are no base64"),
            ("{\"Bytes\":\"\",\"Offset\":1,\"Partition\":0,\"Reason\":\"\",\"UUID\":\"me\"}", "UUID is none: \"me\""),
            ("{\"Bytes\":\"\",\"Offset\":-1,\"Partition\":0,\"Reason\":\"\"}", "it is no dead letter"),
        ] {
            let error = DeadLetter::parse(line.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_dead_letter_reads_back_with_all_its_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..300), reason in "\\PC{0,20}", known in any::<bool>(),
        ) {
            let mut letter = letter(bytes);
            letter.reason = reason.into();
            letter.id = letter.id.filter(|_| known);
            let line = letter.to_json();
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(DeadLetter::parse(line.as_bytes()).unwrap(), letter);
            let sorted: std::collections::BTreeMap<String, Value> = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(serde_json::to_string(&sorted).unwrap(), line);
        }
    }
}
