//! A writer of a destination in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{MemorySink, at_or_above};
use crate::contract::{Answers, Fault, FlushReason, OpenSink, SinkBatch};
use crate::ledger::Generation;
use crate::log::{Partition, Reached};

/// Commits at once, or keeps stretches until a flush.
#[derive(Debug)]
pub(super) struct Writer {
    sink: MemorySink,
    generation: Generation,
    durable: BTreeMap<Partition, Reached>,
    waiting: SinkBatch,
    /// Since when something waits, by the sink's clock.
    since: Option<Duration>,
}

impl Writer {
    pub(super) fn new(sink: MemorySink, generation: Generation, durable: BTreeMap<Partition, Reached>) -> Self {
        Self { sink, generation, durable, waiting: SinkBatch::default(), since: None }
    }

    fn commit(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        let MemorySink { shared, keyed, .. } = &self.sink;
        shared.troubles.around(|| {
            shared.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).commit(
                self.generation,
                batch,
                *keyed,
            )?;
            shared.grown.notify_all();
            Ok(())
        })?;
        for answers in batch.answers.values() {
            self.durable.entry(answers.partition).or_default().advance(answers.reached);
        }
        Ok(())
    }

    /// Appends to what waits for a partition whatever lies beyond it.
    fn keep(&mut self, answers: &Answers) {
        let durable = self.durable.get(&answers.partition).copied().unwrap_or_default();
        let waiting = self.waiting.answers.entry(answers.partition).or_insert_with(|| Answers {
            partition: answers.partition,
            from: durable.next,
            reached: durable,
            items: Vec::new(),
        });
        let next = waiting.reached.next;
        waiting.items.extend(answers.items.iter().filter(|item| at_or_above(item, next)).cloned());
        waiting.reached.advance(answers.reached);
    }
}

impl OpenSink for Writer {
    fn durable(&self) -> BTreeMap<Partition, Reached> {
        self.durable.clone()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        let Some(buffering) = self.sink.buffering.clone() else { return self.commit(batch) };
        for answers in batch.answers.values() {
            self.keep(answers);
        }
        self.waiting.answers.retain(|_, waiting| waiting.from < waiting.reached.next);
        if !self.waiting.answers.is_empty() {
            self.since.get_or_insert_with(|| buffering.clock.now());
        }
        Ok(())
    }

    fn flush(&mut self, why: FlushReason) -> Result<(), Fault> {
        let due = why == FlushReason::Closing || self.flush_in() == Some(Duration::ZERO);
        if !due || self.waiting.answers.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        if let Err(fault) = self.commit(&waiting) {
            self.waiting = waiting;
            return Err(fault);
        }
        self.since = None;
        Ok(())
    }

    fn flush_in(&self) -> Option<Duration> {
        let (since, buffering) = (self.since?, self.sink.buffering.as_ref()?);
        Some((since + buffering.every).saturating_sub(buffering.clock.now()))
    }
}
