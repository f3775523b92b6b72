//! A collection as a table: read whole, and watched by polling or by a change stream.
//!
//! Either way says only that something may have changed; what did, is found by reading all and comparing, so both come to
//! the same rows. Which way is taken is the server's to say: members of a replica set and routers of a cluster have change
//! streams, all others are polled.

mod poll;
mod stream;
mod watched;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flightline_engine::contract::{Fault, TableRows, TableSource};
use mongodb::bson::{Document, doc};

use self::poll::Poll;
use self::stream::{Opening, Stream};
use super::desk::Desk;
use super::error::MongoError;
use super::json::{self, ID};
use super::name::MongoName;
use super::server::MongoServer;

/// Makes a row, its key and its value, of a document's line. An error is a sentence about the document.
pub type RowOf = Arc<dyn Fn(&[u8]) -> Result<(String, String), String> + Send + Sync>;

/// How changes are noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchBy {
    /// By a change stream if the server has them, else by polling.
    #[default]
    Whatever,
    /// By polling.
    Polling,
    /// By a change stream, also of a server that does not say that it has them.
    ChangeStream,
}

/// What a watched collection is told.
#[derive(Clone)]
pub struct MongoTableOptions {
    /// The collection.
    pub collection: MongoName,
    /// The fields that a row is made of; others are not asked for.
    pub fields: Vec<Box<str>>,
    /// Makes a row of a document.
    pub row: RowOf,
    /// How changes are noticed.
    pub watch: WatchBy,
    /// The time between two looks, where it is polled.
    pub poll: Duration,
    /// Whether a collection without documents is a table without rows. Else it is taken for one that is not there yet, or
    /// is being filled anew.
    pub may_be_empty: bool,
}

impl MongoTableOptions {
    /// A collection of documents with these fields, looked at every two seconds if it must be polled.
    pub fn new<F: Into<Box<str>>>(collection: MongoName, fields: impl IntoIterator<Item = F>, row: RowOf) -> Self {
        Self {
            collection,
            fields: fields.into_iter().map(Into::into).collect(),
            row,
            watch: WatchBy::Whatever,
            poll: Duration::from_secs(2),
            may_be_empty: false,
        }
    }
}

impl fmt::Debug for MongoTableOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collection, fields, row: _, watch, poll, may_be_empty } = self;
        out.debug_struct("MongoTableOptions")
            .field("collection", collection)
            .field("fields", fields)
            .field("watch", watch)
            .field("poll", poll)
            .field("may_be_empty", may_be_empty)
            .finish_non_exhaustive()
    }
}

/// A table in a collection.
#[derive(Debug)]
pub struct MongoTable {
    documents: Documents,
    row: RowOfTable,
    watch: WatchBy,
    poll: Duration,
    watching: Option<Watching>,
    /// Whether a job is at work with rows of it.
    is_known: bool,
}

/// How changes are noticed, once that is decided.
#[derive(Debug)]
enum Watching {
    Poll(Poll),
    Stream(Stream),
}

/// The documents of a collection, and of each the fields that matter.
#[derive(Clone, Debug)]
struct Documents {
    desk: Desk,
    fields: Vec<Box<str>>,
}

struct RowOfTable {
    row: RowOf,
    may_be_empty: bool,
}

impl fmt::Debug for RowOfTable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RowOfTable").field("may_be_empty", &self.may_be_empty).finish_non_exhaustive()
    }
}

impl Documents {
    fn read(&self) -> Result<Vec<Document>, MongoError> {
        let fields: Document = self.fields.iter().map(|field| (field.to_string(), 1.into())).collect();
        self.desk.find(self.desk.name.collection(), doc! {}, doc! {"projection": fields})
    }
}

impl MongoTable {
    /// The table in a collection. Nobody is asked yet.
    #[must_use]
    pub fn new(server: MongoServer, options: MongoTableOptions) -> Self {
        let MongoTableOptions { collection, fields, row, watch, poll, may_be_empty } = options;
        let desk = Desk { server, name: collection };
        Self {
            documents: Documents { desk, fields },
            row: RowOfTable { row, may_be_empty },
            watch,
            poll,
            watching: None,
            is_known: false,
        }
    }

    /// Whether changes are noticed by a change stream; `None` before the first read decided it.
    #[must_use]
    pub fn is_streamed(&self) -> Option<bool> {
        self.watching.as_ref().map(|watching| matches!(watching, Watching::Stream(_)))
    }

