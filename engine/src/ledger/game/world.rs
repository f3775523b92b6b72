//! What survives a life: the objects of the ledger, the model that is wanted, and three stores with their progress.
//!
//! The *topic* commits answers and progress in one transaction of a fenced producer. The *collection* stores answers one by
//! one and its progress afterwards, at times late. The *files* are created, named by their first offset, and are their own
//! progress.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::Violation;
use super::dice::Dice;
use super::rules::{Bug, Rules};
use crate::contract::{Fault, Item, JobId, SinkName, SinkSurvey, Standing};
use crate::ids::JobName;
use crate::ledger::collect::collectable;
use crate::ledger::eventful::{Eventful, Moment};
use crate::ledger::{Book, Generation, LedgerLog};
use crate::log::{Offset, OffsetRange, Offsets, Partition, Reached};
use crate::memory::MemoryBlobs;

pub(super) const PARTITIONS: u32 = 2;
/// Requests in each partition, all there from the beginning.
pub(super) const LENGTH: u64 = 14;
/// Offsets that are bound at once.
pub(super) const RANGE: u64 = 5;

/// One of the three stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Store {
    Topic,
    Collection,
    Files,
}

pub(super) const STORES: [Store; 3] = [Store::Topic, Store::Collection, Store::Files];

impl Store {
    pub(super) fn name(self) -> SinkName {
        SinkName(format!("{self:?}").into())
    }
}

pub(super) fn partitions() -> impl Iterator<Item = Partition> {
    (0..PARTITIONS).map(Partition)
}

pub(super) fn bounds() -> BTreeMap<Partition, OffsetRange> {
    partitions().map(|partition| (partition, OffsetRange::new(Offset(0), Offset(LENGTH)))).collect()
}

pub(super) fn job() -> JobName {
    JobName("game".into())
}

/// A request's UUID: six of them come twice.
pub(super) fn key(partition: Partition, offset: Offset) -> Box<str> {
    let different = u64::from(PARTITIONS) * LENGTH - 6;
    format!("u{}", (u64::from(partition.0) * LENGTH + offset.0) % different).into()
}

/// Every third answer is an `ERROR`. Two requests with one UUID differ in it at times, either way round.
pub(super) fn standing(partition: Partition, offset: Offset) -> Standing {
    if (u64::from(partition.0) * 32 + offset.0).is_multiple_of(3) { Standing::Provisional } else { Standing::Final }
}

/// An answer in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) partition: Partition,
    pub(super) item: Item,
}

/// Partition and first offset; and the last one, by a bug.
pub(super) type FileName = (Partition, (Offset, Option<Offset>));

/// All that survives a life.
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) rules: Rules,
    blobs: MemoryBlobs,
    /// Generations that were handed out beside the ledger, by a bug.
    pub(super) claims: u64,
    /// What a master has proposed or heard of last, if there is one.
    master: Option<u64>,
    /// The number of the model that is wanted.
    pub(super) model: u32,
    /// Destinations that were adopted.
    adopted: BTreeMap<Store, JobId>,
    /// The epoch of each producer: only the last one made may commit.
    producers: BTreeMap<(Partition, u64), u64>,
    pub(super) topic: Vec<Stored>,
    pub(super) topic_progress: Offsets,
    pub(super) collection: BTreeMap<Box<str>, Stored>,
    collection_progress: Offsets,
    pub(super) files: BTreeMap<FileName, Vec<Item>>,
    /// The first answer that anybody wrote for each position.
    seen: BTreeMap<(Partition, Offset), Item>,
}

