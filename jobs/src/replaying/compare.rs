//! The pure core of a replay: from the line that must be there, and what is there, to a verdict.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use flightline_engine::contract::Standing;
use flightline_engine::log::{Offset, Partition};
use flightline_engine::stream::Line;
use serde::Deserialize;
use serde_json::Value;

use crate::access::lines::LinePosition;
use crate::response::Status;

/// What stands in the place of a field's name when lines can't be told apart by their fields.
const WHOLE_LINE: &str = "(the whole line)";

/// How a sink stands to an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It began above it, and owes nothing.
    Above,
    /// It says that all up to there and beyond is done.
    Passed,
    /// It has not said so yet.
    Below,
}

/// What a sink holds of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The line that must be there.
    Same,
    /// No line is due, and there is none.
    NotDue,
    /// The sink has not come so far.
    NotYet,
    /// The sink began above, and never had to hold it.
    BeforeStart,
    /// The answer to another request with the same UUID stands in its place, rightly.
    Another {
        /// Of the other request.
        partition: Partition,
        /// Of the other request.
        offset: Offset,
    },
    /// The sink has passed the request, and the line is not there.
    Missing,
    /// A line that says something else.
    Differs(Difference),
    /// The line more than once.
    Twice {
        /// How often.
        copies: usize,
    },
    /// A line where none is due.
    Needless,
}

/// Where two lines differ first, in the order of their fields' names.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The field.
    pub field: Box<str>,
    /// Its value in the line that must be there; `None` if it has no such field.
    pub expected: Option<Value>,
    /// Its value in the line that is there.
    pub found: Option<Value>,
}

impl Verdict {
    /// All words, the calm ones first.
    pub const WORDS: [&'static str; 9] = [
        "same",
        "none due",
        "not yet",
        "before its start",
        "another request's answer",
        "missing",
        "differs",
        "more than once",
        "needless",
    ];

    /// Whether something is wrong with the sink.
    #[must_use]
    pub const fn is_wrong(&self) -> bool {
        matches!(self, Self::Missing | Self::Differs(_) | Self::Twice { .. } | Self::Needless)
    }

    /// The verdict in a word or two.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::NotDue => "none due",
            Self::NotYet => "not yet",
            Self::BeforeStart => "before its start",
            Self::Another { .. } => "another request's answer",
            Self::Missing => "missing",
            Self::Differs(_) => "differs",
            Self::Twice { .. } => "more than once",
            Self::Needless => "needless",
        }
    }
}

/// The verdict on the lines that a sink with an order holds for a request. Where lines may repeat, as many as there are must
/// say the same.
#[must_use]
pub fn judge_lines(expected: Option<&Bytes>, found: &[Bytes], stand: Stand, may_repeat: bool) -> Verdict {
    match (expected, found) {
        (None, []) => Verdict::NotDue,
        (None, _) => Verdict::Needless,
        (Some(_), []) => absent(stand),
        (Some(_), several) if several.len() > 1 && !may_repeat => Verdict::Twice { copies: several.len() },
        (Some(expected), found) => {
            let differs = found.iter().find_map(|found| difference(expected, found));
            differs.map_or(Verdict::Same, Verdict::Differs)
        }
    }
}

/// The verdict on the document that a collection holds under the key of `expected`, the line of the request at `position`.
#[must_use]
pub fn judge_document(expected: &Line, position: LinePosition, found: Option<&Bytes>, stand: Stand) -> Verdict {
    let Some(found) = found else { return absent(stand) };
    let there = LinePosition::of(found);
    match there {
        Some(there) if there != position => {
            // The first stands, unless it is an error and this one is none.
            let gives_way = expected.standing == Standing::Final && !is_final(found);
            if gives_way {
                absent(stand)
            } else {
                Verdict::Another { partition: there.partition, offset: there.offset }
            }
        }
        _ => difference(&expected.body, found).map_or(Verdict::Same, Verdict::Differs),
    }
}

/// Where a line differs from the one that must be there; `None` if both say the same in canonical JSON.
#[must_use]
pub fn difference(expected: &[u8], found: &[u8]) -> Option<Difference> {
    if expected == found {
        return None;
    }
    let fields = |line: &[u8]| serde_json::from_slice::<BTreeMap<Box<str>, Value>>(line).ok();
    let (Some(mine), Some(theirs)) = (fields(expected), fields(found)) else {
        let whole = |line: &[u8]| Some(String::from_utf8_lossy(line).into());
        return Some(Difference { field: WHOLE_LINE.into(), expected: whole(expected), found: whole(found) });
    };
    let names: BTreeSet<&Box<str>> = mine.keys().chain(theirs.keys()).collect();
    // By their text: two numbers that are equal may be two answers, as 0.0 and -0.0.
    let text = |fields: &BTreeMap<Box<str>, Value>, name| fields.get(name).map(ToString::to_string);
    let field = names.into_iter().find(|name| text(&mine, *name) != text(&theirs, *name))?;
    Some(Difference { field: field.clone(), expected: mine.get(field).cloned(), found: theirs.get(field).cloned() })
}

/// Whether a document may not be replaced.
#[must_use]
pub fn is_final(document: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Head {
        status: Status,
    }
    serde_json::from_slice::<Head>(document).is_ok_and(|head| head.status == Status::Ok)
}

