//! A destination in memory.

mod state;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use state::State;
use writer::Writer;

use super::Troubles;
use crate::clock::Clock;
use crate::contract::{Fault, Guarantee, Item, JobId, OpenSink, Placement, Selects, Sink, SinkName, SinkSurvey};
use crate::ledger::Generation;
use crate::log::{Offset, Offsets, Partition, Reached};

/// A destination in memory. Clones share it. It takes answers with their partition unless told otherwise, commits every
/// batch in one step with its progress, and fences older generations off.
#[derive(Clone, Debug)]
pub struct MemorySink {
    name: SinkName,
    placement: Placement,
    selects: Selects,
    keyed: bool,
    buffering: Option<Buffering>,
    shared: Arc<Shared>,
}

/// When a writer that buffers makes durable what it has.
#[derive(Clone, Debug)]
struct Buffering {
    every: Duration,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    grown: Condvar,
    troubles: Troubles,
}

impl MemorySink {
    /// An empty destination that nobody owns.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: SinkName(name.into()),
            placement: Placement::WithPartition,
            selects: Selects::Answers,
            keyed: false,
            buffering: None,
            shared: Arc::default(),
        }
    }

    /// Is a collection: one line per key, a final one over a provisional one, and the first final one stays.
    #[must_use]
    pub fn keyed(mut self) -> Self {
        self.keyed = true;
        self
    }

    /// Has its writers stand there.
    #[must_use]
    pub const fn placed(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Takes these lines.
    #[must_use]
    pub const fn selecting(mut self, selects: Selects) -> Self {
        self.selects = selects;
        self
    }

    /// Has its writers keep what they take, and make it durable when it is this old.
    #[must_use]
    pub fn buffering(mut self, every: Duration, clock: Arc<dyn Clock>) -> Self {
        self.buffering = Some(Buffering { every, clock });
        self
    }

    /// The switches for trouble of all calls that reach the destination.
    #[must_use]
    pub fn troubles(&self) -> &Troubles {
        &self.shared.troubles
    }

    /// All lines that are there: by partition and offset in a plain one, by key in a collection.
    #[must_use]
    pub fn contents(&self) -> Vec<(Partition, Item)> {
        self.lock().lines(self.keyed)
    }

    /// The bodies of [`MemorySink::contents`].
    #[must_use]
    pub fn bodies(&self) -> Vec<Bytes> {
        self.contents().into_iter().map(|(_, item)| item.body).collect()
    }

    /// What is durable.
    #[must_use]
    pub fn progress(&self) -> BTreeMap<Partition, Reached> {
        self.lock().progress.clone()
    }

    /// The latest generation that opened a writer.
    #[must_use]
    pub fn generation(&self) -> Option<Generation> {
        self.lock().fences.values().max().copied()
    }

    /// Waits until all below these offsets is durable; false if it takes longer than `patience`.
    #[must_use]
    pub fn wait_for(&self, progress: &Offsets, patience: Duration) -> bool {
        let behind = |state: &State| progress.iter().any(|(partition, next)| state.next(*partition) < *next);
        let begun = Instant::now();
        let mut state = self.lock();
        while behind(&state) {
            let left = patience.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            state = self.shared.grown.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Takes progress of a partition away, as somebody who deletes the wrong thing does.
    pub fn lose_progress(&self, partition: Partition) {
        self.lock().progress.remove(&partition);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for MemorySink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn placement(&self) -> Placement {
        self.placement
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn selects(&self) -> Selects {
        self.selects
    }

    fn survey(&self, partitions: &[Partition]) -> Result<SinkSurvey, Fault> {
        self.shared.troubles.around(|| {
            let state = self.lock();
            Ok(SinkSurvey { owner: state.owner.clone(), progress: state.progress_of(partitions) })
        })
    }

    fn adopt(&self, job: &JobId, starts: &Offsets) -> Result<(), Fault> {
        self.shared.troubles.around(|| {
            let mut state = self.lock();
            let owner = state.owner.get_or_insert_with(|| job.clone());
            if owner != job {
                return Err(Fault::permanent(format!(
                    "sink {} in memory belongs to the job {owner}, not to {job}: give each job a sink of its own",
                    self.name
                )));
            }
            for (&partition, &start) in starts {
                state.progress.entry(partition).or_insert(Reached::start(start));
            }
            Ok(())
        })
    }

    fn open(&self, generation: Generation, partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault> {
        self.shared.troubles.around(|| {
            let mut state = self.lock();
            state.fence(generation, partitions)?;
            if let Some(missing) = partitions.iter().find(|partition| !state.progress.contains_key(partition)) {
                return Err(Fault::permanent(format!(
                    "sink {} in memory has no progress for partition {missing}: it must be adopted first",
                    self.name
                )));
            }
            let durable = state.progress_of(partitions);
            drop(state);
            Ok(Box::new(Writer::new(self.clone(), generation, durable)) as Box<dyn OpenSink>)
        })
    }
}

/// Whether a line lies at or above a place.
fn at_or_above(item: &Item, place: Offset) -> bool {
    place <= item.offset
}