impl World {
    pub(super) fn new(seed: u64, rules: Rules) -> Self {
        let mut dice = Dice::new(seed);
        let has_master = dice.percent(50) && !rules.has(Bug::ClaimApart);
        Self {
            master: has_master.then_some(0),
            dice,
            rules,
            blobs: MemoryBlobs::default(),
            claims: 0,
            model: 0,
            adopted: BTreeMap::new(),
            producers: BTreeMap::new(),
            topic: Vec::new(),
            topic_progress: Offsets::new(),
            collection: BTreeMap::new(),
            collection_progress: Offsets::new(),
            files: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// What a master proposes for the next life: above all that it knows of, which may not be all.
    pub(super) fn propose(&mut self) -> Option<Generation> {
        let above = self.dice.one_to(3) as u64;
        self.master.as_mut().map(|last| {
            *last += above;
            Generation(*last)
        })
    }

    /// A master hears from a life that was refused.
    pub(super) fn tell_master(&mut self, later: Generation) {
        self.master = self.master.map(|last| last.max(later.0));
    }

    /// The ledger on a store that never fails.
    pub(super) fn calm_ledger(&self) -> LedgerLog {
        LedgerLog::new(Arc::new(self.blobs.clone()))
    }

    /// The ledger for a life, to read and to write: calls fail before or after they took effect, and now and then another
    /// life claims the very number that is about to be written, and dies.
    pub(super) fn stormy_ledger(&mut self) -> (LedgerLog, LedgerLog) {
        let mut dice = Dice::new(self.dice.any());
        let (rival, rivals_claim) = (self.calm_ledger(), !self.rules.has(Bug::ClaimApart));
        let storm = Eventful::around(&self.blobs, move |moment| {
            if moment == Moment::BeforeCreate && rivals_claim && dice.percent(1) {
                rival.claim(&job(), PARTITIONS, dice.any(), None)?;
            }
            let percent = if moment == Moment::Look { 1 } else { 4 };
            if dice.percent(percent) { Err(Fault::transient("the store is away")) } else { Ok(()) }
        });
        (LedgerLog::new(Arc::clone(&storm)), LedgerLog::new(self.rules.writes_through(storm)))
    }

    /// What a store says is durable.
    pub(super) fn durable(&self, store: Store) -> BTreeMap<Partition, Reached> {
        let next = match store {
            Store::Topic => self.topic_progress.clone(),
            Store::Collection => self.collection_progress.clone(),
            Store::Files => partitions().map(|partition| (partition, self.files_end(partition))).collect(),
        };
        next.into_iter().map(|(partition, next)| (partition, Reached::start(next))).collect()
    }

    pub(super) fn survey(&self, store: Store) -> SinkSurvey {
        let owner = self.adopted.get(&store).cloned();
        let progress = if owner.is_some() { self.durable(store) } else { BTreeMap::new() };
        SinkSurvey { owner, progress }
    }

    pub(super) fn adopt(&mut self, store: Store, job: &JobId, starts: &Offsets) {
        if self.adopted.contains_key(&store) {
            return;
        }
        self.adopted.insert(store, job.clone());
        match store {
            Store::Topic => self.topic_progress = starts.clone(),
            Store::Collection => self.collection_progress = starts.clone(),
            Store::Files => assert!(starts.values().all(|start| *start == Offset(0)), "the log begins at 0"),
        }
    }

    /// Deletes the entries that no store needs.
    pub(super) fn collect(&self) -> Result<(), Fault> {
        let ledger = self.calm_ledger();
        let mut book = ledger.load()?;
        let upto = collectable(&book, &self.progress(), &Offsets::new());
        ledger.collect(&mut book, upto)
    }

    /// The progress of all stores.
    pub(super) fn progress(&self) -> BTreeMap<SinkName, Offsets> {
        let next =
            |store| self.durable(store).into_iter().map(|(partition, reached)| (partition, reached.next)).collect();
        STORES.map(|store| (store.name(), next(store))).into()
    }

    /// A new producer: all older ones of the same id are fenced.
    pub(super) fn fence(&mut self, id: (Partition, u64)) -> u64 {
        let epoch = self.producers.entry(id).or_default();
        *epoch += 1;
        *epoch
    }

    pub(super) fn is_fenced(&self, id: (Partition, u64), epoch: u64) -> bool {
        self.producers.get(&id) != Some(&epoch)
    }

    /// Answers and progress in one transaction.
    pub(super) fn commit(&mut self, partition: Partition, items: &[Item], next: Offset) -> Result<(), Violation> {
        self.see(partition, items)?;
        self.topic.extend(items.iter().map(|item| Stored { partition, item: item.clone() }));
        self.topic_progress.insert(partition, next);
        Ok(())
    }

    /// One answer into the collection, unless the stored one stands.
    pub(super) fn put(&mut self, partition: Partition, item: &Item) -> Result<(), Violation> {
        self.see(partition, std::slice::from_ref(item))?;
        let new = Stored { partition, item: item.clone() };
        if let Some(old) = self.collection.get(&item.key) {
            let same_position = (old.partition, old.item.offset) == (partition, item.offset);
            if !self.rules.stands(old.item.standing, same_position, item.standing) {
                return Ok(());
            }
            if old.item.standing == Standing::Final && *old != new {
                return Err(Violation::FinalAnswerChanged(item.key.clone()));
            }
        }
        self.collection.insert(item.key.clone(), new);
        Ok(())
    }

    /// The collection's progress, which never goes back.
    pub(super) fn note_collection(&mut self, partition: Partition, next: Offset) {
        let known = self.collection_progress.entry(partition).or_default();
        *known = (*known).max(next);
    }

    /// A file, if there is none of that name; else where the one that is there ends.
    pub(super) fn create_file(&mut self, partition: Partition, items: &[Item]) -> Result<Option<Offset>, Violation> {
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return Ok(None) };
        let name = (partition, self.rules.file_name(first.offset, last.offset));
        if let Some(there) = self.files.get(&name) {
            return Ok(there.last().map(|item| item.offset.next()));
        }
        self.see(partition, items)?;
        self.files.insert(name, items.to_vec());
        Ok(None)
    }

    /// Where the last of the files ends that follow on one another.
    fn files_end(&self, partition: Partition) -> Offset {
        let mut end = Offset(0);
        for ((of, (first, _)), items) in &self.files {
            if *of == partition && *first == end {
                end = items.last().map_or(end, |item| item.offset.next());
            }
        }
        end
    }

    /// Whoever writes an answer for a position writes the same.
    fn see(&mut self, partition: Partition, items: &[Item]) -> Result<(), Violation> {
        for item in items {
            let first = self.seen.entry((partition, item.offset)).or_insert_with(|| item.clone());
            if first != item {
                return Err(Violation::TwoBindings(partition, item.offset));
            }
        }
        Ok(())
    }

    /// A book of the ledger as it is now.
    pub(super) fn book(&self) -> Result<Book, Fault> {
        self.calm_ledger().load()
    }
}
