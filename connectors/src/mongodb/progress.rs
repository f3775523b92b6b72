//! What stands in `flightline_progress` beside the answers: whose a collection is, and how far each partition has come.
//!
//! Each life of a job writes a document of its own for each partition, and only raises it; what is done is what the furthest
//! of them says. So there is nothing that two writers could spoil for each other, also on a server whose updates look first
//! and write afterwards, and an old life that wakes up can only say what is true: answers are durable before progress is, and
//! are the same whoever writes them. A life that finds a later one's document ends.
//!
//! ```text
//! {"_id": "answers",         "collection": "answers", "job": "flights#…", "sink": "answers"}
//! {"_id": "answers/0/start", "collection": "answers", "partition": 0, "next": 120}
//! {"_id": "answers/0/7",     "collection": "answers", "partition": 0, "generation": 7, "next": 964, "witness": {…}}
//! ```

use std::fmt;

use flightline_engine::contract::{Fault, JobId, SinkName, Superseded};
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Partition, Reached, Witness};
use mongodb::bson::{Bson, Document, doc};

use super::abilities::number;

/// The collection that they stand in.
pub(super) const PROGRESS: &str = "flightline_progress";

/// Whose a collection is. Two sinks of one job are told apart: each would take the other's progress for its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) job: JobId,
    pub(super) sink: SinkName,
}

impl Owner {
    pub(super) fn document(&self, collection: &str) -> Document {
        doc! {"_id": collection, "collection": collection, "job": &*self.job.0, "sink": &*self.sink.0}
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sink `{}` of job `{}`", self.sink, self.job)
    }
}

/// What one life says of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) partition: Partition,
    /// `None` for where the job began.
    pub(super) generation: Option<Generation>,
    pub(super) reached: Reached,
}

impl Mark {
    pub(super) fn id(&self, collection: &str) -> String {
        let partition = self.partition;
        match self.generation {
            Some(generation) => format!("{collection}/{partition}/{}", generation.0),
            None => format!("{collection}/{partition}/start"),
        }
    }

    /// The error is a sentence: a number that documents can't hold.
    pub(super) fn document(&self, collection: &str) -> Result<Document, String> {
        let mut document = doc! {
            "_id": self.id(collection),
            "collection": collection,
            "partition": i64::from(self.partition.0),
        };
        if let Some(generation) = self.generation {
            document.insert("generation", whole(generation.0)?);
        }
        document.extend(fields(&self.reached)?);
        Ok(document)
    }

    /// The update that raises it, and finds nothing where it was raised already.
    pub(super) fn raise(&self, collection: &str) -> Result<Document, String> {
        let next = whole(self.reached.next.0)?;
        let filter = doc! {"_id": self.id(collection), "next": {"$lt": next}};
        Ok(doc! {"q": filter, "u": {"$set": fields(&self.reached)?}, "upsert": false, "multi": false})
    }

    fn read(document: &Document) -> Option<Self> {
        let natural = |name: &str| u64::try_from(number(document.get(name))?).ok();
        let generation = match document.get("generation") {
            None => None,
            Some(_) => Some(Generation(natural("generation")?)),
        };
        let witness = match document.get("witness") {
            None | Some(Bson::Null) => None,
            Some(witness) => {
                let witness = witness.as_document()?;
                let offset = u64::try_from(number(witness.get("offset"))?).ok()?;
                let hash = u64::from_str_radix(witness.get_str("hash").ok()?, 16).ok()?;
                Some(Witness { offset: Offset(offset), hash })
            }
        };
        let partition = Partition(u32::try_from(natural("partition")?).ok()?);
        Some(Self { partition, generation, reached: Reached { next: Offset(natural("next")?), witness } })
    }
}

fn fields(reached: &Reached) -> Result<Document, String> {
    let witness = match reached.witness {
        None => Bson::Null,
        // A hash is no number: half of them are above what whole numbers hold.
        Some(Witness { offset, hash }) => {
            Bson::Document(doc! {"offset": whole(offset.0)?, "hash": format!("{hash:016x}")})
        }
    };
    Ok(doc! {"next": whole(reached.next.0)?, "witness": witness})
}

