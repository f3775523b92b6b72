//! What worker 0 decides for all: when the ledger is to be extended, and when a wanted binding takes force. Pure: events in,
//! orders out.
//!
//! ```text
//!              wanted ≠ in force              all have loaded it            all have stopped
//!   Steady ─────────────────────► Preparing ────────────────────► Stopping ─────────────────► Cutting
//!     ▲                              │ refused: the old one goes on                             │ entry is durable
//!     └──────────────────────────────┴───────────────────────────────────────────────────────────┘ (go on)
//! ```
//!
//! Invariants: at most one entry is on its way to the ledger; nobody emits between Stopping and the entry of the cut; a
//! binding takes force only after every process has loaded it; a model that is refused holds up no change of the table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ids::{ProcessCount, ProcessIndex, WorkerCount, WorkerIndex};
use crate::ledger::{Binding, Book, Entry, Generation, decide};
use crate::log::{Offset, Offsets, Partition};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Every process loads this.
    Prepare(Binding),
    /// Every worker stops emitting and says where it is.
    Stop,
    /// Every worker goes on.
    Go,
    /// This is to be written down.
    Append(Entry),
    /// A binding is not going to take force.
    Refused(Binding, String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Steady,
    Preparing { binding: Binding, missing: BTreeSet<ProcessIndex> },
    Ready { binding: Binding },
    Stopping { binding: Binding, missing: BTreeSet<WorkerIndex>, positions: Offsets },
    Cutting { binding: Binding },
}

/// The state of worker 0's decisions.
#[derive(Debug)]
pub(super) struct Lead {
    generation: Generation,
    processes: ProcessCount,
    workers: WorkerCount,
    /// What is bound anew.
    in_force: Binding,
    wanted: Binding,
    /// The last binding that was refused: not tried again until another one was tried.
    refused: Option<Binding>,
    phase: Phase,
    /// Whether an entry is on its way.
    appending: bool,
    positions: Offsets,
    rates: BTreeMap<Partition, Rate>,
    draining: bool,
}

/// How fast a partition moves.
#[derive(Clone, Copy, Debug)]
struct Rate {
    at: Offset,
    since: Duration,
    per_second: f64,
}

impl Lead {
    /// Begins with what is bound anew from the start on, and where all partitions stand.
    pub(super) fn new(
        generation: Generation,
        processes: ProcessCount,
        workers: WorkerCount,
        in_force: Binding,
        positions: Offsets,
        now: Duration,
    ) -> Self {
        let rate = |(partition, at): (&Partition, &Offset)| (*partition, Rate { at: *at, since: now, per_second: 0.0 });
        Self {
            generation,
            processes,
            workers,
            wanted: in_force.clone(),
            in_force,
            refused: None,
            phase: Phase::Steady,
            appending: false,
            rates: positions.iter().map(rate).collect(),
            positions,
            draining: false,
        }
    }

    /// What is wanted: changed as a whole or in part.
    pub(super) fn want(&mut self, change: impl FnOnce(&mut Binding)) {
        change(&mut self.wanted);
    }

    /// What is in force for offsets that are not bound yet.
    pub(super) const fn in_force(&self) -> &Binding {
        &self.in_force
    }

    /// Workers have come this far.
    pub(super) fn moved(&mut self, positions: &Offsets, now: Duration) {
        for (partition, position) in positions {
            let known = self.positions.entry(*partition).or_default();
            *known = (*known).max(*position);
            let rate = self.rates.entry(*partition).or_insert(Rate { at: *position, since: now, per_second: 0.0 });
            let seconds = now.saturating_sub(rate.since).as_secs_f64();
            if seconds >= 1.0 {
                let per_second = position.0.saturating_sub(rate.at.0) as f64 / seconds;
                *rate = Rate { at: *position, since: now, per_second: per_second.max(rate.per_second / 2.0) };
            }
        }
    }

