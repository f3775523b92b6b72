//! An answer as a document, and which of two with the same key stands. Pure.
//!
//! `_id` is the key; the other fields are the line's. A line tells its request by its fields `Partition` and `Offset`, and by
//! `Status` whether it may be replaced, so the rule of the ledger can be said in terms of what is stored.

use std::collections::BTreeMap;

use flightline_engine::contract::{Item, Standing};
use flightline_engine::ledger::decide::stands;
use flightline_engine::log::{Offset, Partition};
use mongodb::bson::{Document, doc};

use super::abilities::number;
use super::json;

const PARTITION: &str = "Partition";
const OFFSET: &str = "Offset";
const STATUS: &str = "Status";
const PROVISIONAL: &str = "ERROR";

/// A line to be stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// What it is stored under.
    pub(super) key: Box<str>,
    pub(super) partition: Partition,
    pub(super) offset: Offset,
    pub(super) standing: Standing,
    /// With its `_id`.
    pub(super) document: Document,
}

/// What stands under an answer's key, seen from the answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing that a majority has: what was in the way is not settled yet.
    Unsettled,
    /// This very answer.
    Same,
    /// An answer to the same request that says something else. That must never be.
    Differs,
    /// Another answer that stands.
    Reused,
    /// Another answer, whose place this one takes.
    GivesWay,
}

impl Answer {
    /// The answer that a line is. The error is a sentence that begins with the request's place.
    pub(super) fn of(partition: Partition, item: &Item) -> Result<Self, String> {
        let Item { offset, key, standing, body } = item;
        let place = || format!("the answer to partition {partition}, offset {offset}");
        let fields = json::document(body).map_err(|cause| format!("{} is no document: {cause}", place()))?;
        if position(&fields) != Some((partition, *offset)) || self::standing(&fields) != *standing {
            return Err(format!(
                "{} can't be stored: its fields Partition, Offset and Status say something else; this is a bug",
                place()
            ));
        }
        let mut document = doc! {json::ID: &**key};
        document.extend(fields);
        Ok(Self { key: key.clone(), partition, offset: *offset, standing: *standing, document })
    }

    /// What must be found for this answer to take its place: an answer to another request that failed, where this one did
    /// not. Nothing, for an answer that itself is an error.
    pub(super) fn filter(&self) -> Document {
        let partition = i64::from(self.partition.0);
        // Offsets of a line were read from whole numbers that fit.
        let offset = i64::try_from(self.offset.0).unwrap_or(i64::MAX);
        match self.standing {
            Standing::Final => doc! {
                json::ID: &*self.key,
                STATUS: PROVISIONAL,
                "$nor": [{PARTITION: partition, OFFSET: offset}],
            },
            Standing::Provisional => doc! {json::ID: &*self.key, STATUS: {"$in": []}},
        }
    }

    /// What follows of the document that stands under the same key.
    pub(super) fn against(&self, stored: Option<&Document>) -> Verdict {
        let Some(stored) = stored else { return Verdict::Unsettled };
        let same_position = position(stored) == Some((self.partition, self.offset));
        if same_position {
            return if *stored == self.document { Verdict::Same } else { Verdict::Differs };
        }
        if stands(standing(stored), false, self.standing) { Verdict::GivesWay } else { Verdict::Reused }
    }
}

/// The request that a document answers; `None` if it is none of ours.
fn position(document: &Document) -> Option<(Partition, Offset)> {
    let partition = u32::try_from(number(document.get(PARTITION))?).ok()?;
    let offset = u64::try_from(number(document.get(OFFSET))?).ok()?;
    Some((Partition(partition), Offset(offset)))
}

fn standing(document: &Document) -> Standing {
    match document.get_str(STATUS) {
        Ok(PROVISIONAL) => Standing::Provisional,
        _ => Standing::Final,
    }
}

/// One answer for each key, by the same rule, and how many were left out because an earlier request had used their key. A
/// batch may be carried out in any order, so it never holds two for one document.
pub(super) fn one_for_each_key(answers: Vec<Answer>) -> (Vec<Answer>, u64) {
    let mut places: BTreeMap<Box<str>, usize> = BTreeMap::new();
    let (mut kept, mut reused): (Vec<Answer>, u64) = (Vec::with_capacity(answers.len()), 0);
    for answer in answers {
        let Some(before) = places.get(&answer.key).and_then(|at| kept.get_mut(*at)) else {
            places.insert(answer.key.clone(), kept.len());
            kept.push(answer);
            continue;
        };
        if stands(before.standing, false, answer.standing) {
            *before = answer;
        } else {
            reused += 1;
        }
    }
    (kept, reused)
}