fn whole(number: u64) -> Result<i64, String> {
    i64::try_from(number).map_err(|_| format!("{number} is above what MongoDB's whole numbers hold"))
}

/// All that stands there of one collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Book {
    /// `None` until a job adopts it.
    pub(super) owner: Option<Owner>,
    pub(super) marks: Vec<Mark>,
}

impl Book {
    /// Reads the documents of a collection. The error is a sentence that names the document.
    pub(super) fn read(documents: &[Document]) -> Result<Self, String> {
        let mut book = Self::default();
        for document in documents {
            if let (Ok(job), Ok(sink)) = (document.get_str("job"), document.get_str("sink")) {
                book.owner = Some(Owner { job: JobId(job.into()), sink: SinkName(sink.into()) });
                continue;
            }
            let damaged =
                || format!("document {} of {PROGRESS} is none that a job wrote; put it right", name(document));
            book.marks.push(Mark::read(document).ok_or_else(damaged)?);
        }
        Ok(book)
    }

    /// How far a partition has come; `None` if nobody has begun it.
    pub(super) fn reached(&self, partition: Partition) -> Option<Reached> {
        let marks = self.marks.iter().filter(|mark| mark.partition == partition).map(|mark| mark.reached);
        marks.max_by_key(|reached| (reached.next, reached.witness.is_some()))
    }

    /// What a generation says of a partition.
    pub(super) fn mark(&self, partition: Partition, generation: Generation) -> Option<Mark> {
        self.marks.iter().find(|mark| (mark.partition, mark.generation) == (partition, Some(generation))).copied()
    }

    /// Whether a later generation has opened one of these partitions.
    pub(super) fn permits(&self, generation: Generation, partitions: &[Partition]) -> Result<(), Superseded> {
        let here = self.marks.iter().filter(|mark| partitions.contains(&mark.partition));
        match here.filter_map(|mark| mark.generation).max() {
            Some(later) if later > generation => Err(Superseded { later }),
            _ => Ok(()),
        }
    }

    /// What earlier generations say of these partitions, and this one says, too.
    pub(super) fn outdated(&self, generation: Generation, partitions: &[Partition]) -> Vec<Mark> {
        let is_outdated = |mark: &&Mark| {
            partitions.contains(&mark.partition)
                && mark.generation.is_some_and(|earlier| earlier < generation)
                && self.mark(mark.partition, generation).is_some_and(|own| own.reached.next >= mark.reached.next)
        };
        self.marks.iter().filter(is_outdated).copied().collect()
    }

