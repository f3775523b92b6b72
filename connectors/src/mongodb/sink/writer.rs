//! The writer of some partitions' answers: answers, then progress.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flightline_engine::contract::{Answers, Fault, FlushReason, Item, OpenSink, SinkBatch};
use flightline_engine::failpoint;
use flightline_engine::ledger::Generation;
use flightline_engine::log::{Offset, Partition, Reached};
use mongodb::bson::{Bson, Document, doc};

use super::read_book;
use crate::mongodb::abilities::Writing;
use crate::mongodb::answer::{Answer, Verdict, one_for_each_key};
use crate::mongodb::desk::Desk;
use crate::mongodb::json;
use crate::mongodb::progress::{Mark, PROGRESS};

/// Where FerretDB's claims stand: which answer takes a provisional one's place. They stay, for whoever comes late.
const CLAIMS: &str = "flightline_claims";
/// The field of a claim that holds the answer.
const CLAIMED: &str = "answer";

/// How often answers that found something in their way, and then nothing, are tried again at once.
const TRIES: usize = 3;

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) generation: Generation,
    pub(super) desk: Desk,
    /// How the collection is named in messages.
    pub(super) place: String,
    pub(super) durable: BTreeMap<Partition, Reached>,
    pub(super) reused: Arc<AtomicU64>,
}

impl OpenSink for Writer {
    fn durable(&self) -> BTreeMap<Partition, Reached> {
        self.durable.clone()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        let mut lines = Vec::new();
        let mut reached = BTreeMap::new();
        for (&partition, answers) in &batch.answers {
            if let Some(from) = self.new_from(answers)? {
                lines.extend(answers.items.iter().filter(|item| item.offset >= from).map(|item| (partition, item)));
                reached.insert(partition, answers.reached);
            }
        }
        if reached.is_empty() {
            return Ok(());
        }
        let partitions: Vec<_> = self.durable.keys().copied().collect();
        read_book(&self.desk)?.permits(self.generation, &partitions)?;
        failpoint::hit("mongodb-sink/before-answers");
        self.put(&lines)?;
        failpoint::hit("mongodb-sink/before-progress");
        self.raise(&reached)?;
        failpoint::hit("mongodb-sink/after-progress");
        for (partition, reached) in reached {
            self.durable.entry(partition).or_default().advance(reached);
        }
        Ok(())
    }

    fn flush(&mut self, _why: FlushReason) -> Result<(), Fault> {
        Ok(())
    }

    fn flush_in(&self) -> Option<Duration> {
        None
    }
}

impl Writer {
    /// From where on a stretch is new; `None` if all of it is there: written by a try that seemed to fail.
    fn new_from(&self, answers: &Answers) -> Result<Option<Offset>, Fault> {
        let Answers { partition, from, reached, .. } = answers;
        let Some(done) = self.durable.get(partition) else {
            return Err(Fault::permanent(format!("partition {partition} was not opened by this writer")));
        };
        if reached.next <= done.next {
            Ok(None)
        } else if *from <= done.next {
            Ok(Some(done.next))
        } else {
            Err(Fault::permanent(format!(
                "{place} has partition {partition} up to {done}, and lines from {from} on came: what lies between would \
                 be lost; this is a bug",
                place = self.place,
                done = done.next
            )))
        }
    }

    /// Stores answers; when this returns, each is there, or another one that stands.
    fn put(&self, lines: &[(Partition, &Item)]) -> Result<(), Fault> {
        let answer = |(partition, item): &(Partition, &Item)| {
            Answer::of(*partition, item).map_err(|cause| Fault::permanent(format!("{}: {cause}", self.place)))
        };
        let answers: Result<Vec<_>, _> = lines.iter().map(answer).collect();
        let (mut left, reused) = one_for_each_key(answers?);
        self.count_reused(reused);
        let claims = self.desk.server.abilities()?.writing == Writing::Inserts;
        for _ in 0..TRIES {
            if left.is_empty() {
                return Ok(());
            }
            left = self.give_way(left, claims)?;
        }
        if left.is_empty() {
            return Ok(());
        }
        Err(Fault::transient(format!(
            "can't write {place}: others change the same {count} documents all the time",
            place = self.place,
            count = left.len()
        )))
    }

