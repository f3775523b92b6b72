//! Answers for a stretch of the log without the dataflow: for a sink that has fallen behind.
//!
//! Same ledger, same models and tables, so the same bytes as the live flow gives. Slower, and on the sink's own thread.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::Settled;
use super::delivery::lines_for;
use crate::contract::{Answers, Fault, Selects, Source};
use crate::ledger::{Binding, Book};
use crate::log::{LogRecord, Offset, OffsetRange, Partition, Reached, Witness};

/// Turns records into what the dataflow would have made of them.
pub trait Recompute: Send + Sync {
    /// Settles records that all have one binding.
    ///
    /// # Errors
    /// The model or the table of the binding can't be had.
    fn settle(&self, binding: &Binding, records: Vec<(Partition, LogRecord)>) -> Result<Vec<Settled>, Fault>;
}

/// What a process needs to catch up.
#[derive(Clone)]
pub(super) struct CatchUp {
    pub(super) source: Arc<dyn Source>,
    pub(super) recompute: Arc<dyn Recompute>,
    /// The ledger, as far as this process has heard.
    pub(super) book: Arc<RwLock<Book>>,
}

/// Bytes that are fetched at once.
const FETCH: usize = 256 << 10;
/// How long to wait for a record that must be there.
const PATIENCE: Duration = Duration::from_secs(1);

impl CatchUp {
    /// The first part of a range, at least one record of it.
    ///
    /// # Errors
    /// The log can't be read there, isn't bound there as far as we know, or (permanent) nobody knows any more how it was.
    pub(super) fn answers(&self, partition: Partition, range: OffsetRange, selects: Selects) -> Result<Answers, Fault> {
        let mut reader = self.source.open(partition, range.from)?;
        let mut records = reader.read(FETCH, PATIENCE)?;
        if records.is_empty() && reader.passed().is_some_and(|passed| range.to <= passed) {
            return Ok(Answers { partition, from: range.from, reached: Reached::start(range.to), items: Vec::new() });
        }
        if records.is_empty() {
            // Only a later record would show that there is a gap.
            return Err(Fault::transient(format!(
                "the request log gives no record from offset {} of partition {partition} on, and has had one",
                range.from
            )));
        }
        records.retain(|record| range.contains(record.offset));
        let (binding, count) = self.bound(partition, &records)?;
        records.truncate(count);
        let next = match records.last() {
            // What lies between two records is nothing; so is what lies between the last one and the end of the range.
            Some(last) => last.offset.next(),
            None => range.to,
        };
        let witness = records.last().map(Witness::of);
        let mut settled = match binding {
            Some(binding) => {
                self.recompute.settle(&binding, records.into_iter().map(|record| (partition, record)).collect())?
            }
            None => Vec::new(),
        };
        settled.sort_unstable_by_key(|settled| settled.offset);
        let items = lines_for(selects, &settled);
        Ok(Answers { partition, from: range.from, reached: Reached { next, witness }, items })
    }

    /// The binding of the first record, and how many records from there on have it.
    fn bound(&self, partition: Partition, records: &[LogRecord]) -> Result<(Option<Binding>, usize), Fault> {
        let Some(first) = records.first() else { return Ok((None, 0)) };
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        let stretch = book.at(partition, first.offset);
        let binding = stretch.and_then(|stretch| book.binding(stretch.number).cloned().zip(Some(stretch.until)));
        let Some((binding, until)) = binding else {
            return Err(unbound(partition, first.offset, book.kept_from(partition)));
        };
        Ok((Some(binding), records.partition_point(|record| record.offset < until)))
    }
}

fn unbound(partition: Partition, offset: Offset, kept: Offset) -> Fault {
    if offset < kept {
        Fault::permanent(format!(
            "it needs answers of partition {partition} from offset {offset} on, and the ledger was collected up to {kept}, perhaps while the sink was not configured: restore it from a later copy, or name it anew in the configuration, with an empty destination"
        ))
    } else {
        Fault::transient(format!("offset {offset} of partition {partition} has no binding in the ledger yet"))
    }
}

