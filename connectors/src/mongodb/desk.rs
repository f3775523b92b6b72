//! The collections of one database as sinks, tables and clients need them: find, insert, update, delete, each to its end.

use flightline_engine::contract::Standing;
use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::{Acknowledgment, InsertOneModel, ReplaceOneModel, WriteConcern, WriteModel};

use super::abilities::Writing;
use super::answer::Answer;
use super::command::{self, Written};
use super::error::{MongoError, Problem, What};
use super::name::MongoName;
use super::server::MongoServer;

/// The most ids in one look-up.
const IDS_AT_ONCE: usize = 1_000;
/// The documents that come in one piece.
const AT_ONCE: u32 = 1_000;

/// A collection on a server, and its neighbours in the same database.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) server: MongoServer,
    pub(super) name: MongoName,
}

impl Desk {
    /// How the collection is named in messages.
    pub(super) fn place(&self) -> String {
        format!("collection `{}` at {}", self.name, self.server.shown())
    }

    fn of(&self, collection: &str) -> String {
        format!("collection `{}.{collection}`", self.name.database())
    }

    /// The documents of a collection that a filter finds, as a majority has them. `shape` adds fields to the command: a
    /// projection, an order, a limit.
    pub(super) fn find(
        &self,
        collection: &str,
        filter: Document,
        shape: Document,
    ) -> Result<Vec<Document>, MongoError> {
        let action = format!("read {}", self.of(collection));
        let mut command = doc! {
            "find": collection,
            "filter": filter,
            "batchSize": i64::from(AT_ONCE),
            "readConcern": {"level": "majority"},
        };
        command.extend(shape);
        let database = self.server.database(self.name.database())?;
        let found = self.server.wait(&action, async {
            let cursor = database.run_cursor_command(command).batch_size(AT_ONCE).await?;
            cursor.try_collect().await
        })?;
        found.map_err(|error| self.server.doing(&action).failed(&Problem::of(&error)))
    }

    /// The documents of these ids. FerretDB gives every document to its filter when it is asked for several.
    pub(super) fn find_ids(&self, collection: &str, ids: &[Bson]) -> Result<Vec<Document>, MongoError> {
        let mut found = Vec::new();
        let at_once = if self.server.abilities()?.writing == Writing::Inserts { 1 } else { IDS_AT_ONCE };
        for some in ids.chunks(at_once) {
            let filter = match some {
                [id] => doc! {"_id": id.clone()},
                some => doc! {"_id": {"$in": some.to_vec()}},
            };
            found.extend(self.find(collection, filter, doc! {})?);
        }
        Ok(found)
    }

    /// Inserts documents. Those whose `_id` is taken are told by their places.
    pub(super) fn insert(&self, collection: &str, documents: Vec<Document>) -> Result<Vec<usize>, MongoError> {
        let patience = self.server.patience();
        let most = self.server.abilities()?.batch;
        let written =
            self.write(collection, documents, most, |documents| command::insert(collection, documents, patience))?;
        Ok(written.duplicates)
    }

    /// Makes updates. Those that would have to insert a document whose `_id` is taken are told by their places.
    pub(super) fn update(&self, collection: &str, updates: Vec<Document>) -> Result<Written, MongoError> {
        let patience = self.server.patience();
        let most = self.server.abilities()?.updates;
        self.write(collection, updates, most, |updates| command::update(collection, updates, patience))
    }

    /// Deletes the documents of these ids, and says how many there were.
    pub(super) fn delete(&self, collection: &str, ids: Vec<Bson>) -> Result<i64, MongoError> {
        let patience = self.server.patience();
        let most = self.server.abilities()?.batch;
        let ids = ids.into_iter().map(|id| doc! {"_id": id}).collect();
        let written = self.write(collection, ids, most, |ids| {
            command::delete(
                collection,
                ids.into_iter().filter_map(|id: Document| id.get("_id").cloned()).collect(),
                patience,
            )
        })?;
        Ok(written.found)
    }

    /// Makes an index, if it isn't there; and the collection, if it isn't there.
    pub(super) fn make_index(&self, collection: &str, name: &str, keys: &[&str]) -> Result<(), MongoError> {
        let action = format!("make the index {name} of {}", self.of(collection));
        let key: Document = keys.iter().map(|key| ((*key).to_owned(), Bson::Int32(1))).collect();
        let command = doc! {
            "createIndexes": collection,
            "indexes": [{"key": key, "name": name}],
            "writeConcern": command::concern(self.server.patience()),
        };
        let answer = self.server.command(self.name.database(), &action, command)?;
        command::written(&answer).map(|_| ()).map_err(|problem| self.server.doing(&action).failed(&problem))
    }