const fn absent(stand: Stand) -> Verdict {
    match stand {
        Stand::Above => Verdict::BeforeStart,
        Stand::Passed => Verdict::Missing,
        Stand::Below => Verdict::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const OK: &str = r#"{"Offset":7,"Partition":1,"Prediction":2,"Status":"OK"}"#;
    const ERROR: &str = r#"{"Error":"x","Offset":7,"Partition":1,"Status":"ERROR"}"#;

    fn bytes(text: &str) -> Bytes {
        Bytes::from(text.to_owned())
    }

    fn differs(expected: &str, found: &str) -> Option<(String, Option<Value>, Option<Value>)> {
        let Difference { field, expected, found } = difference(expected.as_bytes(), found.as_bytes())?;
        Some((field.into(), expected, found))
    }

    #[test]
    fn the_first_field_that_differs_is_named_with_both_values() {
        assert_eq!(differs(OK, OK), None);
        let other = OK.replace(":2", ":1").replace("OK", "ERROR");
        assert_eq!(differs(OK, &other), Some(("Prediction".to_owned(), Some(json!(2)), Some(json!(1)))));
        let less = OK.replace(r#""Prediction":2,"#, "");
        assert_eq!(differs(OK, &less), Some(("Prediction".to_owned(), Some(json!(2)), None)));
        assert_eq!(differs(&less, OK), Some(("Prediction".to_owned(), None, Some(json!(2)))));
        let (field, ..) = differs(r#"{"a":0.0}"#, r#"{"a":-0.0}"#).unwrap();
        assert_eq!(field, "a");
        let (field, _, found) = differs(OK, "no JSON").unwrap();
        assert_eq!((field.as_str(), found), (WHOLE_LINE, Some(json!("no JSON"))));
    }

    #[test]
    fn what_is_not_there_is_judged_by_how_far_the_sink_has_come() {
        for (stand, verdict) in
            [(Stand::Above, Verdict::BeforeStart), (Stand::Passed, Verdict::Missing), (Stand::Below, Verdict::NotYet)]
        {
            for may_repeat in [false, true] {
                let judge = |expected: Option<&Bytes>, found: &[Bytes]| judge_lines(expected, found, stand, may_repeat);
                let twice = [bytes(OK), bytes(OK)];
                assert_eq!(judge(Some(&bytes(OK)), &[]), verdict);
                assert_eq!(judge(None, &[]), Verdict::NotDue);
                assert_eq!(judge(None, &twice), Verdict::Needless);
                assert_eq!(judge(Some(&bytes(OK)), &twice[..1]), Verdict::Same);
                let of_twice = if may_repeat { Verdict::Same } else { Verdict::Twice { copies: 2 } };
                assert_eq!(judge(Some(&bytes(OK)), &twice), of_twice);
            }
            assert_eq!(judge_document(&line(OK), position(1, 7), None, stand), verdict);
            let mixed = judge_lines(Some(&bytes(OK)), &[bytes(OK), bytes(ERROR)], stand, true);
            assert!(matches!(mixed, Verdict::Differs(_)), "{mixed:?}");
        }
        let wrong = [Verdict::Missing, Verdict::Needless, Verdict::Twice { copies: 2 }];
        let right = [Verdict::Same, Verdict::NotDue, Verdict::NotYet, Verdict::BeforeStart];
        assert!(wrong.iter().all(Verdict::is_wrong) && !right.iter().any(Verdict::is_wrong));
        assert!(wrong.iter().chain(&right).all(|verdict| Verdict::WORDS.contains(&verdict.word())));
    }

    fn line(text: &str) -> Line {
        let standing = if is_final(text.as_bytes()) { Standing::Final } else { Standing::Provisional };
        Line { key: "k".into(), standing, body: bytes(text) }
    }

    fn position(partition: u32, offset: u64) -> LinePosition {
        LinePosition { partition: Partition(partition), offset: Offset(offset) }
    }

    #[test]
    fn a_reused_uuid_is_told_from_an_answer_that_should_stand() {
        let at = |text: &str, offset: u64| bytes(&text.replace(":7", &format!(":{offset}")));
        let judge =
            |expected: &str, found: &Bytes| judge_document(&line(expected), position(1, 7), Some(found), Stand::Passed);
        let another = Verdict::Another { partition: Partition(1), offset: Offset(9) };
        assert_eq!(judge(OK, &at(OK, 9)), another, "the first answer stands");
        assert_eq!(judge(ERROR, &at(OK, 9)), another, "no error replaces an answer");
        assert_eq!(judge(ERROR, &at(ERROR, 9)), another, "no error replaces another");
        assert_eq!(judge(OK, &at(ERROR, 9)), Verdict::Missing, "an answer replaces an error");
        assert_eq!(judge(OK, &at(OK, 7)), Verdict::Same);
        assert!(matches!(judge(OK, &at(ERROR, 7)), Verdict::Differs(_)));
        assert!(matches!(judge(OK, &bytes("{}")), Verdict::Differs(_)), "what says no position is no answer");
    }

    proptest! {
        #[test]
        fn lines_are_the_same_exactly_when_their_fields_are(
            mine in prop::collection::btree_map("[a-c]", 0_u8..3, 0..3), theirs in prop::collection::btree_map("[a-c]", 0_u8..3, 0..3),
        ) {
            let text = |fields: &BTreeMap<String, u8>| serde_json::to_vec(fields).unwrap();
            let found = difference(&text(&mine), &text(&theirs));
            prop_assert_eq!(found.is_none(), mine == theirs);
            if let Some(Difference { field, expected, found }) = found {
                prop_assert_eq!(expected, mine.get(&*field).map(|value| json!(value)));
                prop_assert_eq!(found, theirs.get(&*field).map(|value| json!(value)));
                prop_assert!(mine.range(..field.to_string()).eq(theirs.range(..field.to_string())), "it is the first");
            }
        }

        #[test]
        fn any_bytes_can_be_compared(mine: Vec<u8>, theirs: Vec<u8>) {
            prop_assert_eq!(difference(&mine, &theirs).is_none(), mine == theirs);
        }
    }
}
