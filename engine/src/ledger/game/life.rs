//! One life of the job: it reads, binds, answers and cuts. Between any two steps it may be killed, or paused for long.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::check::Violation;
use super::world::{LENGTH, STORES, Store, World, key, partitions, standing};
use crate::contract::{Answers, Item, SinkName};
use crate::ledger::samples::binding;
use crate::ledger::{Book, Entry, Generation, LedgerLog};
use crate::log::{Offset, OffsetRange, Offsets, Partition, Reached};

/// Where a life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Claim,
    Adopt,
    Fence,
    Register,
    Run,
    /// Reads no more; writes what it has read, and then its last entry.
    Close,
    Dead,
}

/// One life.
pub(super) struct Life {
    pub(super) state: State,
    /// For everything but appending.
    pub(super) ledger: LedgerLog,
    pub(super) writer: LedgerLog,
    pub(super) nonce: u64,
    pub(super) proposed: Option<Generation>,
    pub(super) generation: Generation,
    pub(super) book: Book,
    pub(super) register: Vec<(SinkName, Offsets)>,
    /// The first offset that was not let in.
    pub(super) read: Offsets,
    /// What each sink was given.
    pub(super) next: BTreeMap<SinkName, Offsets>,
    queues: BTreeMap<(SinkName, Partition), VecDeque<Answers>>,
    pub(super) producers: BTreeMap<Partition, u64>,
    /// An entry that may have been written in spite of a fault: until that is known, nothing more is read.
    pub(super) unsure: Option<Entry>,
    /// By a bug: what this life takes for bound, whatever the ledger says.
    pub(super) apart: BTreeMap<Partition, (OffsetRange, u32)>,
    /// By a bug: the entry that should have been written, and the book before it.
    pub(super) owed: Option<(Book, Entry)>,
    /// By a bug: the claim was not written yet.
    pub(super) claim_due: bool,
}

impl Life {
    pub(super) fn new(world: &mut World) -> Self {
        let (ledger, writer) = world.stormy_ledger();
        Self {
            state: State::Claim,
            ledger,
            writer,
            nonce: world.dice.any(),
            proposed: world.propose(),
            generation: Generation(0),
            book: Book::default(),
            register: Vec::new(),
            read: Offsets::new(),
            next: BTreeMap::new(),
            queues: BTreeMap::new(),
            producers: BTreeMap::new(),
            unsure: None,
            apart: BTreeMap::new(),
            owed: None,
            claim_due: false,
        }
    }

    pub(super) const fn is_dead(&self) -> bool {
        matches!(self.state, State::Dead)
    }

    /// Whether every answer is in every store.
    pub(super) fn is_done(&self) -> bool {
        let all = |offsets: &Offsets| offsets.values().all(|offset| offset.0 == LENGTH);
        self.state == State::Run && all(&self.read) && self.next.values().all(all)
    }

    /// Does one thing.
    pub(super) fn step(&mut self, world: &mut World) -> Result<(), Violation> {
        match self.state {
            State::Claim => {
                let claimed = self.claim(world);
                self.survive(claimed)
            }
            State::Adopt => self.adopt(world),
            State::Fence => {
                let fenced = self.fence(world);
                self.survive(fenced)
            }
            State::Register => self.register(world),
            State::Run => self.run(world),
            State::Close => self.close(world),
            State::Dead => Ok(()),
        }
    }

    fn run(&mut self, world: &mut World) -> Result<(), Violation> {
        self.settle_debt(world)?;
        if self.is_dead() {
            return Ok(());
        }
        match world.dice.weighted(&[160, 40, 40, 40, 5, 4, 2]) {
            0 => self.answer(world),
            store @ 1..=3 => self.flush(world, STORES[store - 1]),
            4 => self.cut(world),
            5 => self.collect(world),
            _ => {
                self.state = State::Close;
                Ok(())
            }
        }
    }

    /// Answers a few requests of a partition, or binds more if the next one is not bound.
    fn answer(&mut self, world: &mut World) -> Result<(), Violation> {
        if self.unsure.is_some() {
            return self.insist(world);
        }
        let ready: Vec<_> = partitions().filter(|partition| self.read[partition].0 < LENGTH).collect();
        if ready.is_empty() {
            return Ok(());
        }
        let partition = world.dice.pick(&ready);
        let from = self.read[&partition];
        let most = (LENGTH - from.0).min(world.dice.one_to(3) as u64);
        let bound = (from.0..from.0 + most).take_while(|offset| self.model_at(partition, Offset(*offset)).is_some());
        let to = Offset(from.0 + bound.count() as u64);
        if to == from {
            return self.extend(world);
        }
        let stretch = self.compute(partition, OffsetRange::new(from, to))?;
        self.read.insert(partition, to);
        for store in STORES {
            // The files have no room now and then: they catch up by themselves.
            if store != Store::Files || !world.dice.percent(10) {
                self.queue(store, partition).push_back(stretch.clone());
            }
        }
        Ok(())
    }

    /// The answers to a range of requests: a function of their bindings.
    pub(super) fn compute(&self, partition: Partition, range: OffsetRange) -> Result<Answers, Violation> {
        let item = |offset: u64| {
            let offset = Offset(offset);
            let model = self.model_at(partition, offset).ok_or(Violation::Unbound(partition, offset))?;
            let (key, standing) = (key(partition, offset), standing(partition, offset));
            Ok(Item { offset, key, standing, body: Bytes::from(model) })
        };
        let items = (range.from.0..range.to.0).map(item).collect::<Result<_, _>>()?;
        Ok(Answers { partition, from: range.from, reached: Reached::start(range.to), items })
    }

    fn model_at(&self, partition: Partition, offset: Offset) -> Option<String> {
        if let Some((range, model)) = self.apart.get(&partition)
            && range.contains(offset)
        {
            return Some(binding(*model).model.into());
        }
        let stretch = self.book.at(partition, offset)?;
        self.book.binding(stretch.number).map(|binding| binding.model.to_string())
    }

    /// The first offset that this life takes for unbound.
    pub(super) fn bound_upto(&self, partition: Partition) -> Offset {
        let apart = self.apart.get(&partition).map(|(range, _)| range.to).unwrap_or_default();
        self.book.bound_upto(partition).max(apart)
    }

    pub(super) fn queue(&mut self, store: Store, partition: Partition) -> &mut VecDeque<Answers> {
        self.queues.entry((store.name(), partition)).or_default()
    }

    /// The bug of a life that binds anew from where it reads.
    pub(super) fn bind_apart(&mut self, world: &World) {
        let all = |(partition, from): (&Partition, &Offset)| {
            (*partition, (OffsetRange::new(*from, Offset(LENGTH)), world.model))
        };
        self.apart = self.read.iter().map(all).collect();
    }
}
