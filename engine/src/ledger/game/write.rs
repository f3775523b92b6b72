//! What a life writes down: ranges, cuts and its end; and what it deletes. At most one entry is on its way, and the life
//! goes on with the same one until it knows what became of it.

use super::check::Violation;
use super::life::{Life, State};
use super::rules::Bug;
use super::world::{LENGTH, RANGE, STORES, Store, World, partitions};
use crate::contract::Fault;
use crate::ledger::collect::collectable;
use crate::ledger::samples::binding;
use crate::ledger::{Entry, EntryBody, decide};
use crate::log::{Offset, OffsetRange, Offsets};

impl Life {
    /// Binds the next range of each partition that has come to the end of what is bound.
    pub(super) fn extend(&mut self, world: &World) -> Result<(), Violation> {
        if self.is_busy() {
            return Ok(());
        }
        let end = |partition| {
            let bound = self.book.bound_upto(partition);
            let end = Offset(LENGTH.min(bound.0 + RANGE));
            (self.read[&partition] >= bound).then_some((partition, end))
        };
        let ends = partitions().filter_map(end).collect();
        let Some(entry) = decide::extend(&self.book, self.generation, &binding(world.model), &ends) else {
            return Ok(());
        };
        if !world.rules.has(Bug::NoLedgerWait) {
            return self.append(world, entry);
        }
        let before = self.book.clone();
        if self.book.apply(before.next_seq(), &entry).is_ok() {
            self.owed = Some((before, entry));
        }
        Ok(())
    }

    /// Swaps to the model that is wanted, where the sources stand.
    pub(super) fn cut(&mut self, world: &World) -> Result<(), Violation> {
        if self.is_busy() {
            return Ok(());
        }
        if let Some(entry) = decide::cut(&self.book, self.generation, &binding(world.model), &self.read) {
            self.append(world, entry)?;
        }
        if !self.is_busy() && world.rules.has(Bug::CutForeign) {
            for (partition, position) in &self.read {
                let rest = OffsetRange::new(*position, self.book.bound_upto(*partition));
                self.apart.insert(*partition, (rest, world.model));
            }
        }
        Ok(())
    }

    /// Collects by its own book, which may be old.
    pub(super) fn collect(&mut self, world: &World) -> Result<(), Violation> {
        if self.is_busy() {
            return Ok(());
        }
        let mut progress = world.progress();
        for (sink, durable) in &mut progress {
            for (partition, next) in durable {
                *next = (*next).min(self.next[sink][partition]);
            }
        }
        let upto = collectable(&self.book, &progress, &Offsets::new());
        let collected = self.ledger.collect(&mut self.book, upto);
        self.survive(collected)
    }

    /// Writes what it has read, and then that it ends here.
    pub(super) fn close(&mut self, world: &mut World) -> Result<(), Violation> {
        self.settle_debt(world)?;
        self.insist(world)?;
        if self.is_dead() {
            return Ok(());
        }
        // A sink may be ahead of where this life reads.
        let behind =
            |store: &Store| self.read.iter().any(|(partition, read)| self.next[&store.name()][partition] < *read);
        if let Some(store) = STORES.into_iter().find(behind) {
            return self.flush(world, store);
        }
        if self.is_busy() {
            return Ok(());
        }
        match decide::close(&self.book, self.generation, &self.read) {
            Some(entry) => self.append(world, entry),
            None => {
                self.state = State::Dead;
                Ok(())
            }
        }
    }

    /// Adds an entry, or begins to.
    pub(super) fn append(&mut self, world: &World, entry: Entry) -> Result<(), Violation> {
        if self.claim_due {
            // What was decided may be outdated when the claim is there: it is decided anew.
            let claim =
                Entry { generation: self.generation, body: EntryBody::Claim { nonce: self.nonce, partitions: None } };
            let claimed = self.writer.append(&mut self.book, claim);
            self.claim_due = claimed.is_err();
            return self.survive(claimed.map(drop));
        }
        self.unsure = Some(entry);
        self.insist(world)
    }

    /// Goes on with the entry that was begun, until it is known what became of it.
    pub(super) fn insist(&mut self, world: &World) -> Result<(), Violation> {
        let Some(entry) = self.unsure.clone() else { return Ok(()) };
        let appended = self.writer.append(&mut self.book, entry);
        if !matches!(appended, Err(Fault::Transient(_))) || world.rules.has(Bug::EntryGivenUp) {
            self.unsure = None;
        }
        self.survive(appended.map(drop))
    }

    /// Whether an entry is on its way to the ledger.
    pub(super) const fn is_busy(&self) -> bool {
        self.owed.is_some() || self.unsure.is_some()
    }

    /// Dies of what a life dies of; a permanent fault is none of it.
    pub(super) fn survive(&mut self, result: Result<(), Fault>) -> Result<(), Violation> {
        match result {
            Ok(()) | Err(Fault::Transient(_)) => Ok(()),
            Err(Fault::Superseded(_)) => {
                self.state = State::Dead;
                Ok(())
            }
            Err(Fault::Permanent(fault)) => Err(Violation::Refused(fault.0)),
        }
    }

    /// The bug of a life that writes its entries later.
    pub(super) fn settle_debt(&mut self, world: &mut World) -> Result<(), Violation> {
        if self.owed.is_some()
            && world.dice.percent(30)
            && let Some((mut before, entry)) = self.owed.take()
        {
            let appended = self.writer.append(&mut before, entry.clone());
            if matches!(appended, Err(Fault::Transient(_))) {
                self.owed = Some((before, entry));
            }
            self.survive(appended.map(drop))?;
        }
        Ok(())
    }
}
