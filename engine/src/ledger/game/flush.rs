//! How a life's sinks write: each drops what it has, catches up what it missed, and can be stopped in the middle.

use super::check::Violation;
use super::life::{Life, State};
use super::rules::Bug;
use super::world::{PARTITIONS, Store, World};
use crate::contract::Item;
use crate::log::{Offset, OffsetRange, Partition};
use crate::recovery::Undelivered;

impl Life {
    /// Writes something of what waits for a store.
    pub(super) fn flush(&mut self, world: &mut World, store: Store) -> Result<(), Violation> {
        let partition = Partition(world.dice.below(u64::from(PARTITIONS)) as u32);
        let items = self.batch(world, store, partition)?;
        if items.is_empty() {
            return Ok(());
        }
        match store {
            Store::Topic => self.flush_topic(world, partition, &items),
            Store::Collection => self.flush_collection(world, partition, &items),
            Store::Files => self.flush_files(world, partition, &items),
        }
    }

    /// What a store has not got of what waits for it.
    fn batch(&mut self, world: &World, store: Store, partition: Partition) -> Result<Vec<Item>, Violation> {
        // An old life that wakes up late may read of progress beyond what its own book binds: it waits.
        let known = self.read[&partition].min(self.bound_upto(partition));
        let mut next = self.next[&store.name()][&partition];
        let waiting: Vec<_> = self.queue(store, partition).iter().cloned().collect();
        let mut items = Vec::new();
        for stretch in waiting {
            let mut verdict = world.rules.deliver(next, &stretch);
            if let Undelivered::Gap(gap) = verdict {
                if gap.to > known {
                    break;
                }
                items.extend(self.compute(partition, gap)?.items);
                verdict = world.rules.deliver(gap.to, &stretch);
            }
            if let Undelivered::Take(new) = verdict {
                next = new.reached.next;
                items.extend(new.items);
            }
        }
        if items.is_empty() && next < known {
            // Its stretches were dropped, or it went back to what is durable.
            items = self.compute(partition, OffsetRange::new(next, known))?.items;
        }
        Ok(items)
    }

    /// A store was given all below `next`.
    fn given(&mut self, store: Store, partition: Partition, next: Offset) {
        self.next.entry(store.name()).or_default().insert(partition, next);
        self.queue(store, partition).retain(|stretch| stretch.reached.next > next);
    }

    fn flush_topic(&mut self, world: &mut World, partition: Partition, items: &[Item]) -> Result<(), Violation> {
        let next = end(items);
        if world.rules.has(Bug::ProgressFirst) {
            world.topic_progress.insert(partition, next);
            if world.dice.percent(30) {
                self.state = State::Dead;
                return Ok(());
            }
        }
        let id = world.rules.transactional_id(partition, self.generation);
        if self.producers.get(&partition).is_none_or(|epoch| world.is_fenced(id, *epoch)) {
            return self.begin_anew(world, partition);
        }
        world.commit(partition, items, next)?;
        if world.dice.percent(5) {
            // The commit's answer was lost: this producer is of no use any more.
            self.producers.remove(&partition);
            return Ok(());
        }
        self.given(Store::Topic, partition, next);
        Ok(())
    }

    /// Makes a producer anew, unless a later life is at work: ledger and progress are read again before anything is sent.
    /// The life keeps its own book: while it is the highest nobody else writes, and what is read now may have been collected
    /// beyond what its slowest sink still needs.
    fn begin_anew(&mut self, world: &mut World, partition: Partition) -> Result<(), Violation> {
        let book = match self.ledger.load() {
            Ok(book) => book,
            Err(fault) => return self.survive(Err(fault)),
        };
        if self.is_superseded(world, &book) {
            self.state = State::Dead;
            return Ok(());
        }
        self.new_producer(world, partition);
        let next = world.topic_progress[&partition];
        self.given(Store::Topic, partition, next);
        Ok(())
    }

    pub(super) fn new_producer(&mut self, world: &mut World, partition: Partition) {
        let id = world.rules.transactional_id(partition, self.generation);
        self.producers.insert(partition, world.fence(id));
    }

    fn flush_collection(&mut self, world: &mut World, partition: Partition, items: &[Item]) -> Result<(), Violation> {
        let landed = &items[..world.dice.one_to(items.len())];
        for item in landed {
            world.put(partition, item)?;
        }
        self.given(Store::Collection, partition, end(landed));
        if world.dice.percent(50) {
            world.note_collection(partition, end(landed));
        }
        Ok(())
    }

    fn flush_files(&mut self, world: &mut World, partition: Partition, items: &[Item]) -> Result<(), Violation> {
        let rolled = &items[..world.dice.one_to(items.len())];
        let winners_end = world.create_file(partition, rolled)?;
        self.given(Store::Files, partition, winners_end.unwrap_or(end(rolled)));
        Ok(())
    }
}

/// The offset after the last of some answers.
fn end(items: &[Item]) -> Offset {
    items.last().map(|item| item.offset.next()).unwrap_or_default()
}
