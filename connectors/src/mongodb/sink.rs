//! A collection as the destination of a job's answers: one document per key, the request's UUID.
//!
//! Answers first, acknowledged by a majority, then the progress: so progress never says more than what is there. An answer
//! that was written already is found under its key and left as it is. A key may come again: the first answer stands, and
//! only a final one over a provisional one is written over it; what was left out is counted. What an old life of the job
//! still writes is what the new one writes, so it does no harm; it ends when it finds the new one's progress.
//!
//! A job begins in an empty collection or in one that others use, too: documents of other programs stay as they are, and stand in the
//! way of an answer only by their `_id`.

mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flightline_engine::contract::{Fault, Guarantee, JobId, OpenSink, Placement, Selects, Sink, SinkName, SinkSurvey};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offsets, Partition, Reached};
use mongodb::bson::{Bson, doc};

use self::writer::Writer;
use super::desk::Desk;
use super::error::MongoError;
use super::name::MongoName;
use super::progress::{Book, Mark, Owner, PROGRESS};
use super::server::MongoServer;

/// The index that clients look answers up by.
const INDEX: &str = "UUID_1";

/// A collection that a job writes.
#[derive(Debug)]
pub struct MongoSink {
    name: SinkName,
    desk: Desk,
    selects: Selects,
    reused: Arc<AtomicU64>,
}

impl MongoSink {
    /// A sink of this name. Nobody is asked yet.
    #[must_use]
    pub fn new(name: SinkName, server: MongoServer, collection: MongoName, selects: Selects) -> Self {
        Self { name, desk: Desk { server, name: collection }, selects, reused: Arc::default() }
    }

    /// How many answers of this life of the job were left out because an earlier request had used their key. One that is
    /// written again after a fault may count again.
    #[must_use]
    pub fn reused(&self) -> u64 {
        self.reused.load(Ordering::Relaxed)
    }

    /// A collection that holds answers although nobody owns it: whoever wrote them can't tell which are whose any more.
    fn check_is_free(&self, owner: &Owner) -> Result<(), Fault> {
        let ours = doc! {"Offset": {"$exists": true}, "Partition": {"$exists": true}};
        let shape = doc! {"limit": 1, "projection": {"_id": 1}};
        if self.desk.find(self.desk.name.collection(), ours, shape)?.is_empty() {
            return Ok(());
        }
        Err(Fault::permanent(format!(
            "{place} holds answers, and {PROGRESS} does not say of which job; {owner} can't begin there: put the documents of \
             {PROGRESS} back, or name another destination",
            place = self.desk.place()
        )))
    }
}

impl Sink for MongoSink {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn placement(&self) -> Placement {
        Placement::WithPartition
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn selects(&self) -> Selects {
        self.selects
    }

    fn survey(&self, partitions: &[Partition]) -> Result<SinkSurvey, Fault> {
        let book = read_book(&self.desk)?;
        book.is_of(&self.name, &self.desk.place())?;
        let progress =
            partitions.iter().filter_map(|partition| Some((*partition, book.reached(*partition)?))).collect();
        Ok(SinkSurvey { owner: book.owner.map(|owner| owner.job), progress })
    }

    fn adopt(&self, job: &JobId, starts: &Offsets) -> Result<(), Fault> {
        let (place, collection) = (self.desk.place(), self.desk.name.collection());
        let owner = Owner { job: job.clone(), sink: self.name.clone() };
        let mut book = read_book(&self.desk)?;
        book.may_be(&owner, &place)?;
        if book.owner.is_none() {
            self.check_is_free(&owner)?;
            self.desk.insert(PROGRESS, vec![owner.document(collection)])?;
            // Two jobs may have come at once, and one of them was first.
            book = read_book(&self.desk)?;
            book.may_be(&owner, &place)?;
        }
        self.desk.make_index(collection, INDEX, &["UUID"])?;
        let is_new = |(partition, _): &(&Partition, _)| book.reached(**partition).is_none();
        let start = |(partition, next): (&Partition, &_)| {
            Mark { partition: *partition, generation: None, reached: Reached::start(*next) }.document(collection)
        };
        let starts: Result<Vec<_>, _> = starts.iter().filter(is_new).map(start).collect();
        let starts = starts.map_err(|cause| Fault::permanent(format!("{place} can't begin there: {cause}")))?;
        if !starts.is_empty() {
            self.desk.insert(PROGRESS, starts)?;
        }
        Ok(())
    }

    fn open(&self, generation: Generation, partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault> {
        let (place, collection) = (self.desk.place(), self.desk.name.collection());
        let book = read_book(&self.desk)?;
        book.is_of(&self.name, &place)?;
        if book.owner.is_none() {
            return Err(Fault::permanent(format!("{place} belongs to no job yet, so nobody can write there")));
        }
        book.permits(generation, partitions)?;
        if !self.desk.is_there(collection)? {
            return Err(Fault::permanent(format!(
                "{place} is gone, and {PROGRESS} says how far it had come: put back a copy of it, or begin with a new sink \
                 and another destination"
            )));
        }
        let mut marks = Vec::new();
        for &partition in partitions {
            let Some(reached) = book.reached(partition) else {
                return Err(Fault::permanent(format!(
                    "{place} has no progress of partition {partition} in {PROGRESS}: it was made anew, or lost; put back a \
                     copy, or begin with a new sink and another destination"
                )));
            };
            let mark = Mark { partition, generation: Some(generation), reached };
            let document = mark.document(collection);
            marks.push(document.map_err(|cause| Fault::permanent(format!("{place} can't go on: {cause}")))?);
        }
        // A mark of this life that is there already stays as it is.
        self.desk.insert(PROGRESS, marks)?;
        // Whoever writes from here on finds these marks. What was said before is read only now.
        let book = read_book(&self.desk)?;
        book.permits(generation, partitions)?;
        let durable = partitions.iter().filter_map(|partition| Some((*partition, book.reached(*partition)?))).collect();
        let outdated: Vec<_> =
            book.outdated(generation, partitions).iter().map(|mark| Bson::String(mark.id(collection))).collect();
        if !outdated.is_empty() {
            self.desk.delete(PROGRESS, outdated)?;
        }
        let (desk, reused) = (self.desk.clone(), Arc::clone(&self.reused));
        Ok(Box::new(Writer { generation, desk, place, durable, reused }))
    }
}

/// What is said of a collection.
fn read_book(desk: &Desk) -> Result<Book, MongoError> {
    let documents = desk.find(PROGRESS, doc! {"collection": desk.name.collection()}, doc! {})?;
    let damaged = |cause| MongoError::permanent(format!("can't tell how far {} has come: {cause}", desk.place()));
    Book::read(&documents).map_err(damaged)
}
