//! What a worker knows of the ledger and of bindings: a binding is ready before a record carries it, and forgotten when none
//! can carry it any more.

use std::sync::{Arc, PoisonError};

use super::events::Event;
use super::job::{ReadyBinding, StreamJob};
use super::worker::StreamWorker;
use super::{Ending, Epoch};
use crate::ledger::{Binding, Book, Entry, Seq};
use crate::log::Offsets;

impl<J: StreamJob> StreamWorker<'_, J> {
    /// The ledger has a new entry.
    pub(super) fn entry(&mut self, number: u64, line: &str) -> Result<(), Ending> {
        let entry = Entry::from_line(line).map_err(|error| Ending::Failed(error.to_string()))?;
        let apply =
            |book: &mut Book| book.apply(Seq(number), &entry).map_err(|error| Ending::Failed(error.to_string()));
        apply(&mut self.book)?;
        if self.is_steward {
            apply(&mut self.shared.book.write().unwrap_or_else(PoisonError::into_inner))?;
        }
        if let Some(binding) = self.book.binding(Seq(number)).cloned() {
            self.make_ready(Seq(number), binding)?;
        }
        self.stats.entries(self.book.next_seq());
        if let Some(conductor) = &mut self.conductor {
            let stopped = conductor.appended(self.shared.setup.clock.now(), self.bus);
            self.stats.in_force(conductor.in_force(), stopped);
        }
        Ok(())
    }

    /// Makes a binding known to the operators, before any record carries it.
    pub(super) fn make_ready(&self, number: Seq, binding: Binding) -> Result<(), Ending> {
        // Loaded before it was written down: this finds it.
        self.shared.load(&binding)?;
        if let Some(ready) = self.shared.ready(&binding) {
            self.bindings.insert(number, ReadyBinding { binding, ready });
        }
        Ok(())
    }

    /// Has bindings loaded that are wanted and not written down yet.
    pub(super) fn prepare(&mut self, bindings: Vec<Binding>) -> Result<(), Ending> {
        for binding in bindings {
            let (shared, tell) = (Arc::clone(self.shared), self.tell.clone());
            self.threads.start("load", move || {
                let loaded = shared.insistence().insist("loading a binding", || shared.prepare(&binding));
                let refused = loaded.err().map(|ending| ending.to_string());
                // A worker that is gone needs no binding.
                let _ = tell.send(Event::Loaded(binding, refused));
            })?;
        }
        Ok(())
    }

    /// No record reads the table as of an earlier epoch, or carries the binding of an offset below these, any more.
    pub(super) fn retire(&mut self, oldest_table: Epoch, needed: &Offsets) {
        self.flow.retire_tables_before(oldest_table);
        self.tables.retain(|_, epoch| *epoch >= oldest_table);
        if self.conductor.is_some() {
            self.stats.open_bindings(&self.book, needed, &self.tables);
        }
        let in_use = self.book.in_use(needed);
        self.bindings.retain(|number| in_use.contains_key(&number));
        if self.is_steward {
            self.shared.forget(|binding| in_use.values().any(|used| used == binding));
        }
    }

    /// Entries below this one are collected.
    pub(super) fn forget(&mut self, below: Seq) {
        self.book.forget(below);
        if self.is_steward {
            self.shared.book.write().unwrap_or_else(PoisonError::into_inner).forget(below);
        }
    }
}
