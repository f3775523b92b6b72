//! One life of the job: it reads, binds, answers and cuts. Between any two steps it may be killed, or paused for long.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::check::Violation;
use super::rules::Bug;
use super::world::{LENGTH, RANGE, STORES, Store, World, key, partitions, standing};
use crate::contract::{Answers, Fault, Item, SinkName};
use crate::ledger::collect::collectable;
use crate::ledger::samples::binding;
use crate::ledger::{Book, Entry, EntryBody, Generation, LedgerLog, decide};
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
    writer: LedgerLog,
    pub(super) nonce: u64,
    pub(super) generation: Generation,
    pub(super) book: Book,
    pub(super) register: Vec<(SinkName, Offsets)>,
    /// The first offset that was not let in.
    pub(super) read: Offsets,
    /// What each sink was given.
    pub(super) next: BTreeMap<SinkName, Offsets>,
    queues: BTreeMap<(SinkName, Partition), VecDeque<Answers>>,
    pub(super) producers: BTreeMap<Partition, u64>,
    /// By a bug: what this life takes for bound, whatever the ledger says.
    apart: BTreeMap<Partition, (OffsetRange, u32)>,
    /// By a bug: the entry that should have been written, and the book before it.
    owed: Option<(Book, Entry)>,
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
            generation: Generation(0),
            book: Book::default(),
            register: Vec::new(),
            read: Offsets::new(),
            next: BTreeMap::new(),
            queues: BTreeMap::new(),
            producers: BTreeMap::new(),
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
        match world.dice.weighted(&[160, 40, 40, 40, 5, 4, 4, 2]) {
            0 => self.answer(world),
            store @ 1..=3 => self.flush(world, STORES[store - 1]),
            4 => self.cut(world),
            5 => self.mark(world),
            6 => self.collect(world),
            _ => {
                self.state = State::Close;
                Ok(())
            }
        }
    }

    /// Answers a few requests of a partition, or binds more if the next one is not bound.
    fn answer(&mut self, world: &mut World) -> Result<(), Violation> {
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

    fn extend(&mut self, world: &World) -> Result<(), Violation> {
        if self.owed.is_some() {
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
            return self.append(entry).map(drop);
        }
        let before = self.book.clone();
        if self.book.apply(before.next_seq(), &entry).is_ok() {
            self.owed = Some((before, entry));
        }
        Ok(())
    }

    /// Swaps to the model that is wanted, where the sources stand.
    fn cut(&mut self, world: &World) -> Result<(), Violation> {
        if self.owed.is_some() {
            return Ok(());
        }
        let entry = decide::cut(&self.book, self.generation, &binding(world.model), &self.read);
        let cut = entry.map_or(Ok(true), |entry| self.append(entry))?;
        if cut && world.rules.has(Bug::CutForeign) {
            for (partition, position) in &self.read {
                let rest = OffsetRange::new(*position, self.book.bound_upto(*partition));
                self.apart.insert(*partition, (rest, world.model));
            }
        }
        Ok(())
    }

    /// Notes in the ledger how far the files are.
    fn mark(&mut self, world: &World) -> Result<(), Violation> {
        let reached = world.durable(Store::Files);
        if self.owed.is_some() || reached.values().all(|reached| reached.next.0 == 0) {
            return Ok(());
        }
        let body = EntryBody::Mark { sink: Store::Files.name(), reached };
        self.append(Entry { generation: self.generation, body }).map(drop)
    }

    /// Collects by its own book, which may be old.
    fn collect(&mut self, world: &World) -> Result<(), Violation> {
        if self.owed.is_some() {
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
    fn close(&mut self, world: &mut World) -> Result<(), Violation> {
        self.settle_debt(world)?;
        if let Some(store) = STORES.into_iter().find(|store| self.next[&store.name()] != self.read) {
            return self.flush(world, store);
        }
        let entry = decide::close(&self.book, self.generation, &self.read);
        if self.owed.is_none() && entry.map_or(Ok(true), |entry| self.append(entry))? {
            self.state = State::Dead;
        }
        Ok(())
    }

    /// Adds an entry; tells whether it is there now.
    pub(super) fn append(&mut self, entry: Entry) -> Result<bool, Violation> {
        if self.claim_due {
            let claim = Entry { generation: self.generation, body: EntryBody::Claim { nonce: self.nonce } };
            let claimed = self.writer.append(&mut self.book, claim);
            self.claim_due = claimed.is_err();
            self.survive(claimed.map(drop))?;
            // What was decided may be outdated now.
            return Ok(false);
        }
        let appended = self.writer.append(&mut self.book, entry);
        let there = appended.is_ok();
        self.survive(appended.map(drop))?;
        Ok(there)
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

    /// The bug of a life that writes its entries later.
    fn settle_debt(&mut self, world: &mut World) -> Result<(), Violation> {
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
