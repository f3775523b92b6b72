//! The writer that promises each line exactly once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use flightline_engine::contract::{Fault, FlushReason, OpenSink, SinkBatch};
use flightline_engine::failpoint;
use flightline_engine::ledger::Generation;
use flightline_engine::log::Partition;

use super::super::producer::Sender;
use super::shard::{Shard, Undone};
use super::{Destination, Places, new_from};

/// A writer of some partitions.
#[derive(Debug)]
pub(super) struct TransactionalWriter {
    destination: Arc<Destination>,
    generation: Generation,
    shards: BTreeMap<Partition, Shard>,
}

impl TransactionalWriter {
    /// Fences all shards; `places` is what was known before.
    pub(super) fn open(destination: Arc<Destination>, generation: Generation, places: Places) -> Result<Self, Fault> {
        let shard = |(partition, reached)| (partition, Shard::new(partition, reached));
        let mut writer = Self { destination, generation, shards: places.into_iter().map(shard).collect() };
        let all: Vec<Partition> = writer.shards.keys().copied().collect();
        writer.fence(&all)?;
        Ok(writer)
    }

    /// Makes new producers for those of these shards that have none.
    fn revive(&mut self, partitions: impl IntoIterator<Item = Partition>) -> Result<(), Fault> {
        let is_dead = |partition: &Partition| self.shards.get(partition).is_some_and(|shard| shard.sender.is_none());
        let dead: Vec<Partition> = partitions.into_iter().filter(is_dead).collect();
        if dead.is_empty() {
            return Ok(());
        }
        // Who is old must not fence the one that lives.
        self.destination.progress.look()?.permits(self.generation)?;
        self.fence(&dead)
    }

    /// From here on nobody else writes these shards, and it is known how far they are.
    fn fence(&mut self, partitions: &[Partition]) -> Result<(), Fault> {
        failpoint::hit("kafka-sink/before-fence");
        let destination = &*self.destination;
        let fenced = at_once(partitions.iter().map(|partition| {
            move || {
                let id = destination.transactional_id(*partition);
                let sender = Sender::transactional(&destination.cluster, &id)?;
                let what = format!("taking over the transactions of `{id}`");
                sender.fence().map_err(|error| destination.cluster.fault(&what, &error))?;
                Ok((*partition, sender))
            }
        }))?;
        let senders = fenced.into_iter().collect::<Result<Vec<_>, Fault>>()?;
        failpoint::hit("kafka-sink/after-fence");
        let (name, topic) = (&destination.options.name, &destination.options.topic);
        let seen = destination.progress.look_when_settled()?;
        let places = seen.opened(name, topic, self.generation, partitions)?;
        for (partition, sender) in senders {
            let found = places.get(&partition).copied().unwrap_or_default();
            if let Some(shard) = self.shards.get_mut(&partition) {
                shard.revived(sender, found, topic)?;
            }
        }
        Ok(())
    }

    /// What came of several shards' work: the worst of it.
    fn worst(&self, outcomes: Vec<Result<(), Undone>>) -> Result<(), Fault> {
        let mut undone: Vec<Undone> = outcomes.into_iter().filter_map(Result::err).collect();
        if undone.iter().any(|undone| undone.fenced) {
            self.destination.progress.look()?.permits(self.generation)?;
            tracing::warn!(
                sink = %self.destination.options.name,
                "a producer was fenced off: an older process has woken up and was in the way, or the brokers have given up a \
                 transaction that took longer than `transaction_timeout`; it takes over again"
            );
        }
        let worst = undone.iter().position(|undone| matches!(undone.fault, Fault::Permanent(_))).unwrap_or(0);
        if undone.is_empty() { Ok(()) } else { Err(undone.swap_remove(worst).fault) }
    }
}

impl OpenSink for TransactionalWriter {
    fn durable(&self) -> Places {
        self.shards.iter().map(|(partition, shard)| (*partition, shard.durable)).collect()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        self.revive(batch.answers.keys().copied())?;
        let (destination, generation) = (&*self.destination, self.generation);
        let topic = &destination.options.topic;
        let done = |partition| self.shards.get(partition).map(Shard::done);
        let mut new = BTreeMap::new();
        for (partition, answers) in &batch.answers {
            if let Some(from) = new_from(done(partition), answers, topic)? {
                new.insert(*partition, (answers, from));
            }
        }
        let work = self.shards.iter_mut().filter_map(|(partition, shard)| {
            let (answers, from) = new.remove(partition)?;
            Some(move || shard.take(destination, generation, answers, from))
        });
        let outcomes = at_once(work)?;
        self.worst(outcomes)
    }

    fn flush(&mut self, _why: FlushReason) -> Result<(), Fault> {
        let due: Vec<Partition> =
            self.shards.values().filter(|shard| shard.due_in().is_some()).map(|shard| shard.partition).collect();
        self.revive(due)?;
        let (destination, generation) = (&*self.destination, self.generation);
        let due = self.shards.values_mut().filter(|shard| shard.due_in().is_some());
        let outcomes = at_once(due.map(|shard| move || shard.catch_up(destination, generation)))?;
        self.worst(outcomes)
    }

    fn flush_in(&self) -> Option<Duration> {
        self.shards.values().filter_map(Shard::due_in).min()
    }
}

/// Does several things side by side, each on a thread of its own if there are several.
fn at_once<T: Send>(work: impl IntoIterator<Item = impl FnOnce() -> T + Send>) -> Result<Vec<T>, Fault> {
    let mut work: Vec<_> = work.into_iter().collect();
    let Some(last) = work.pop() else { return Ok(Vec::new()) };
    thread::scope(|scope| {
        let others: Vec<_> = work.into_iter().map(|step| scope.spawn(step)).collect();
        let last = last();
        let others = others
            .into_iter()
            .map(|other| other.join().map_err(|_| Fault::permanent("a thread that wrote to Kafka has panicked (bug)")));
        others.chain([Ok(last)]).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_done_and_told_in_order() {
        let mut numbers = [1, 2, 3];
        let work = numbers.iter_mut().map(|number| {
            move || {
                *number *= 2;
                *number
            }
        });
        assert_eq!(at_once(work), Ok(vec![2, 4, 6]));
        assert_eq!(numbers, [2, 4, 6]);
        assert_eq!(at_once(Vec::<fn() -> u8>::new()), Ok(Vec::new()));
    }

    #[test]
    fn a_shard_that_has_lost_what_was_committed_stops_the_job() {
        let at = |next| flightline_engine::log::Reached::start(flightline_engine::log::Offset(next));
        let cluster = super::super::KafkaCluster::new(crate::kafka::KafkaOptions::default()).unwrap();
        let mut shard = Shard::new(Partition(3), at(50));
        let sender = || Sender::plain(&cluster).unwrap();
        assert!(matches!(shard.revived(sender(), at(49), "t"), Err(Fault::Permanent(_))));
        assert!(shard.sender.is_none());
        assert_eq!(shard.revived(sender(), at(60), "t"), Ok(()));
        assert_eq!((shard.durable, shard.done()), (at(60), at(60)));
    }
}
