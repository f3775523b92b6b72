//! A collection as the destination of a job's answers: one document per key, the request's UUID.
//!
//! Answers and the progress of all partitions change in one transaction, so progress is never ahead of them. A key may
//! come again: the first answer stands, and only the same request's own, or a final one over a provisional one, is written
//! over it. What was left out is counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use flightline_engine::contract::{
    Fault, FlushReason, Guarantee, Item, JobId, OpenSink, Placement, Selects, Sink, SinkBatch, SinkName, SinkSurvey,
};
use flightline_engine::failpoint;
use flightline_engine::ledger::Generation;
use flightline_engine::ledger::decide::stands;
use flightline_engine::log::{Offsets, Partition, Reached};
use redb::{ReadableTable, WriteTransaction};

use super::collection::{Collection, DOCUMENTS};
use super::document::{Answered, Document};
use super::file::Failed;
use super::sink_state::{Admitted, Owner, SinkState};

/// A collection that a job writes.
#[derive(Debug)]
pub struct EmbeddedCollectionSink {
    name: SinkName,
    collection: Arc<Collection>,
    selects: Selects,
}

impl EmbeddedCollectionSink {
    /// A sink of this name.
    #[must_use]
    pub fn new(name: SinkName, collection: Arc<Collection>, selects: Selects) -> Self {
        Self { name, collection, selects }
    }

    fn place(&self) -> String {
        format!("collection `{}`", self.collection.name())
    }
}

impl Sink for EmbeddedCollectionSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn placement(&self) -> Placement {
        Placement::OnLead
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn selects(&self) -> Selects {
        self.selects
    }

    fn survey(&self, partitions: &[Partition]) -> Result<SinkSurvey, Fault> {
        let state = self.collection.sink_state::<Fault>()?;
        state.is_of(&self.name, &self.place())?;
        let mut progress = state.progress;
        progress.retain(|partition, _| partitions.contains(partition));
        Ok(SinkSurvey { owner: state.owner.map(|owner| owner.job), progress })
    }

    fn adopt(&self, job: &JobId, starts: &Offsets) -> Result<(), Fault> {
        let owner = Owner { job: job.clone(), sink: self.name.clone() };
        let others = self.collection.len()?;
        self.collection.transact(|_, state| {
            state.may_be_adopted(&owner, &self.place(), others).map_err(Failed::Refused)?;
            Ok(state.adopt(&owner, starts.iter().map(|(&partition, &offset)| (partition, offset))))
        })?;
        Ok(())
    }

    fn open(&self, generation: Generation, partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault> {
        let state = self.collection.transact(|_, state| {
            state.fence(&self.name, generation, partitions, &self.place()).map_err(Failed::Refused)
        })?;
        let mut durable = state.progress;
        durable.retain(|partition, _| partitions.contains(partition));
        Ok(Box::new(Writer { generation, collection: Arc::clone(&self.collection), place: self.place(), durable }))
    }
}

/// A writer of some partitions' answers.
#[derive(Debug)]
struct Writer {
    generation: Generation,
    collection: Arc<Collection>,
    /// How the collection is named in messages.
    place: String,
    durable: BTreeMap<Partition, Reached>,
}

impl OpenSink for Writer {
    fn durable(&self) -> BTreeMap<Partition, Reached> {
        self.durable.clone()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        if let Some(partition) = batch.answers.keys().find(|partition| !self.durable.contains_key(partition)) {
            return Err(Fault::permanent(format!("partition {partition} was not opened by this writer")));
        }
        let state = self.collection.transact(|transaction, state| {
            state.permits(self.generation, &self.place).map_err(Failed::Refused)?;
            let changed = write(transaction, state, batch, &self.place)?;
            failpoint::hit("collection-sink/before-commit");
            Ok(changed)
        })?;
        failpoint::hit("collection-sink/after-commit");
        for (partition, durable) in &mut self.durable {
            durable.advance(state.progress.get(partition).copied().unwrap_or_default());
        }
        Ok(())
    }

    fn flush(&mut self, _why: FlushReason) -> Result<(), Fault> {
        Ok(())
    }

    fn flush_in(&self) -> Option<std::time::Duration> {
        None
    }
}

/// Writes what is new of a batch, and moves the progress in `state`. False if nothing was new.
fn write(
    transaction: &WriteTransaction,
    state: &mut SinkState,
    batch: &SinkBatch,
    place: &str,
) -> Result<bool, Failed<Fault>> {
    let (mut items, mut changed): (Vec<(Partition, &Item)>, _) = (Vec::new(), false);
    for (&partition, answers) in &batch.answers {
        if let Admitted::From(from) = state.admit(answers, place).map_err(Failed::Refused)? {
            items.extend(answers.items.iter().filter(|item| item.offset >= from).map(|item| (partition, item)));
            state.progress.insert(partition, answers.reached);
            changed = true;
        }
    }
    // Neighbours in the tree are written together; stable, so that the first of equal keys stays the first.
    items.sort_by(|one, other| one.1.key.cmp(&other.1.key));
    let mut documents = transaction.open_table(DOCUMENTS)?;
    for (partition, item) in items {
        state.reused += u64::from(!put(&mut documents, partition, item)?);
    }
    Ok(changed)
}

/// Stores an answer unless another one stands. False if it was left out because an earlier request had its key.
fn put(
    documents: &mut redb::Table<'_, &'static str, &'static [u8]>,
    partition: Partition,
    item: &Item,
) -> Result<bool, Failed<Fault>> {
    let there = match documents.get(&*item.key)? {
        None => None,
        Some(stored) => {
            let damaged = || redb::Error::Corrupted(format!("document `{}` can't be read", item.key));
            Document::decode(stored.value()).ok_or_else(|| Failed::Storage(damaged()))?.answered
        }
    };
    if let Some(there) = there {
        let same_position = (there.partition, there.offset) == (partition, item.offset);
        let gives_way = stands(there.standing, same_position, item.standing);
        if !gives_way {
            return Ok(false);
        }
    }
    let answered = Some(Answered { partition, offset: item.offset, standing: item.standing });
    documents.insert(&*item.key, Document { answered, body: &item.body }.encode().as_slice())?;
    Ok(true)
}

#[cfg(test)]
mod tests;
