//! An entry as one line of JSON, with a line feed at its end, so that `grep` and `jq` can read a ledger.
//!
//! The line is canonical: keys sorted, no spaces, so that equal entries are equal bytes. It carries the number of this
//! format; a build refuses formats and kinds that it doesn't know, by name, instead of guessing.
//!
//! ```text
//! {"binding":{"format":1,"model":"c1…","settings":{},"table":3},"generation":2,"kind":"bind","ranges":{"0":{"from":0,"to":1024}},"version":1}
//! ```

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Entry, EntryBody, Generation};

/// The number of the way in which this build writes entries down.
pub const ENTRY_FORMAT: u32 = 1;

/// The kinds of entries that this build knows.
const KINDS: [&str; 6] = ["open", "claim", "register", "bind", "cut", "close"];

/// Why a line is no entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LineError {
    /// Not JSON, or not this shape.
    #[error("this is damaged ({0}): restore it from a copy of the job's state folder; nothing may be guessed here")]
    Damaged(String),
    /// Of a build that writes otherwise.
    #[error(
        "this is written in format {found}, and this build knows only format {known}: run the build that wrote it, or a later one"
    )]
    UnknownFormat {
        /// The format's number.
        found: u32,
        /// The number that this build knows.
        known: u32,
    },
    /// Of a build that writes more.
    #[error(
        "this is an entry of kind \"{0}\", which this build doesn't know: run the build that wrote it, or a later one"
    )]
    UnknownKind(String),
}

/// What every line has beside its format, whatever its kind.
#[derive(Deserialize)]
struct Head {
    kind: String,
    generation: Generation,
}

impl EntryBody {
    /// The name of its kind, as the line has it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Claim { .. } => "claim",
            Self::Register { .. } => "register",
            Self::Bind { .. } => "bind",
            Self::Cut { .. } => "cut",
            Self::Close { .. } => "close",
        }
    }
}

impl Entry {
    /// The entry as a line, with a line feed at its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut fields = match to_value(&self.body) {
            Value::Object(mut kinds) => match kinds.remove(self.body.kind()) {
                Some(Value::Object(fields)) => fields,
                _ => Map::new(),
            },
            _ => Map::new(),
        };
        fields.insert("generation".to_owned(), self.generation.0.into());
        fields.insert("kind".to_owned(), self.body.kind().into());
        fields.insert("version".to_owned(), ENTRY_FORMAT.into());
        canonical(Value::Object(fields))
    }

    /// Reads a line back.
    ///
    /// # Errors
    /// The line is damaged, or of a build that writes otherwise.
    pub fn from_line(line: impl AsRef<[u8]>) -> Result<Self, LineError> {
        let mut value: Value = serde_json::from_slice(line.as_ref()).map_err(damaged)?;
        check_format(&value, ENTRY_FORMAT)?;
        let Head { kind, generation } = Head::deserialize(&value).map_err(damaged)?;
        if !KINDS.contains(&kind.as_str()) {
            return Err(LineError::UnknownKind(kind));
        }
        if let Value::Object(fields) = &mut value {
            for shared in ["version", "kind", "generation"] {
                fields.remove(shared);
            }
        }
        let body = serde_json::from_value(Value::Object(Map::from_iter([(kind, value)]))).map_err(damaged)?;
        Ok(Self { generation, body })
    }
}

/// Refuses what is written in another format, before anything else in it is looked at.
pub(super) fn check_format(value: &Value, known: u32) -> Result<(), LineError> {
    #[derive(Deserialize)]
    struct Format {
        version: u32,
    }
    let Format { version: found } = Format::deserialize(value).map_err(damaged)?;
    if found == known { Ok(()) } else { Err(LineError::UnknownFormat { found, known }) }
}

/// What serde makes of something that is in a ledger.
#[allow(
    clippy::expect_used,
    reason = "the ledger's types have only texts and numbers as keys, and no number is a float"
)]
pub(super) fn to_value<T: serde::Serialize>(thing: &T) -> Value {
    serde_json::to_value(thing).expect("the ledger's types are JSON")
}

/// One line with sorted keys.
pub(super) fn canonical(mut value: Value) -> String {
    value.sort_all_objects();
    format!("{value}\n")
}