#[cfg(test)]
pub(super) mod tests {
    use bytes::Bytes;

    use Standing::{Final, Provisional};

    use super::*;

    pub(in crate::mongodb) fn item(key: &str, partition: u32, offset: u64, standing: Standing, text: &str) -> Item {
        let status = if standing == Final { "OK" } else { PROVISIONAL };
        let body = format!(
            r#"{{"Offset":{offset},"Partition":{partition},"Status":"{status}","Text":"{text}","UUID":"{key}"}}"#
        );
        Item { offset: Offset(offset), key: key.into(), standing, body: Bytes::from(body) }
    }

    pub(in crate::mongodb) fn answer(key: &str, partition: u32, offset: u64, standing: Standing) -> Answer {
        Answer::of(Partition(partition), &item(key, partition, offset, standing, "x")).unwrap()
    }

    #[test]
    fn a_line_becomes_a_document_under_its_key() {
        let answer = answer("k", 2, 17, Final);
        let expected = doc! {"_id": "k", "Offset": 17, "Partition": 2, "Status": "OK", "Text": "x", "UUID": "k"};
        assert_eq!(answer.document, expected);
        assert_eq!(answer.document.keys().next().map(String::as_str), Some("_id"));
    }

    #[test]
    fn a_line_that_tells_another_place_is_refused() {
        let lines = [
            item("k", 2, 17, Final, "x"),
            Item { standing: Provisional, ..item("k", 1, 17, Final, "x") },
            Item { offset: Offset(18), ..item("k", 1, 17, Final, "x") },
            Item { body: Bytes::from_static(b"{}"), ..item("k", 1, 17, Final, "x") },
        ];
        for item in lines {
            let error = Answer::of(Partition(1), &item).unwrap_err();
            assert!(error.contains("partition 1, offset 1") && error.contains("a bug"), "{error}");
        }
        let broken = Item { body: Bytes::from_static(b"{"), ..item("k", 1, 17, Final, "x") };
        assert!(Answer::of(Partition(1), &broken).unwrap_err().contains("is no document"));
    }

    #[test]
    fn what_stands_decides_what_follows() {
        let ours = answer("k", 0, 5, Final);
        assert_eq!(ours.against(None), Verdict::Unsettled);
        assert_eq!(ours.against(Some(&ours.document)), Verdict::Same);
        let mut other = ours.document.clone();
        other.insert("Text", "y");
        assert_eq!(ours.against(Some(&other)), Verdict::Differs);
        assert_eq!(ours.against(Some(&answer("k", 0, 4, Final).document)), Verdict::Reused);
        assert_eq!(ours.against(Some(&answer("k", 1, 5, Provisional).document)), Verdict::GivesWay);
        let failed = answer("k", 0, 5, Provisional);
        assert_eq!(failed.against(Some(&answer("k", 0, 4, Provisional).document)), Verdict::Reused);
        assert_eq!(failed.against(Some(&answer("k", 0, 4, Final).document)), Verdict::Reused);
        assert_eq!(ours.against(Some(&doc! {"_id": "k", "x": 1})), Verdict::Reused, "somebody else's");
        let as_doubles = doc! {"_id": "k", "Offset": 4.0, "Partition": 0.0, "Status": "OK"};
        assert_eq!(ours.against(Some(&as_doubles)), Verdict::Reused);
    }

    #[test]
    fn only_an_error_of_another_request_is_found_by_the_filter() {
        let filter = answer("k", 2, 5, Final).filter();
        let nor = doc! {"Partition": 2_i64, "Offset": 5_i64};
        assert_eq!(filter, doc! {"_id": "k", "Status": "ERROR", "$nor": [nor]});
        assert_eq!(answer("k", 2, 5, Provisional).filter(), doc! {"_id": "k", "Status": {"$in": []}});
    }

    #[test]
    fn a_batch_holds_one_answer_for_a_key() {
        let batch = vec![
            answer("a", 0, 1, Final),
            answer("b", 0, 2, Provisional),
            answer("a", 0, 3, Final),
            answer("b", 1, 0, Provisional),
            answer("b", 1, 1, Final),
            answer("b", 1, 2, Final),
            answer("c", 1, 3, Provisional),
        ];
        let (kept, reused) = one_for_each_key(batch);
        let kept: Vec<_> = kept.iter().map(|answer| (&*answer.key, answer.partition.0, answer.offset.0)).collect();
        assert_eq!((kept, reused), (vec![("a", 0, 1), ("b", 1, 1), ("c", 1, 3)], 3));
    }
}
