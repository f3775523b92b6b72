//! Rows that are brought to a collection: what is new is inserted, what differs is changed, and the rest is left alone.
//!
//! The collection is read first and compared, so only what differs is written, and what was done can be told exactly. A
//! document keeps its `_id` and the fields that the rows don't have. Two that come to the same time with the same new row
//! give it the same `_id`, so it is there once.

mod plan;

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};

use self::plan::{Key, Plan};
use super::desk::Desk;
use super::error::MongoError;
use super::json;
use super::name::MongoName;
use super::server::MongoServer;

/// The documents that are written at once.
const AT_ONCE: usize = 500;
/// How often what others wrote meanwhile is compared again.
const TRIES: usize = 3;

/// Rows on their way into a collection.
#[derive(Debug)]
pub struct MongoRows {
    desk: Desk,
    key: Vec<Box<str>>,
    wanted: BTreeMap<Key, Document>,
}

/// What bringing rows came to, in documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// That were not there.
    pub new: u64,
    /// That said something else before.
    pub changed: u64,
    /// That said so already.
    pub same: u64,
    /// That were there for no row, or a second time, and were removed.
    pub removed: u64,
    /// That are there for no row, or a second time, and stay.
    pub others: u64,
}

impl MongoRows {
    /// Rows of a collection, each told from the others by the fields of `key`. Nobody is asked yet.
    pub fn new<F: Into<Box<str>>>(server: MongoServer, name: MongoName, key: impl IntoIterator<Item = F>) -> Self {
        let key = key.into_iter().map(Into::into).collect();
        Self { desk: Desk { server, name }, key, wanted: BTreeMap::new() }
    }

    /// Takes a row, a JSON object; in the place of an earlier one with the same key.
    ///
    /// # Errors
    /// It is no object, or lacks a field of the key.
    pub fn take(&mut self, line: &[u8]) -> Result<(), MongoError> {
        let refused = |cause: &str| {
            let line = String::from_utf8_lossy(line);
            MongoError::permanent(format!(
                "the row {line} can't be brought to `{name}`: {cause}",
                name = self.desk.name
            ))
        };
        let row = json::document(line).map_err(|cause| refused(&cause))?;
        let key = Key::of(&self.key, &row).ok_or_else(|| refused("it lacks a field of its key"))?;
        self.wanted.insert(key, row);
        Ok(())
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wanted.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Brings them, and makes the index on their key. With `prune`, documents of no row are removed, and of several of one
    /// row all but one. `progress` is told of rows that are done. Done again, it changes nothing.
    ///
    /// # Errors
    /// The server can't be reached or refuses; some of it may be done.
    pub fn bring(&self, prune: bool, progress: &mut dyn FnMut(u64)) -> Result<Brought, MongoError> {
        let names: Vec<&str> = self.key.iter().map(|field| &**field).collect();
        self.desk.make_index(self.desk.name.collection(), &index_name(&names), &names)?;
        let mut brought = Brought::default();
        for attempt in 0..TRIES {
            let there = self.desk.find(self.desk.name.collection(), doc! {}, doc! {})?;
            let plan = Plan::of(&self.key, &self.wanted, &there, prune);
            // What the second try finds the same is what the first one wrote.
            if attempt == 0 {
                (brought.same, brought.others) = (plan.same, plan.others);
                progress(plan.same);
            }
            if self.carry_out(plan, &mut brought, progress)? {
                return Ok(brought);
            }
        }
        Err(MongoError::transient(format!(
            "can't bring rows to {}: others write the same ones all the time; try again",
            self.desk.place()
        )))
    }

    /// False if others were faster with something new.
    fn carry_out(&self, plan: Plan, brought: &mut Brought, progress: &mut dyn FnMut(u64)) -> Result<bool, MongoError> {
        let collection = self.desk.name.collection();
        let mut is_whole = true;
        for part in parts(plan.inserts) {
            let all = part.len() as u64;
            let taken = self.desk.insert(collection, part)?.len() as u64;
            is_whole &= taken == 0;
            brought.new += all - taken;
            progress(all - taken);
        }
        for part in parts(plan.updates) {
            let rows = part.len() as u64;
            self.desk.update(collection, part)?;
            brought.changed += rows;
            progress(rows);
        }
        for part in parts(plan.deletes) {
            brought.removed += u64::try_from(self.desk.delete(collection, part)?).unwrap_or(0);
        }
        Ok(is_whole)
    }
}

fn index_name(names: &[&str]) -> String {
    names.iter().map(|name| format!("{name}_1")).collect::<Vec<_>>().join("_")
}

fn parts<T>(all: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut all = all.into_iter();
    std::iter::from_fn(move || {
        let part: Vec<T> = all.by_ref().take(AT_ONCE).collect();
        (!part.is_empty()).then_some(part)
    })
}

/// An update of the document of an id.
fn set(id: Bson, fields: Document) -> Document {
    doc! {"q": {json::ID: id}, "u": {"$set": fields}, "upsert": false, "multi": false}
}