impl fmt::Debug for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchUp").field("source", &self.source).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::JobName;
    use crate::ledger::{AnswerFormat, Entry, EntryBody, Generation, Seq, TableVersion};
    use crate::memory::MemoryLog;

    const HERE: Partition = Partition(0);

    /// Settles nothing: only where a stretch ends is looked at.
    struct Nothing;

    impl Recompute for Nothing {
        fn settle(&self, _binding: &Binding, _records: Vec<(Partition, LogRecord)>) -> Result<Vec<Settled>, Fault> {
            Ok(Vec::new())
        }
    }

    /// All offsets below 1000 are bound, wherever there is a record.
    fn catch_up(log: &MemoryLog) -> CatchUp {
        let binding =
            Binding { model: "m".into(), table: TableVersion(1), format: AnswerFormat(1), settings: [].into() };
        let ranges = [(HERE, OffsetRange::new(Offset(0), Offset(1000)))].into();
        let bodies = [
            EntryBody::Open { job: JobName("job".into()), partitions: 1, nonce: 0 },
            EntryBody::Bind { binding, ranges },
        ];
        let mut book = Book::default();
        for (number, body) in (0..).map(Seq).zip(bodies) {
            book.apply(number, &Entry { generation: Generation(1), body }).unwrap();
        }
        CatchUp { source: Arc::new(log.clone()), recompute: Arc::new(Nothing), book: Arc::new(RwLock::new(book)) }
    }

    fn reached(catch_up: &CatchUp, from: u64, to: u64) -> Result<Offset, Fault> {
        let range = OffsetRange::new(Offset(from), Offset(to));
        catch_up.answers(HERE, range, Selects::Answers).map(|answers| answers.reached.next)
    }

    /// "None yet" was taken for "nothing there": a log that was slow for a second lost the answers to all of the range.
    #[test]
    fn a_log_that_gives_nothing_yet_is_asked_again() {
        let log = MemoryLog::new(1);
        log.append(HERE, "a");
        let catch_up = catch_up(&log);
        assert_eq!(reached(&catch_up, 0, 1), Ok(Offset(1)));
        assert!(matches!(reached(&catch_up, 1, 3), Err(Fault::Transient(_))));
        log.append(HERE, "b");
        assert_eq!(reached(&catch_up, 1, 3), Ok(Offset(2)), "what is there comes, and no more is claimed");
    }

    #[test]
    fn only_a_later_record_proves_a_gap() {
        let log = MemoryLog::new(1);
        log.append(HERE, "a");
        log.skip(HERE, 5);
        log.append(HERE, "after the gap");
        assert_eq!(reached(&catch_up(&log), 1, 4), Ok(Offset(4)));
    }

    /// Kafka's transactions leave a marker behind the last record: nothing may come after it for a long time.
    #[test]
    fn a_gap_at_the_end_is_passed_when_the_reader_has_seen_it() {
        let log = MemoryLog::new(1);
        log.append(HERE, "a");
        log.skip(HERE, 5);
        assert_eq!(reached(&catch_up(&log), 1, 4), Ok(Offset(4)));
        assert!(matches!(reached(&catch_up(&log), 1, 7), Err(Fault::Transient(_))), "the log ends at 6");
    }

    /// It was tried again for ever, as if the ledger were about to say it.
    #[test]
    fn what_the_ledger_has_forgotten_never_comes() {
        let log = MemoryLog::new(1);
        log.append(HERE, "a");
        let catch_up = catch_up(&log);
        let mut book = catch_up.book.write().unwrap();
        let claim = Entry { generation: Generation(2), body: EntryBody::Claim { nonce: 1, partitions: None } };
        book.apply(Seq(2), &claim).unwrap();
        book.forget(Seq(2));
        assert!(book.kept_from(HERE) > Offset(0));
        drop(book);
        let Err(Fault::Permanent(why)) = reached(&catch_up, 0, 1) else { panic!("it is gone") };
        assert!(why.0.contains("collected up to"), "{why:?}");
    }

    #[test]
    fn what_is_not_bound_yet_may_be_soon() {
        let log = MemoryLog::new(1);
        log.skip(HERE, 1000);
        log.append(HERE, "a");
        assert!(matches!(reached(&catch_up(&log), 1000, 1001), Err(Fault::Transient(_))));
    }
}
