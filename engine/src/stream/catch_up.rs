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
use crate::log::{LogRecord, OffsetRange, Partition, Reached, Witness};

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
const FETCH: usize = 1 << 20;
/// How long to wait for a record that must be there.
const PATIENCE: Duration = Duration::from_secs(1);

impl CatchUp {
    /// The first part of a range, at least one record of it.
    ///
    /// # Errors
    /// The log can't be read there, or isn't bound there as far as we know.
    pub(super) fn answers(&self, partition: Partition, range: OffsetRange, selects: Selects) -> Result<Answers, Fault> {
        let mut records = self.source.open(partition, range.from)?.read(FETCH, PATIENCE)?;
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
            return Err(Fault::transient(format!(
                "offset {} of partition {partition} has no binding in the ledger yet",
                first.offset
            )));
        };
        Ok((Some(binding), records.partition_point(|record| record.offset < until)))
    }
}

impl fmt::Debug for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchUp").field("source", &self.source).finish_non_exhaustive()
    }
}