    /// Whether the collection is free, or this sink's, of whatever job. `place` names it.
    pub(super) fn is_of(&self, sink: &SinkName, place: &str) -> Result<(), Fault> {
        match &self.owner {
            Some(owner) if owner.sink != *sink => Err(Fault::permanent(format!(
                "{place} belongs to {owner}, and sink `{sink}` can't write there: name another destination for it"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether this sink of this job may have it. `place` names it.
    pub(super) fn may_be(&self, owner: &Owner, place: &str) -> Result<(), Fault> {
        match &self.owner {
            Some(holder) if holder != owner => Err(Fault::permanent(format!(
                "{place} belongs to {holder}; {owner} can't write there: name another destination for it"
            ))),
            _ => Ok(()),
        }
    }
}

fn name(document: &Document) -> String {
    document.get("_id").map_or_else(|| "without _id".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reached(next: u64, hash: Option<u64>) -> Reached {
        let witness = hash.map(|hash| Witness { offset: Offset(next.saturating_sub(1)), hash });
        Reached { next: Offset(next), witness }
    }

    fn mark(partition: u32, generation: Option<u64>, next: u64) -> Mark {
        let generation = generation.map(Generation);
        Mark { partition: Partition(partition), generation, reached: reached(next, generation.map(|_| 7)) }
    }

    fn owner(job: &str, sink: &str) -> Owner {
        Owner { job: JobId(job.into()), sink: SinkName(sink.into()) }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            partition: u32, generation: Option<u32>, next in 0..=i64::MAX as u64, hash: Option<u64>,
        ) {
            let generation = generation.map(|generation| Generation(generation.into()));
            let mark = Mark { partition: Partition(partition), generation, reached: reached(next, hash) };
            let documents = [owner("a#1", "s").document("c"), mark.document("c").unwrap()];
            let stored = documents.map(|document| Document::from_reader(document.to_vec().unwrap().as_slice()).unwrap());
            let book = Book::read(&stored).unwrap();
            prop_assert_eq!(book, Book { owner: Some(owner("a#1", "s")), marks: vec![mark] });
        }
    }

    #[test]
    fn what_is_no_mark_is_named() {
        for damaged in [doc! {"_id": "c/0/1", "partition": 0, "generation": -1, "next": 1}, doc! {"_id": "c/0/1"}] {
            let error = Book::read(&[damaged]).unwrap_err();
            assert!(error.contains("c/0/1") && error.contains(PROGRESS), "{error}");
        }
        assert!(mark(0, None, u64::MAX).document("c").unwrap_err().contains("18446744073709551615"));
    }

    #[test]
    fn the_furthest_of_all_lives_counts() {
        let marks = vec![mark(0, None, 5), mark(0, Some(2), 30), mark(0, Some(3), 20), mark(1, None, 1)];
        let book = Book { owner: None, marks };
        assert_eq!(book.reached(Partition(0)), Some(reached(30, Some(7))));
        assert_eq!(book.reached(Partition(1)), Some(reached(1, None)));
        assert_eq!(book.reached(Partition(2)), None);
    }

    #[test]
    fn the_latest_generation_writes_and_earlier_ones_end() {
        let book = Book { owner: None, marks: vec![mark(0, Some(2), 1), mark(1, Some(5), 1)] };
        assert_eq!(book.permits(Generation(3), &[Partition(0)]), Ok(()));
        assert_eq!(book.permits(Generation(5), &[Partition(0), Partition(1)]), Ok(()));
        let superseded = Err(Superseded { later: Generation(5) });
        assert_eq!(book.permits(Generation(3), &[Partition(0), Partition(1)]), superseded);
    }

    #[test]
    fn only_what_this_life_says_too_is_outdated() {
        let start = mark(0, None, 0);
        let marks = vec![start, mark(0, Some(1), 4), mark(0, Some(2), 9), mark(0, Some(3), 5), mark(0, Some(4), 5)];
        let book = Book { owner: None, marks };
        assert_eq!(book.outdated(Generation(3), &[Partition(0)]), [mark(0, Some(1), 4)]);
        assert_eq!(book.outdated(Generation(5), &[Partition(0)]), [], "it has said nothing yet");
        assert_eq!(book.outdated(Generation(3), &[Partition(1)]), []);
    }

    #[test]
    fn what_is_anothers_is_refused() {
        let free = Book::default();
        assert_eq!(free.may_be(&owner("a", "s"), "collection `c`"), Ok(()));
        let taken = Book { owner: Some(owner("a", "s")), marks: Vec::new() };
        assert_eq!(taken.may_be(&owner("a", "s"), "collection `c`"), Ok(()));
        for other in [owner("b", "s"), owner("a", "dead")] {
            let error = taken.may_be(&other, "collection `c`").unwrap_err().to_string();
            assert!(error.contains("sink `s` of job `a`") && error.contains(&other.to_string()), "{error}");
        }
        assert_eq!(taken.is_of(&SinkName("s".into()), "c"), Ok(()));
        assert!(taken.is_of(&SinkName("x".into()), "c").is_err());
    }

    #[test]
    fn a_mark_is_raised_and_never_lowered() {
        let raise = mark(3, Some(7), 40).raise("c").unwrap();
        assert_eq!(raise.get_document("q").unwrap(), &doc! {"_id": "c/3/7", "next": {"$lt": 40_i64}});
        assert!(!raise.get_bool("upsert").unwrap());
    }
}