pub(super) fn damaged(error: serde_json::Error) -> LineError {
    LineError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::SinkName;
    use crate::ids::JobName;
    use crate::ledger::samples::{any_entries, binding};
    use crate::log::{Offset, OffsetRange, Offsets, Partition};

    fn entry(generation: u64, body: EntryBody) -> Entry {
        Entry { generation: Generation(generation), body }
    }

    proptest! {
        #[test]
        fn an_entry_is_read_as_it_was_written_and_in_one_way_only(entry in any_entries()) {
            let line = entry.to_line();
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert!(line.ends_with('\n'));
            let read = Entry::from_line(&line);
            prop_assert_eq!(read.as_ref(), Ok(&entry));
            prop_assert_eq!(read.map(|entry| entry.to_line()), Ok(line));
        }

        #[test]
        fn an_entry_also_travels_by_serde_alone(entry in any_entries()) {
            let plain = serde_json::to_string(&entry).unwrap();
            prop_assert_eq!(serde_json::from_str::<Entry>(&plain).unwrap(), entry);
        }

        #[test]
        fn a_part_of_a_line_is_damaged(entry in any_entries(), cut in any::<prop::sample::Index>()) {
            let line = entry.to_line();
            let length = cut.index(line.len() - 1);
            prop_assert!(matches!(Entry::from_line(&line.as_bytes()[..length]), Err(LineError::Damaged(_))));
        }

        #[test]
        fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(Entry::from_line(bytes).is_err());
        }
    }

    #[test]
    fn the_line_of_each_kind_is_what_the_docs_promise() {
        let at = Offsets::from([(Partition(2), Offset(7)), (Partition(10), Offset(8))]);
        let ranges = [(Partition(0), OffsetRange::new(Offset(0), Offset(5)))].into();
        let sink = SinkName("files".into());
        let bodies = [
            (
                EntryBody::Open { job: JobName("j\"1".into()), partitions: 4, nonce: 9 },
                r#"{"generation":1,"job":"j\"1","kind":"open","nonce":9,"partitions":4,"version":1}"#,
            ),
            (
                EntryBody::Claim { nonce: 9, partitions: None },
                r#"{"generation":1,"kind":"claim","nonce":9,"version":1}"#,
            ),
            (
                EntryBody::Register { sink, starts: at.clone() },
                r#"{"generation":1,"kind":"register","sink":"files","starts":{"10":8,"2":7},"version":1}"#,
            ),
            (
                EntryBody::Bind { binding: binding(3), ranges },
                r#"{"binding":{"format":1,"model":"m3","settings":{"threshold":"0.5"},"table":1},"generation":1,"kind":"bind","ranges":{"0":{"from":0,"to":5}},"version":1}"#,
            ),
            (
                EntryBody::Cut { binding: binding(0), at: at.clone(), upto: Offsets::new() },
                r#"{"at":{"10":8,"2":7},"binding":{"format":1,"model":"m0","settings":{"threshold":"0.5"},"table":1},"generation":1,"kind":"cut","upto":{},"version":1}"#,
            ),
            (EntryBody::Close { at }, r#"{"at":{"10":8,"2":7},"generation":1,"kind":"close","version":1}"#),
        ];
        assert_eq!(bodies.each_ref().map(|(body, _)| body.kind()), KINDS);
        let grown = Entry { generation: Generation(1), body: EntryBody::Claim { nonce: 9, partitions: Some(8) } };
        assert_eq!(
            grown.to_line().trim_end(),
            r#"{"generation":1,"kind":"claim","nonce":9,"partitions":8,"version":1}"#
        );
        assert_eq!(Entry::from_line(grown.to_line()), Ok(grown));
        for (body, line) in bodies {
            assert_eq!(entry(1, body).to_line(), format!("{line}\n"));
        }
    }

    #[test]
    fn what_another_build_wrote_is_refused_by_name() {
        let refusal = |line: &str| Entry::from_line(line).unwrap_err();
        let later = refusal(r#"{"version":2,"kind":"swap","generation":"third"}"#);
        assert_eq!(later, LineError::UnknownFormat { found: 2, known: 1 });
        assert!(later.to_string().contains("format 2") && later.to_string().contains("format 1"), "{later}");
        let kind = refusal(r#"{"version":1,"kind":"swap","generation":3,"who":1}"#);
        assert_eq!(kind, LineError::UnknownKind("swap".to_owned()));
        assert!(kind.to_string().contains("\"swap\""), "{kind}");
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        for (line, word) in [
            (r#"{"kind":"claim","generation":3,"nonce":1}"#, "version"),
            (r#"{"version":1,"kind":"claim","nonce":1}"#, "generation"),
            (r#"{"version":1,"generation":1,"nonce":1}"#, "kind"),
            (r#"{"version":1,"kind":"claim","generation":3}"#, "nonce"),
            (r#"{"version":1,"kind":"claim","generation":3,"nonce":1,"shade":1}"#, "shade"),
            (r#"{"version":1,"kind":"close","generation":3,"at":{"first":1}}"#, "number"),
            (r#"{"version":1,"kind":"close","generation":3,"at":{"0":-1}}"#, "-1"),
        ] {
            let error = Entry::from_line(line).unwrap_err();
            assert!(matches!(error, LineError::Damaged(_)), "{line}: {error:?}");
            assert!(error.to_string().contains(word), "{line}: {error}");
        }
    }
}