    /// One try. What is left found something in its way that gives way to it.
    fn give_way(&self, answers: Vec<Answer>, claims: bool) -> Result<Vec<Answer>, Fault> {
        let in_the_way = self.desk.put(&answers)?;
        let answers: Vec<Answer> = in_the_way.iter().filter_map(|at| answers.get(*at).cloned()).collect();
        let keys: Vec<_> = answers.iter().map(|answer| Bson::from(&*answer.key)).collect();
        let stored = by_id(self.desk.find_ids(self.desk.name.collection(), &keys)?);
        let mut left = Vec::new();
        for answer in answers {
            let there = stored.get(&*answer.key);
            match answer.against(there) {
                Verdict::Same => {}
                Verdict::Reused => self.count_reused(1),
                Verdict::GivesWay if claims => self.claim(&answer)?,
                Verdict::GivesWay => left.push(answer),
                Verdict::Unsettled => {
                    return Err(Fault::transient(format!(
                        "can't write {place}: a document `{key}` is in the way that no majority has yet",
                        place = self.place,
                        key = answer.key
                    )));
                }
                Verdict::Differs => return Err(self.differs(&answer, there)),
            }
        }
        Ok(left)
    }

    /// Puts a final answer in a provisional one's place where an update looks first and writes afterwards. The first claim
    /// says which answer that is, and whoever comes carries it out: all of them write the same.
    fn claim(&self, answer: &Answer) -> Result<(), Fault> {
        let id = format!("{}/{}", self.desk.name.collection(), answer.key);
        let claim = doc! {json::ID: &id, CLAIMED: answer.document.clone()};
        let is_second = !self.desk.insert(CLAIMS, vec![claim])?.is_empty();
        let mut chosen = answer.document.clone();
        if is_second {
            let found = self.desk.find_ids(CLAIMS, &[Bson::from(id.as_str())])?;
            let first = found.first().and_then(|claim| claim.get_document(CLAIMED).ok());
            let gone = || Fault::permanent(format!("claim `{id}` of {CLAIMS} holds no answer; delete it"));
            chosen.clone_from(first.ok_or_else(gone)?);
        }
        self.count_reused(u64::from(chosen != answer.document));
        let update = doc! {"q": {json::ID: &*answer.key}, "u": chosen, "upsert": false, "multi": false};
        self.desk.update(self.desk.name.collection(), vec![update])?;
        Ok(())
    }

    /// Says how far the answers are there.
    fn raise(&self, reached: &BTreeMap<Partition, Reached>) -> Result<(), Fault> {
        let collection = self.desk.name.collection();
        let raise = |(&partition, &reached): (&Partition, &Reached)| {
            Mark { partition, generation: Some(self.generation), reached }.raise(collection)
        };
        let updates: Result<Vec<_>, _> = reached.iter().map(raise).collect();
        let updates = updates.map_err(|cause| Fault::permanent(format!("{}: {cause}", self.place)))?;
        let asked = i64::try_from(updates.len()).unwrap_or(i64::MAX);
        if self.desk.update(PROGRESS, updates)?.found == asked {
            return Ok(());
        }
        // Some stood there already, by a try that seemed to fail; or they are gone, and a later life is at work.
        let book = read_book(&self.desk)?;
        let partitions: Vec<_> = reached.keys().copied().collect();
        book.permits(self.generation, &partitions)?;
        for (&partition, reached) in reached {
            match book.mark(partition, self.generation) {
                Some(mark) if mark.reached.next >= reached.next => {}
                Some(_) => {
                    return Err(Fault::transient(format!(
                        "can't write {place}: the progress of partition {partition} did not move",
                        place = self.place
                    )));
                }
                None => {
                    return Err(Fault::permanent(format!(
                        "{place} was opened by generation {generation}, and {PROGRESS} does not know that any more: \
                         somebody deleted it, or put an older copy in its place; stop the job and put the right one back",
                        place = self.place,
                        generation = self.generation
                    )));
                }
            }
        }
        Ok(())
    }

    fn count_reused(&self, by: u64) {
        if by > 0 {
            self.reused.fetch_add(by, Ordering::Relaxed);
        }
    }

    fn differs(&self, ours: &Answer, there: Option<&Document>) -> Fault {
        let text = |document: &Document| String::from_utf8_lossy(&json::line(document)).into_owned();
        Fault::permanent(format!(
            "{place} holds another answer to partition {partition}, offset {offset} than is computed now, which must never \
             be; there: {there}; now: {ours}; the request log or the ledger was replaced, or this is a bug",
            place = self.place,
            partition = ours.partition,
            offset = ours.offset,
            there = there.map(text).unwrap_or_default(),
            ours = text(&ours.document)
        ))
    }
}

fn by_id(documents: Vec<Document>) -> BTreeMap<String, Document> {
    let with_id = |document: Document| Some((document.get_str(json::ID).ok()?.to_owned(), document));
    documents.into_iter().filter_map(with_id).collect()
}