    /// Begins to watch, before anything is read: what changes while it is read is noticed then.
    fn watch(&mut self) -> Result<&mut Watching, MongoError> {
        if self.watching.is_none() {
            let by_stream = match self.watch {
                WatchBy::Polling => false,
                WatchBy::ChangeStream => true,
                WatchBy::Whatever => self.documents.desk.server.abilities()?.change_streams,
            };
            let poll = || Watching::Poll(Poll::new(self.documents.clone(), self.poll));
            let stream = || Watching::Stream(Stream::new(self.documents.desk.clone()));
            self.watching = Some(if by_stream { stream() } else { poll() });
        }
        let opening = match &mut self.watching {
            Some(Watching::Stream(stream)) => stream.open()?,
            _ => Opening::Open,
        };
        if let Opening::Impossible(cause) = opening {
            if self.watch == WatchBy::ChangeStream {
                return Err(MongoError::permanent(format!(
                    "can't watch {place} by a change stream: {cause}; let it be polled",
                    place = self.documents.desk.place()
                )));
            }
            tracing::warn!(table = %self.documents.desk.place(), cause, "no change stream: the table is polled");
            self.watching = Some(Watching::Poll(Poll::new(self.documents.clone(), self.poll)));
        }
        let begun = &mut self.watching;
        // It was set above; polling is what is always possible.
        Ok(begun.get_or_insert_with(|| Watching::Poll(Poll::new(self.documents.clone(), self.poll))))
    }

    fn no_rows(&self) -> Fault {
        let place = self.documents.desk.place();
        if self.is_known {
            Fault::transient(format!("the table in {place} is empty now; put its documents back"))
        } else {
            Fault::permanent(format!("{place} holds no document, and so no table; fill it (`import` does that)"))
        }
    }
}

impl TableSource for MongoTable {
    fn read(&mut self) -> Result<TableRows, Fault> {
        let documents = self.documents.clone();
        let read = match self.watch()? {
            Watching::Poll(poll) => poll.read(),
            Watching::Stream(stream) => stream.read(&documents),
        }?;
        if read.is_empty() && !self.row.may_be_empty {
            self.unread();
            return Err(self.no_rows());
        }
        let rows = self.row.rows(&read);
        if rows.is_err() {
            self.unread();
        }
        let place = self.documents.desk.place();
        let rows = rows.map_err(|cause| Fault::permanent(format!("{place} is no table: {cause}; correct it")))?;
        self.is_known = true;
        Ok(rows)
    }

    fn changed(&mut self, patience: Duration) -> bool {
        match &mut self.watching {
            None => true,
            Some(Watching::Poll(poll)) => poll.changed(patience),
            Some(Watching::Stream(stream)) => stream.changed(patience),
        }
    }
}

impl MongoTable {
    /// What was read was no table: whatever comes in its place is news.
    fn unread(&mut self) {
        match &mut self.watching {
            None => {}
            Some(Watching::Poll(poll)) => poll.forget(),
            Some(Watching::Stream(stream)) => stream.forget(),
        }
    }
}

impl RowOfTable {
    /// The rows of some documents. The error names the document.
    fn rows(&self, documents: &[Document]) -> Result<TableRows, String> {
        let mut rows = TableRows::new();
        let mut from: BTreeMap<String, String> = BTreeMap::new();
        for document in documents {
            let id = document.get(ID).map_or_else(|| "without _id".to_owned(), ToString::to_string);
            let (key, value) =
                (self.row)(&json::line(document)).map_err(|cause| format!("document {id} can't be used: {cause}"))?;
            if let Some(before) = rows.get(&key).filter(|before| **before != value) {
                let other = from.get(&key).map_or("another", String::as_str);
                return Err(format!("documents {other} and {id} are both of {key}, and say {before} and {value}"));
            }
            from.insert(key.clone(), id);
            rows.insert(key, value);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(documents: &[Document]) -> Result<TableRows, String> {
        let row = |line: &[u8]| {
            let row: serde_json::Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
            let key = row["k"].as_str().ok_or("it has no k")?;
            Ok((key.to_owned(), row["v"].to_string()))
        };
        RowOfTable { row: Arc::new(row), may_be_empty: true }.rows(documents)
    }

    #[test]
    fn every_document_is_a_row() {
        let documents = [doc! {"_id": 1, "k": "a", "v": 1.0}, doc! {"_id": 2, "k": "b", "v": 2}];
        let expected = [("a", "1.0"), ("b", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(rows(&documents), Ok(expected.into()));
    }

    #[test]
    fn a_row_that_is_there_twice_counts_once_and_two_that_differ_are_named() {
        let twice = [doc! {"_id": 1, "k": "a", "v": 1}, doc! {"_id": 2, "k": "a", "v": 1}];
        assert_eq!(rows(&twice).unwrap().len(), 1);
        let differ = [doc! {"_id": "x", "k": "a", "v": 1}, doc! {"_id": "y", "k": "a", "v": 2}];
        let error = rows(&differ).unwrap_err();
        assert!(error.contains("documents \"x\" and \"y\" are both of a, and say 1 and 2"), "{error}");
    }

    #[test]
    fn a_document_that_is_no_row_is_named() {
        let error = rows(&[doc! {"_id": 7, "v": 1}]).unwrap_err();
        assert_eq!(error, "document 7 can't be used: it has no k");
    }
}
