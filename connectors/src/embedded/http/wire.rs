//! The JSON that goes over the wire: written by the routes, read by the remote client.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use flightline_engine::log::{LogRecord, Offset, Partition};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::MOST_RECORDS;

/// `GET /topics`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TopicsBody {
    pub(crate) topics: Vec<TopicBody>,
}

/// A topic, and what of it is in the process that answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TopicBody {
    pub(crate) name: String,
    pub(crate) partitions: u32,
    pub(crate) here: Vec<PartitionBody>,
}

/// A partition and its bounds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PartitionBody {
    pub(crate) partition: Partition,
    pub(crate) from: Offset,
    pub(crate) to: Offset,
}

/// Records that were read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RecordsBody {
    /// Where to go on.
    pub(crate) next: Offset,
    pub(crate) records: Vec<RecordBody>,
}

/// A record that was read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RecordBody {
    pub(crate) offset: Offset,
    #[serde(flatten)]
    pub(crate) payload: PayloadBody,
}

/// Records to append. Of more than may be sent at once only the first are read, and one more.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRecordsBody {
    #[serde(deserialize_with = "first_records")]
    pub(crate) records: Vec<PayloadBody>,
}

/// The bytes of a record: as text if they are that.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PayloadBody {
    Text(String),
    Base64(String),
}

/// `GET /collections`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CollectionsBody {
    pub(crate) collections: Vec<CollectionBody>,
}

/// A collection.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CollectionBody {
    pub(crate) name: String,
    pub(crate) documents: u64,
}

/// Documents in the order of their ids.
#[derive(Debug, Serialize)]
pub(crate) struct DocumentsBody {
    pub(crate) documents: Vec<DocumentBody>,
    /// The `after` of the next page; `null` at the end.
    pub(crate) next: Option<String>,
}

/// A document: embedded if it is JSON.
#[derive(Debug, Serialize)]
pub(crate) struct DocumentBody {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) document: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base64: Option<String>,
}

/// How many documents were stored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredBody {
    pub(crate) stored: usize,
}

/// An error.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProblemBody {
    pub(crate) error: String,
    pub(crate) kind: String,
}

fn first_records<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<PayloadBody>, D::Error> {
    struct First;
    impl<'de> Visitor<'de> for First {
        type Value = Vec<PayloadBody>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list of records")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut records = Vec::new();
            while records.len() <= MOST_RECORDS
                && let Some(record) = list.next_element()?
            {
                records.push(record);
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(records)
        }
    }
    input.deserialize_seq(First)
}

impl PayloadBody {
    pub(crate) fn of(payload: &Bytes) -> Self {
        match std::str::from_utf8(payload) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::base64(payload),
        }
    }

    /// The bytes in a form whose length is known: text may need six bytes for one.
    pub(crate) fn base64(payload: &Bytes) -> Self {
        Self::Base64(BASE64_STANDARD.encode(payload))
    }

    /// The bytes, or what is wrong with them.
    pub(crate) fn bytes(self) -> Result<Bytes, String> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::Base64(text) => Ok(BASE64_STANDARD.decode(text).map_err(|error| error.to_string())?.into()),
        }
    }
}

impl From<&LogRecord> for RecordBody {
    fn from(record: &LogRecord) -> Self {
        Self { offset: record.offset, payload: PayloadBody::of(&record.payload) }
    }
}

impl DocumentBody {
    pub(crate) fn of(id: String, body: &Bytes) -> Self {
        let text = std::str::from_utf8(body).ok();
        let document = text.and_then(|text| RawValue::from_string(text.to_owned()).ok());
        let base64 = document.is_none().then(|| BASE64_STANDARD.encode(body));
        Self { id, document, base64 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_record_survives_the_wire(offset: u64, payload: Vec<u8>) {
            let record = LogRecord { offset: Offset(offset), payload: payload.into() };
            let text = serde_json::to_string(&RecordBody::from(&record)).unwrap();
            let back: RecordBody = serde_json::from_str(&text).unwrap();
            prop_assert_eq!((back.offset, back.payload.bytes().unwrap()), (record.offset, record.payload));
        }
    }

    #[test]
    fn a_record_reads_well() {
        let text = RecordBody::from(&LogRecord { offset: Offset(3), payload: Bytes::from_static(b"{}") });
        assert_eq!(serde_json::to_string(&text).unwrap(), r#"{"offset":3,"text":"{}"}"#);
        let bytes = RecordBody::from(&LogRecord { offset: Offset(3), payload: Bytes::from_static(b"\xff") });
        assert_eq!(serde_json::to_string(&bytes).unwrap(), r#"{"offset":3,"base64":"/w=="}"#);
    }

    #[test]
    fn a_document_that_is_json_is_embedded() {
        let document = DocumentBody::of("a".to_owned(), &Bytes::from_static(br#"{"Distance":1.50}"#));
        assert_eq!(serde_json::to_string(&document).unwrap(), r#"{"_id":"a","document":{"Distance":1.50}}"#);
        let bytes = DocumentBody::of("a".to_owned(), &Bytes::from_static(b"{"));
        assert_eq!(serde_json::to_string(&bytes).unwrap(), r#"{"_id":"a","base64":"ew=="}"#);
    }
}
