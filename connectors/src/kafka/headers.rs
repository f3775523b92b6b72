//! Headers of an answer: some of its fields, for who routes or counts answers without reading them.

use std::fmt;

use rdkafka::message::{Header, OwnedHeaders};
use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Which fields of an answer become which headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerHeaders(
    /// The header's name, and the field's at the top of the answer.
    pub Vec<(String, String)>,
);

impl AnswerHeaders {
    /// The headers of a line: a string's text, and anything else as JSON writes it. Fields that aren't there, or are null, give
    /// none; nor does a line that is no object.
    pub(super) fn of(&self, line: &[u8]) -> Option<OwnedHeaders> {
        if self.0.is_empty() {
            return None;
        }
        let mut deserializer = serde_json::Deserializer::from_slice(line);
        let found = deserializer.deserialize_map(Fields(&self.0)).unwrap_or_default();
        let mut headers = OwnedHeaders::new_with_capacity(found.len());
        for (place, value) in &found {
            if let Some((name, _)) = self.0.get(*place) {
                headers = headers.insert(Header { key: name, value: Some(value) });
            }
        }
        Some(headers)
    }
}

/// Finds fields; gives their places among the wanted ones, and their texts.
struct Fields<'a>(&'a [(String, String)]);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Vec<(usize, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::with_capacity(self.0.len());
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if !self.0.iter().any(|(_, field)| *field == *key) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let raw: &RawValue = map.next_value()?;
            let text = match raw.get() {
                "null" => continue,
                string if string.starts_with('"') => serde_json::from_str(string).map_err(A::Error::custom)?,
                other => other.to_owned(),
            };
            let places = self.0.iter().enumerate().filter(|(_, (_, field))| *field == *key);
            found.extend(places.map(|(place, _)| (place, text.clone())));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Headers;

    use super::*;

    fn headers(line: &str) -> Vec<(String, String)> {
        let wanted = [("model", "Model"), ("table", "Table"), ("status", "Status")];
        let wanted = AnswerHeaders(wanted.map(|(name, field)| (name.to_owned(), field.to_owned())).into());
        let found = wanted.of(line.as_bytes()).unwrap();
        let text = |header: Header<'_, &[u8]>| String::from_utf8(header.value.unwrap_or_default().to_vec()).unwrap();
        found.iter().map(|header| (header.key.to_owned(), text(header))).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fields_become_headers() {
        let line = r#"{"Model":"m \"1\"","Nested":{"Status":"no"},"Table":12,"Status":"OK","List":[1,"Model"]}"#;
        assert_eq!(headers(line), pairs(&[("model", "m \"1\""), ("table", "12"), ("status", "OK")]));
    }

    #[test]
    fn what_is_not_there_gives_none() {
        assert_eq!(headers(r#"{"Model":null,"Status":"ERROR"}"#), pairs(&[("status", "ERROR")]));
        for line in ["", "[]", "7", r#"{"Model":"m","#, "\u{0}"] {
            assert_eq!(headers(line), [], "{line}");
        }
        assert!(AnswerHeaders::default().of(b"{}").is_none());
    }
}