    /// Nothing new begins from now on.
    pub(super) fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether an entry is on its way.
    pub(super) const fn is_appending(&self) -> bool {
        self.appending
    }

    /// Begins what is due. To be called after each event and now and then.
    pub(super) fn turn(&mut self, book: &Book) -> Vec<Order> {
        let mut orders = Vec::new();
        if self.draining {
            return orders;
        }
        if self.phase == Phase::Steady && self.wanted != self.in_force && self.refused.as_ref() != Some(&self.wanted) {
            self.refused = None;
            let missing = self.processes.indices().collect();
            self.phase = Phase::Preparing { binding: self.wanted.clone(), missing };
            orders.push(Order::Prepare(self.wanted.clone()));
        }
        if let Phase::Ready { binding } = &self.phase
            && !self.appending
        {
            let missing = (0..self.workers.get()).map(WorkerIndex::new).collect();
            self.phase = Phase::Stopping { binding: binding.clone(), missing, positions: Offsets::new() };
            orders.push(Order::Stop);
        }
        if matches!(self.phase, Phase::Steady | Phase::Preparing { .. }) && !self.appending {
            orders.extend(self.extension(book).map(|entry| self.append(entry)));
        }
        orders
    }

    /// A process has loaded a binding, or can't.
    pub(super) fn prepared(&mut self, process: ProcessIndex, of: &[Binding], refused: Option<String>) -> Vec<Order> {
        let Phase::Preparing { binding, missing } = &mut self.phase else { return Vec::new() };
        if !of.contains(binding) {
            return Vec::new();
        }
        if let Some(reason) = refused {
            let binding = binding.clone();
            self.refused = Some(binding.clone());
            self.phase = Phase::Steady;
            // The model is what can't be loaded. A table that is wanted beside it, now or later, is for the one in force.
            if self.wanted.model == binding.model {
                self.wanted.model.clone_from(&self.in_force.model);
            }
            return vec![Order::Refused(binding, reason)];
        }
        missing.remove(&process);
        if missing.is_empty() {
            self.phase = Phase::Ready { binding: binding.clone() };
        }
        Vec::new()
    }

    /// A worker has stopped, here.
    pub(super) fn stopped(&mut self, worker: WorkerIndex, here: &Offsets, book: &Book) -> Vec<Order> {
        let Phase::Stopping { binding, missing, positions } = &mut self.phase else { return Vec::new() };
        positions.extend(here);
        missing.remove(&worker);
        if !missing.is_empty() || self.draining {
            return Vec::new();
        }
        let binding = binding.clone();
        match decide::cut(book, self.generation, &binding, positions) {
            Some(entry) => {
                self.phase = Phase::Cutting { binding };
                vec![self.append(entry)]
            }
            None => self.take_force(binding),
        }
    }

    /// The entry that was on its way is in the ledger, and everybody is told.
    pub(super) fn appended(&mut self) -> Vec<Order> {
        self.appending = false;
        match &self.phase {
            Phase::Cutting { binding } => self.take_force(binding.clone()),
            _ => Vec::new(),
        }
    }

    fn take_force(&mut self, binding: Binding) -> Vec<Order> {
        self.in_force = binding;
        self.phase = Phase::Steady;
        vec![Order::Go]
    }

    fn append(&mut self, entry: Entry) -> Order {
        self.appending = true;
        Order::Append(entry)
    }

    /// The next ranges, for all partitions of which less than half of a range is left.
    fn extension(&self, book: &Book) -> Option<Entry> {
        let mut ends = BTreeMap::new();
        for (partition, position) in &self.positions {
            let length = decide::range_length(self.rates.get(partition).map_or(0.0, |rate| rate.per_second));
            let left = book.bound_upto(*partition).0.saturating_sub(position.0);
            if left < length / 2 {
                ends.insert(*partition, Offset(position.0.max(book.bound_upto(*partition).0) + length));
            }
        }
        decide::extend(book, self.generation, &self.in_force, &ends)
    }
}

#[cfg(test)]
mod tests;
