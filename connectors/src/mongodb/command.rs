//! Commands that write, and what their answers say. Pure.

use std::ops::Range;
use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};

use super::answer::Answer;
use super::error::{Problem, What};

/// The most bytes of documents in one command; servers take 48 MB.
const MOST_BYTES: usize = 16 << 20;

/// A write is done when a majority has it in its journals.
pub(super) fn concern(patience: Duration) -> Document {
    // Waiting longer than 24 days is as good as not at all.
    let limit = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    doc! {"w": "majority", "j": true, "wtimeout": limit}
}

/// Inserts documents, each by itself.
pub(super) fn insert(collection: &str, documents: Vec<Document>, patience: Duration) -> Document {
    doc! {"insert": collection, "documents": documents, "ordered": false, "writeConcern": concern(patience)}
}

/// Makes updates, each by itself.
pub(super) fn update(collection: &str, updates: Vec<Document>, patience: Duration) -> Document {
    doc! {"update": collection, "updates": updates, "ordered": false, "writeConcern": concern(patience)}
}

/// Deletes the documents of these ids.
pub(super) fn delete(collection: &str, ids: Vec<Bson>, patience: Duration) -> Document {
    let deletes: Vec<_> = ids.into_iter().map(|id| doc! {"q": {"_id": id}, "limit": 1}).collect();
    doc! {"delete": collection, "deletes": deletes, "ordered": false, "writeConcern": concern(patience)}
}

/// An update that puts an answer where there is none with its key, or one that gives way to it.
pub(super) fn upsert(answer: &Answer) -> Document {
    doc! {"q": answer.filter(), "u": answer.document.clone(), "upsert": true, "multi": false}
}

/// What a command that writes came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// How many documents were found, or put there.
    pub(super) found: i64,
    /// Which of the documents were refused because there is one with the same key.
    pub(super) duplicates: Vec<usize>,
}

/// Reads the answer to a command that writes. The first problem that is no taken key is the error.
pub(super) fn written(answer: &Document) -> Result<Written, Problem> {
    let mut duplicates = Vec::new();
    for error in answer.get_array("writeErrors").into_iter().flatten().filter_map(Bson::as_document) {
        let problem = Problem::told(error, What::Code);
        let index = super::abilities::number(error.get("index")).and_then(|index| usize::try_from(index).ok());
        match index {
            Some(index) if problem.is_duplicate() => duplicates.push(index),
            _ => return Err(problem),
        }
    }
    // Also what was done may be lost again then, so nothing of it counts.
    if let Ok(error) = answer.get_document("writeConcernError") {
        return Err(Problem::told(error, What::Concern));
    }
    let found = super::abilities::number(answer.get("n")).unwrap_or(0);
    Ok(Written { found, duplicates })
}

/// Shares out documents of these sizes to commands that take `most` of them.
pub(super) fn shares(sizes: impl Iterator<Item = usize>, most: usize) -> Vec<Range<usize>> {
    let mut shares = Vec::new();
    let (mut share, mut bytes) = (0..0, 0);
    for size in sizes {
        let is_full = share.len() >= most || bytes + size > MOST_BYTES;
        if is_full && !share.is_empty() {
            shares.push(share.clone());
            (share, bytes) = (share.end..share.end, 0);
        }
        share.end += 1;
        bytes += size;
    }
    if !share.is_empty() {
        shares.push(share);
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn taken_keys_are_told_by_their_places() {
        let taken = |index: i32| doc! {"index": index, "code": 11_000, "errmsg": "E11000 duplicate key"};
        let answer = doc! {"n": 1, "writeErrors": [taken(0), taken(2)], "ok": 1.0};
        assert_eq!(written(&answer), Ok(Written { found: 1, duplicates: vec![0, 2] }));
        assert_eq!(written(&doc! {"ok": 1.0, "n": 3.0}), Ok(Written { found: 3, duplicates: vec![] }));
    }

    #[test]
    fn any_other_refusal_is_the_error() {
        let taken = doc! {"index": 0, "code": 11_000, "errmsg": "E11000"};
        let invalid = doc! {"index": 1, "code": 121, "errmsg": "Document failed validation"};
        let problem = written(&doc! {"n": 0, "writeErrors": [taken.clone(), invalid]}).unwrap_err();
        assert_eq!(problem.what, What::Code(121));
        let lost = doc! {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out"};
        let problem = written(&doc! {"n": 1, "writeErrors": [taken], "writeConcernError": lost}).unwrap_err();
        assert_eq!(problem.what, What::Concern(64));
        assert!(problem.cause.contains("WriteConcernFailed"), "{problem:?}");
    }

    #[test]
    fn a_write_waits_for_a_majority_and_the_journal() {
        let expected = doc! {"w": "majority", "j": true, "wtimeout": 30_000};
        assert_eq!(concern(Duration::from_secs(30)), expected);
        assert_eq!(concern(Duration::MAX).get_i32("wtimeout").unwrap(), i32::MAX);
    }

    proptest! {
        #[test]
        fn every_document_is_in_one_share_and_none_is_too_large(
            sizes in prop::collection::vec(0_usize..(24 << 20), 0..40), most in 1_usize..9,
        ) {
            let shares = shares(sizes.iter().copied(), most);
            let all: Vec<usize> = shares.iter().cloned().flatten().collect();
            prop_assert_eq!(all, (0..sizes.len()).collect::<Vec<_>>());
            for share in shares {
                let bytes: usize = sizes[share.clone()].iter().sum();
                prop_assert!(share.len() <= most && (bytes <= MOST_BYTES || share.len() == 1));
            }
        }
    }
}