    /// Whether a collection is there.
    pub(super) fn is_there(&self, collection: &str) -> Result<bool, MongoError> {
        let action = format!("look for {}", self.of(collection));
        let command = doc! {"listCollections": 1, "filter": {"name": collection}, "nameOnly": true};
        let answer = self.server.command(self.name.database(), &action, command)?;
        let batch = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
        // There are servers that pass over the filter.
        let is_named =
            |found: &Bson| found.as_document().and_then(|found| found.get_str("name").ok()) == Some(collection);
        batch
            .map(|collections| collections.iter().any(is_named))
            .map_err(|error| self.server.doing(&action).unusable(&error.to_string()))
    }

    /// Writes answers where nothing stands in their way, in one batch if it is not too large. Those in whose way something
    /// stands are told by their places.
    pub(super) fn put(&self, answers: &[Answer]) -> Result<Vec<usize>, MongoError> {
        let collection = self.name.collection();
        let documents = || answers.iter().map(|answer| answer.document.clone()).collect();
        match self.server.abilities()?.writing {
            Writing::Inserts => self.insert(collection, documents()),
            Writing::Updates => {
                let updates = answers.iter().map(command::upsert).collect();
                Ok(self.update(collection, updates)?.duplicates)
            }
            Writing::BulkWrite => self.bulk_write(answers),
        }
    }

    /// Carries out a command of many documents, in parts of no more than `most`.
    fn write(
        &self,
        collection: &str,
        documents: Vec<Document>,
        most: usize,
        command: impl Fn(Vec<Document>) -> Document,
    ) -> Result<Written, MongoError> {
        let action = format!("write {}", self.of(collection));
        let failed = |problem: &Problem| self.server.doing(&action).failed(problem);
        let sizes = documents.iter().map(size);
        let shares = command::shares(sizes, most);
        let mut documents = documents.into_iter();
        let mut all = Written { found: 0, duplicates: Vec::new() };
        for share in shares {
            let part = documents.by_ref().take(share.len()).collect();
            let answer = self.server.command(self.name.database(), &action, command(part))?;
            let Written { found, duplicates } = command::written(&answer).map_err(|problem| failed(&problem))?;
            all.found += found;
            all.duplicates.extend(duplicates.into_iter().map(|index| share.start + index));
        }
        Ok(all)
    }

    /// The driver shares a bulk write out to commands itself.
    fn bulk_write(&self, answers: &[Answer]) -> Result<Vec<usize>, MongoError> {
        let action = format!("write {}", self.of(self.name.collection()));
        let namespace = mongodb::Namespace::new(self.name.database(), self.name.collection());
        let model = |answer: &Answer| -> WriteModel {
            let (namespace, document) = (namespace.clone(), answer.document.clone());
            match answer.standing {
                Standing::Provisional => {
                    InsertOneModel::builder().namespace(namespace).document(document).build().into()
                }
                Standing::Final => ReplaceOneModel::builder()
                    .namespace(namespace)
                    .filter(answer.filter())
                    .replacement(document)
                    .upsert(true)
                    .build()
                    .into(),
            }
        };
        let concern =
            WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(self.server.patience()).build();
        let client = self.server.client()?;
        let models: Vec<_> = answers.iter().map(model).collect();
        let written = self
            .server
            .wait(&action, async { client.bulk_write(models).ordered(false).write_concern(concern).await })?;
        let failed = |problem: &Problem| self.server.doing(&action).failed(problem);
        let error = match written {
            Ok(_) => return Ok(Vec::new()),
            Err(error) => error,
        };
        let ErrorKind::BulkWrite(bulk) = &*error.kind else { return Err(failed(&Problem::of(&error))) };
        // What went wrong beside single writes: the connection, the whole command.
        if let Some(source) = std::error::Error::source(&error).and_then(|source| source.downcast_ref()) {
            return Err(failed(&Problem::of(source)));
        }
        if let Some(concern) = bulk.write_concern_errors.first() {
            let cause = format!("{} (code {}, {})", concern.message, concern.code, concern.code_name);
            return Err(failed(&Problem { what: What::Concern(concern.code), cause }));
        }
        let mut duplicates = Vec::new();
        for (index, error) in &bulk.write_errors {
            let problem = Problem { what: What::Code(error.code), cause: error.message.clone() };
            if !problem.is_duplicate() {
                return Err(failed(&problem));
            }
            duplicates.push(*index);
        }
        duplicates.sort_unstable();
        Ok(duplicates)
    }
}

/// About how many bytes a document takes; a document that can't be written is refused by the driver.
fn size(document: &Document) -> usize {
    document.to_vec().map_or(0, |bytes| bytes.len())
}

#[cfg(test)]
mod tests;
