//! Lines of JSON as documents, and documents as lines.
//!
//! Invariant: a line that was made canonical (no spaces, the shortest numbers) and became a document reads back with the same
//! bytes, `_id` left aside. Whole numbers stay whole (`Int32` where they fit, else `Int64`), others are doubles, fields keep
//! their order.

use std::fmt;

use mongodb::bson::{Bson, Document};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// The field that every document has, and no line.
pub(super) const ID: &str = "_id";

/// The document of a line, which must be an object. The error is a sentence without its subject.
pub(super) fn document(line: &[u8]) -> Result<Document, String> {
    let mut reader = serde_json::Deserializer::from_slice(line);
    let value = Value.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Bson::Document(document)) if !document.contains_key(ID) => Ok(document),
        Ok(Bson::Document(_)) => Err("it has a field `_id`, which is the collection's own".to_owned()),
        Ok(_) => Err("it is no JSON object".to_owned()),
        Err(error) => Err(format!("it can't be read as a document: {error}")),
    }
}

/// The line of a document, without its `_id`.
pub(super) fn line(document: &Document) -> Vec<u8> {
    // Only a map with keys that are no texts, or a failing writer, could make an error of this.
    serde_json::to_vec(&Line(document)).unwrap_or_default()
}

/// Reads any JSON as BSON.
struct Value;

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Bson;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Bson, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Bson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Bson, E> {
        Ok(Bson::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Bson, E> {
        Ok(Bson::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Bson, E> {
        Ok(i32::try_from(value).map_or(Bson::Int64(value), Bson::Int32))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Bson, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Err(E::custom(format!("{value} is above what MongoDB's whole numbers hold"))),
        }
    }

    fn visit_f64<E>(self, value: f64) -> Result<Bson, E> {
        Ok(Bson::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Bson, E> {
        Ok(Bson::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bson, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            array.push(item);
        }
        Ok(Bson::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Bson, A::Error> {
        let mut document = Document::new();
        while let Some(name) = fields.next_key::<String>()? {
            if name.contains('\0') {
                return Err(A::Error::custom("a field's name holds the character 0, which documents can't"));
            }
            document.insert(name, fields.next_value_seed(Self)?);
        }
        Ok(Bson::Document(document))
    }
}

/// A document without its `_id`.
struct Line<'a>(&'a Document);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.iter().filter(|(name, _)| *name != ID) {
            map.serialize_entry(name, &Json(value))?;
        }
        map.end()
    }
}

/// Any BSON. What JSON doesn't have becomes a text: other programs may have put it there.
struct Json<'a>(&'a Bson);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Bson::Null | Bson::Undefined => serializer.serialize_unit(),
            Bson::Boolean(value) => serializer.serialize_bool(*value),
            Bson::Int32(value) => serializer.serialize_i32(*value),
            Bson::Int64(value) => serializer.serialize_i64(*value),
            Bson::Double(value) => serializer.serialize_f64(*value),
            Bson::String(value) => serializer.serialize_str(value),
            Bson::Array(items) => {
                let mut array = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    array.serialize_element(&Json(item))?;
                }
                array.end()
            }
            Bson::Document(document) => {
                let mut map = serializer.serialize_map(Some(document.len()))?;
                for (name, value) in document {
                    map.serialize_entry(name, &Json(value))?;
                }
                map.end()
            }
            Bson::ObjectId(id) => serializer.serialize_str(&id.to_hex()),
            Bson::DateTime(time) => match time.try_to_rfc3339_string() {
                Ok(time) => serializer.serialize_str(&time),
                Err(_) => serializer.serialize_i64(time.timestamp_millis()),
            },
            other => serializer.serialize_str(&other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{DateTime, doc, oid::ObjectId};
    use proptest::prelude::*;
    use serde_json::{Map, Number};

    use super::*;

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value as Json;
        let number = prop_oneof![
            any::<i64>().prop_map(Number::from),
            (-1000_i32..1000).prop_map(Number::from),
            any::<f64>().prop_filter_map("finite", Number::from_f64),
            (-1000_i32..1000).prop_filter_map("finite", |whole| Number::from_f64(f64::from(whole))),
        ];
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            number.prop_map(Json::Number),
            any::<String>().prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                fields(inner).prop_map(Json::Object),
            ]
        })
    }

    fn fields(
        value: impl Strategy<Value = serde_json::Value>,
    ) -> impl Strategy<Value = Map<String, serde_json::Value>> {
        prop::collection::btree_map("[^\0]{0,6}", value, 0..5).prop_map(|fields| fields.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_canonical_line_reads_back_byte_for_byte(object in fields(any_json()), id: String) {
            let text = serde_json::to_string(&object).unwrap();
            prop_assume!(!object.contains_key(ID));
            let mut document = document(text.as_bytes()).unwrap();
            prop_assert_eq!(String::from_utf8(line(&document)).unwrap(), text.as_str());
            document.insert(ID, id);
            let stored = document.to_vec().unwrap();
            let read = Document::from_reader(stored.as_slice()).unwrap();
            prop_assert_eq!(String::from_utf8(line(&read)).unwrap(), text.as_str());
        }
    }

    #[test]
    fn numbers_have_the_types_that_clients_expect() {
        let document = document(br#"{"a":1,"b":4294967296,"c":1.0,"d":-2147483648,"e":1e2}"#).unwrap();
        assert_eq!(document, doc! {"a": 1, "b": 4_294_967_296_i64, "c": 1.0, "d": i32::MIN, "e": 100.0});
    }

    #[test]
    fn what_is_no_document_is_refused_in_a_sentence() {
        for (line, told) in [
            ("[1]", "no JSON object"),
            ("{", "can't be read"),
            ("{} {}", "can't be read"),
            (r#"{"_id":1}"#, "a field `_id`"),
            (r#"{"a":18446744073709551615}"#, "18446744073709551615 is above"),
            (r#"{"a\u0000":1}"#, "the character 0"),
        ] {
            let error = document(line.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{line}: {error}");
        }
    }

    #[test]
    fn what_json_does_not_have_becomes_a_text() {
        let document = doc! {
            "_id": 7,
            "id": ObjectId::parse_str("0123456789abcdef01234567").unwrap(),
            "time": DateTime::from_millis(0),
        };
        assert_eq!(
            String::from_utf8(line(&document)).unwrap(),
            r#"{"id":"0123456789abcdef01234567","time":"1970-01-01T00:00:00Z"}"#
        );
    }
}
