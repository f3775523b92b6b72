//! What a destination in memory holds.

use std::collections::BTreeMap;

use crate::contract::{Answers, Fault, Item, JobId, SinkBatch, Standing, Superseded};
use crate::ledger::Generation;
use crate::log::{Offset, Partition, Reached};

use super::at_or_above;

/// Owner, fences, progress and lines. A change is one step: whoever holds the lock sees all of it or nothing.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) owner: Option<JobId>,
    pub(super) fences: BTreeMap<Partition, Generation>,
    pub(super) progress: BTreeMap<Partition, Reached>,
    by_place: Vec<(Partition, Item)>,
    by_key: BTreeMap<Box<str>, (Partition, Item)>,
}

impl State {
    /// All lines, in a fixed order.
    pub(super) fn lines(&self, keyed: bool) -> Vec<(Partition, Item)> {
        if keyed {
            return self.by_key.values().cloned().collect();
        }
        let mut lines = self.by_place.clone();
        lines.sort_by_key(|(partition, item)| (*partition, item.offset));
        lines
    }

    /// The first offset of a partition that isn't durable.
    pub(super) fn next(&self, partition: Partition) -> Offset {
        self.progress.get(&partition).map(|reached| reached.next).unwrap_or_default()
    }

    pub(super) fn progress_of(&self, partitions: &[Partition]) -> BTreeMap<Partition, Reached> {
        partitions.iter().filter_map(|partition| Some((*partition, *self.progress.get(partition)?))).collect()
    }

    /// Keeps older generations out of these partitions from now on.
    pub(super) fn fence(&mut self, generation: Generation, partitions: &[Partition]) -> Result<(), Fault> {
        self.admit(generation, partitions.iter())?;
        self.fences.extend(partitions.iter().map(|partition| (*partition, generation)));
        Ok(())
    }

    fn admit<'a>(
        &self,
        generation: Generation,
        mut partitions: impl Iterator<Item = &'a Partition>,
    ) -> Result<(), Fault> {
        match partitions.find_map(|partition| self.fences.get(partition).filter(|fence| **fence > generation)) {
            Some(&later) => Err(Superseded { later }.into()),
            None => Ok(()),
        }
    }

    /// Takes a batch and the progress that comes with it. What lies below the progress is there already.
    pub(super) fn commit(&mut self, generation: Generation, batch: &SinkBatch, keyed: bool) -> Result<(), Fault> {
        self.admit(generation, batch.answers.keys())?;
        for Answers { partition, reached, items, .. } in batch.answers.values() {
            let next = self.next(*partition);
            for item in items.iter().filter(|item| at_or_above(item, next)) {
                if keyed {
                    self.put_by_key(*partition, item);
                } else {
                    self.by_place.push((*partition, item.clone()));
                }
            }
            self.progress.entry(*partition).or_default().advance(*reached);
        }
        Ok(())
    }

    fn put_by_key(&mut self, partition: Partition, item: &Item) {
        let stands = self.by_key.get(&item.key).map(|(_, stands)| stands.standing);
        let takes_its_place = stands == Some(Standing::Provisional) && item.standing == Standing::Final;
        if stands.is_none() || takes_its_place {
            self.by_key.insert(item.key.clone(), (partition, item.clone()));
        }
    }
}
