//! A writer as the engine drives it: what lies below the sink's progress is dropped before it is written.

use crate::conformance::dice::Dice;
use crate::contract::{OpenSink, SinkBatch};
use crate::log::{Offset, Offsets, Partition};

use super::script::Script;

/// An open writer and what it was given.
pub(super) struct Writer {
    pub(super) open: Box<dyn OpenSink>,
    pub(super) partitions: Vec<Partition>,
    taken: Offsets,
}

impl Writer {
    pub(super) fn new(open: Box<dyn OpenSink>, partitions: Vec<Partition>) -> Self {
        Self { open, partitions, taken: Offsets::new() }
    }

    /// What is durable, without witnesses.
    pub(super) fn durable(&self) -> Offsets {
        self.open.durable().into_iter().map(|(partition, reached)| (partition, reached.next)).collect()
    }

    /// Where a partition goes on: after what is durable and what was taken.
    pub(super) fn next(&self, partition: Partition) -> Offset {
        let durable = self.durable().get(&partition).copied().unwrap_or_default();
        self.taken.get(&partition).copied().unwrap_or_default().max(durable)
    }

    /// The next random stretches of some of its partitions; `None` if all are at their end.
    pub(super) fn batch(&self, dice: &mut Dice, script: &Script) -> Option<SinkBatch> {
        let ahead: Vec<_> = self.partitions.iter().copied().filter(|&p| self.next(p) < script.end(p)).collect();
        let always = dice.pick(&ahead)?;
        let mut batch = SinkBatch::default();
        for partition in ahead {
            if partition != always && dice.one_in(2) {
                continue;
            }
            let count = dice.below(7);
            let from = self.next(partition);
            // A stretch of nothing is no stretch: take one record then.
            let answers = script.stretch(dice, partition, from, count);
            let answers = answers.or_else(|| script.stretch(dice, partition, from, 1));
            batch.answers.extend(answers.map(|answers| (partition, answers)));
        }
        Some(batch)
    }

    /// Remembers that a batch was taken.
    pub(super) fn took(&mut self, batch: &SinkBatch) {
        for answers in batch.answers.values() {
            let taken = self.taken.entry(answers.partition).or_default();
            *taken = answers.reached.next.max(*taken);
        }
    }

    /// Whether all of the script was taken.
    pub(super) fn at_the_end(&self, script: &Script) -> bool {
        self.partitions.iter().all(|&partition| self.next(partition) >= script.end(partition))
    }

    /// Whether a line was taken that isn't durable yet; `None` if there are only stretches without lines.
    pub(super) fn buffers(&self, script: &Script) -> Option<bool> {
        let durable = self.durable();
        let mut only_empty = false;
        for &partition in &self.partitions {
            let (from, to) = (durable.get(&partition).copied().unwrap_or_default(), self.next(partition));
            if script.items(partition).any(|item| from <= item.offset && item.offset < to) {
                return Some(true);
            }
            only_empty |= from < to;
        }
        (!only_empty).then_some(false)
    }
}
