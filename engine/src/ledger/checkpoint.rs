//! What remains of entries that nobody needs any more: one object, like an entry one line of canonical JSON.
//!
//! All offsets that the collected entries still bind are below everybody's progress, so what bound them is left out; where
//! what was bound ended, from where on it was bound by the generation at work, and all that was said about the job and its
//! sinks, stays. The line depends on the collected entries alone, so whoever writes it writes the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::book::{Book, Opened, Written};
use super::line::{LineError, canonical, check_format, damaged, to_value};
use super::stretches::Stretches;
use super::{Generation, Seq};
use crate::contract::SinkName;
use crate::ids::JobName;
use crate::log::{OffsetRange, Offsets, Partition};

/// The number of the way in which this build writes checkpoints down.
pub const CHECKPOINT_FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint {
    version: u32,
    next: Seq,
    job: JobName,
    nonce: u64,
    partitions: u32,
    generation: Generation,
    registered: BTreeMap<SinkName, Offsets>,
    bound: BTreeMap<Partition, OffsetRange>,
    newest: Option<(Seq, Written)>,
}

/// The entries of a book, folded; `None` if there are none.
pub(super) fn write(book: &Book) -> Option<String> {
    let Opened { job, nonce, partitions } = book.opened.clone()?;
    let mut folded = book.clone();
    folded.forget(book.next);
    let checkpoint = Checkpoint {
        version: CHECKPOINT_FORMAT,
        next: book.next,
        job,
        nonce,
        partitions,
        generation: book.generation?,
        registered: book.registered.clone(),
        bound: folded.bound.iter().map(|(p, bound)| (*p, OffsetRange::new(bound.own(), bound.end()))).collect(),
        newest: book.newest.clone(),
    };
    Some(canonical(to_value(&checkpoint)))
}

/// The book that goes on from a checkpoint.
pub(super) fn read(line: &[u8]) -> Result<Book, LineError> {
    let value: Value = serde_json::from_slice(line).map_err(damaged)?;
    check_format(&value, CHECKPOINT_FORMAT)?;
    let checkpoint: Checkpoint = serde_json::from_value(value).map_err(damaged)?;
    Ok(Book {
        first: checkpoint.next,
        next: checkpoint.next,
        opened: Some(Opened { job: checkpoint.job, nonce: checkpoint.nonce, partitions: checkpoint.partitions }),
        generation: Some(checkpoint.generation),
        registered: checkpoint.registered,
        bound: checkpoint
            .bound
            .into_iter()
            .map(|(partition, own_and_end)| (partition, Stretches::forgotten(own_and_end.from, own_and_end.to)))
            .collect(),
        newest: checkpoint.newest,
        ..Book::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::samples::histories;

    proptest! {
        #[test]
        fn a_checkpoint_is_read_as_it_was_written(history in histories()) {
            let line = write(&history.book).unwrap();
            prop_assert_eq!(line.matches('\n').count(), 1);
            let read = read(line.as_bytes()).unwrap();
            prop_assert_eq!(write(&read), Some(line));
            let mut all_forgotten = history.book;
            all_forgotten.forget(all_forgotten.next_seq());
            prop_assert_eq!(read, all_forgotten);
        }
    }

    #[test]
    fn nothing_is_made_of_no_entries() {
        assert_eq!(write(&Book::default()), None);
    }

    #[test]
    fn another_format_is_refused_by_name() {
        let error = read(br#"{"version":4,"next":"later"}"#).unwrap_err();
        assert_eq!(error, LineError::UnknownFormat { found: 4, known: 1 });
        assert!(matches!(read(br#"{"version":1}"#), Err(LineError::Damaged(_))));
    }
}
