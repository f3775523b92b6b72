//! A collection as a table: ids are its keys, and the documents' texts its values.

use std::sync::Arc;
use std::time::Duration;

use flightline_engine::contract::{Fault, TableRows, TableSource};

use super::collection::Collection;

/// The documents of a collection as the rows of a table. Changes are noticed at once: only this process makes them.
#[derive(Debug)]
pub struct EmbeddedTable {
    collection: Arc<Collection>,
    /// What [`Collection::changes`] was before the last read.
    seen: Option<u64>,
}

impl EmbeddedTable {
    /// The rows of a collection.
    #[must_use]
    pub fn new(collection: Arc<Collection>) -> Self {
        Self { collection, seen: None }
    }
}

impl TableSource for EmbeddedTable {
    fn read(&mut self) -> Result<TableRows, Fault> {
        // Asked first: what changes while it is read is noticed once too often, never once too seldom.
        let before = self.collection.changes();
        let mut rows = TableRows::new();
        for (id, body) in self.collection.scan(None, usize::MAX)? {
            let text = String::from_utf8(body.into()).map_err(|error| {
                let (name, at) = (self.collection.name(), error.utf8_error().valid_up_to());
                Fault::permanent(format!(
                    "document `{id}` of collection `{name}` is no text: byte {at} of it is not UTF-8; put it there again"
                ))
            })?;
            rows.insert(id, text);
        }
        self.seen = Some(before);
        Ok(rows)
    }

    fn changed(&mut self, patience: Duration) -> bool {
        self.seen.is_none_or(|seen| self.collection.changed_since(seen, patience))
    }
}
