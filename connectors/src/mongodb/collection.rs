//! A collection as others use it: to look up what a job stored there.

use bytes::Bytes;
use mongodb::bson::{Bson, Document, doc};

use super::desk::Desk;
use super::error::MongoError;
use super::json::{self, ID};
use super::name::MongoName;
use super::server::MongoServer;
use crate::client::{ClientError, CollectionClient};

/// A collection that somebody looks things up in. What is found is what a majority of the servers has.
#[derive(Clone, Debug)]
pub struct MongoCollection {
    desk: Desk,
    name: Box<str>,
}

impl MongoCollection {
    /// The collection of this name. Nobody is asked yet.
    #[must_use]
    pub fn new(server: MongoServer, name: MongoName) -> Self {
        Self { name: name.to_string().into(), desk: Desk { server, name } }
    }

    /// The line of the document of this id, without its `_id`; `None` if there is none.
    ///
    /// # Errors
    /// The server can't be asked.
    pub fn find(&self, id: &str) -> Result<Option<Bytes>, MongoError> {
        let found = self.desk.find_ids(self.desk.name.collection(), &[Bson::from(id)])?;
        Ok(found.first().map(|document| json::line(document).into()))
    }

    /// All documents in the order of their ids, as they are while they are read; only those whose id is a text, as that of an
    /// answer is.
    ///
    /// # Errors
    /// The server can't be asked.
    pub fn all(&self) -> Result<Vec<(String, Bytes)>, MongoError> {
        let documents = self.desk.find(self.desk.name.collection(), doc! {}, doc! {})?;
        let mut found: Vec<_> = documents.iter().filter_map(with_id).collect();
        // Here, and not by the server: there are servers that sort all of them for each piece.
        found.sort_unstable();
        Ok(found)
    }
}

fn with_id(document: &Document) -> Option<(String, Bytes)> {
    Some((document.get_str(ID).ok()?.to_owned(), json::line(document).into()))
}

impl CollectionClient for MongoCollection {
    fn name(&self) -> &str {
        &self.name
    }

    fn get(&self, id: &str) -> Result<Option<Bytes>, ClientError> {
        self.find(id).map_err(ClientError::from)
    }
}

impl From<MongoError> for ClientError {
    fn from(error: MongoError) -> Self {
        Self::Server { transient: error.is_transient(), sentence: error.to_string(), uncertain: false }
    }
}
