//! How a life starts: it claims, adopts, fences, registers, and finds out where to read from. One step at a time, so that it
//! can be killed or overtaken between any two.

use std::collections::BTreeMap;

use super::check::Violation;
use super::life::{Life, State};
use super::rules::Bug;
use super::world::{PARTITIONS, STORES, Store, World, bounds, job, partitions};
use crate::contract::{Fault, Superseded};
use crate::ledger::{Book, Entry, EntryBody, Generation, decide};
use crate::recovery::{SinkPolicy, plan_start, read_from};

/// The files may lag.
fn policies() -> Vec<SinkPolicy> {
    let policy = |store: Store| SinkPolicy { name: store.name(), required: store != Store::Files, backfill: false };
    STORES.map(policy).into()
}

impl Life {
    /// Takes the generation that is proposed, or the next.
    pub(super) fn claim(&mut self, world: &mut World) -> Result<(), Fault> {
        if world.rules.has(Bug::ClaimApart) && world.claims > 0 {
            self.book = self.ledger.load()?;
            world.claims += 1;
            self.generation = Generation(world.claims);
            self.claim_due = true;
        } else {
            let claimed = self.ledger.claim(&job(), PARTITIONS, self.nonce, self.proposed);
            if let Err(Fault::Superseded(Superseded { later })) = &claimed {
                world.tell_master(*later);
            }
            (self.book, self.generation) = claimed?;
            world.claims = self.generation.0;
        }
        self.state = State::Adopt;
        Ok(())
    }

    /// Looks at the destinations, plans, and makes them the job's.
    pub(super) fn adopt(&mut self, world: &mut World) -> Result<(), Violation> {
        let surveys = STORES.map(|store| (store.name(), world.survey(store))).into();
        let plan = plan_start(&self.book, &policies(), &bounds(), &surveys);
        let plan = plan.map_err(|errors| Violation::Refused(errors.to_string()))?;
        let id = self.book.id().ok_or_else(|| Violation::Refused("the ledger was never opened".to_owned()))?;
        for store in STORES {
            world.adopt(store, &id, &plan.starts[&store.name()]);
        }
        self.register = plan.register;
        self.state = State::Fence;
        Ok(())
    }

    /// Fences the producers of older lives; then reads the ledger again.
    pub(super) fn fence(&mut self, world: &mut World) -> Result<(), Fault> {
        for partition in partitions() {
            self.new_producer(world, partition);
        }
        self.book = self.ledger.load()?;
        self.state = if self.is_superseded(world, &self.book) { State::Dead } else { State::Register };
        Ok(())
    }

    /// Registers what is new; then begins to read.
    pub(super) fn register(&mut self, world: &mut World) -> Result<(), Violation> {
        self.insist(world)?;
        for (sink, starts) in self.register.clone() {
            if !self.is_busy() && !self.is_dead() && !self.book.registered().contains_key(&sink) {
                self.append(world, Entry { generation: self.generation, body: EntryBody::Register { sink, starts } })?;
            }
        }
        let missing = self.register.iter().any(|(sink, _)| !self.book.registered().contains_key(sink));
        if missing || self.is_dead() {
            return Ok(());
        }
        let durable: BTreeMap<_, _> = STORES.map(|store| (store.name(), world.durable(store))).into();
        let starts = read_from(&policies(), &durable, &bounds());
        self.read = starts.map_err(|errors| Violation::Refused(errors.to_string()))?;
        for (sink, progress) in durable {
            self.next
                .insert(sink, progress.into_iter().map(|(partition, reached)| (partition, reached.next)).collect());
        }
        if world.rules.has(Bug::OpenEnded) {
            self.bind_apart(world);
        }
        self.state = State::Run;
        Ok(())
    }

    /// Whether a later life has claimed.
    pub(super) fn is_superseded(&self, world: &World, book: &Book) -> bool {
        let apart = world.rules.has(Bug::ClaimApart) && world.claims > self.generation.0;
        apart || decide::superseded(book, self.generation).is_some()
    }
}
