//! A collection: documents by id, in one redb file that one process holds.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use redb::{ReadableTableMetadata, TableDefinition, WriteTransaction};

use super::EmbeddedError;
use super::document::Document;
use super::file::{Failed, StoreFile};
use super::sink_state::{self, SinkState};
use super::store::PageCache;

pub(super) const DOCUMENTS: TableDefinition<&str, &[u8]> = TableDefinition::new("documents");

/// A collection, shared by all who read and write it in this process.
#[derive(Debug)]
pub struct Collection {
    name: Box<str>,
    file: StoreFile,
    /// Goes up with each commit.
    changes: Mutex<u64>,
    changed: Condvar,
    /// As stored with the sink's state.
    reused: AtomicU64,
}

/// Some documents in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Ids and bodies.
    pub(super) documents: Vec<(String, Bytes)>,
    /// Whether there are more behind them.
    pub(super) more: bool,
}

impl Collection {
    /// Opens a collection's file, or makes it.
    pub(super) fn open(name: &str, path: PathBuf, cache: PageCache) -> Result<Self, EmbeddedError> {
        Self::over(name, StoreFile::open(path, cache.0)?)
    }

    /// The collection in a file.
    pub(super) fn over(name: &str, file: StoreFile) -> Result<Self, EmbeddedError> {
        let begun = file.read::<_, EmbeddedError>(|transaction| {
            Ok(transaction.list_tables()?.any(|table| redb::TableHandle::name(&table) == "documents"))
        })?;
        if !begun {
            file.write::<_, EmbeddedError>(|transaction| {
                transaction.open_table(DOCUMENTS)?;
                transaction.open_table(sink_state::TABLE)?;
                Ok(())
            })?;
        }
        let collection = Self {
            name: name.into(),
            file,
            changes: Mutex::new(0),
            changed: Condvar::new(),
            reused: AtomicU64::new(0),
        };
        let state = collection.sink_state::<EmbeddedError>()?;
        collection.reused.store(state.reused, Ordering::Relaxed);
        Ok(collection)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A document's body.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn get(&self, id: &str) -> Result<Option<Bytes>, EmbeddedError> {
        self.file.read(|transaction| {
            let stored = transaction.open_table(DOCUMENTS)?.get(id)?;
            stored.map(|stored| body(id, stored.value())).transpose()
        })
    }

    /// How many documents there are.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn len(&self) -> Result<u64, EmbeddedError> {
        self.file.read(|transaction| Ok(transaction.open_table(DOCUMENTS)?.len()?))
    }

    /// Whether there is no document.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn is_empty(&self) -> Result<bool, EmbeddedError> {
        Ok(self.len()? == 0)
    }

    /// Up to `limit` documents in the order of their ids, those after `after` if it is given.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, Bytes)>, EmbeddedError> {
        Ok(self.page(after, limit, usize::MAX)?.documents)
    }

    /// As [`Collection::scan`], and no more than about `bytes` of bodies, but at least one document if there is any.
    pub(super) fn page(&self, after: Option<&str>, limit: usize, bytes: usize) -> Result<Page, EmbeddedError> {
        self.file.read(|transaction| {
            let table = transaction.open_table(DOCUMENTS)?;
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let (mut page, mut taken) = (Page::default(), 0);
            for entry in table.range::<&str>((from, Bound::Unbounded))? {
                let (id, stored) = entry?;
                let body = body(id.value(), stored.value())?;
                taken += body.len();
                page.more = page.documents.len() >= limit || taken > bytes && !page.documents.is_empty();
                if page.more {
                    break;
                }
                page.documents.push((id.value().to_owned(), body));
            }
            Ok(page)
        })
    }

    /// Stores documents under their ids, each in the place of the one that was there; all or none. Durable when this
    /// returns.
    ///
    /// # Errors
    /// A job's sink writes this collection, or the file can't be written.
    pub fn put_all(&self, documents: Vec<(String, Bytes)>) -> Result<(), EmbeddedError> {
        self.change(|transaction| {
            let mut table = transaction.open_table(DOCUMENTS)?;
            for (id, body) in &documents {
                table.insert(id.as_str(), Document { answered: None, body }.encode().as_slice())?;
            }
            Ok(())
        })
    }

    /// Makes these documents all that there are, in one step. Durable when this returns.
    ///
    /// # Errors
    /// As [`Collection::put_all`].
    pub fn replace_all(&self, documents: Vec<(String, Bytes)>) -> Result<(), EmbeddedError> {
        // Of two with the same id the last one counts, as in `put_all`.
        let documents: BTreeMap<String, Bytes> = documents.into_iter().collect();
        self.change(|transaction| {
            let mut table = transaction.open_table(DOCUMENTS)?;
            table.retain(|id, _| documents.contains_key(id))?;
            for (id, body) in &documents {
                table.insert(id.as_str(), Document { answered: None, body }.encode().as_slice())?;
            }
            Ok(())
        })
    }

    /// A number that goes up with each commit of this process.
    #[must_use]
    pub fn changes(&self) -> u64 {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits up to `patience` until [`Collection::changes`] is above `seen`, and tells whether it is.
    #[must_use]
    pub fn changed_since(&self, seen: u64, patience: Duration) -> bool {
        let deadline = Instant::now().checked_add(patience);
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        while *changes <= seen {
            changes = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(changes).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => self.changed.wait_timeout(changes, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        true
    }

    /// How many lines a sink left out because an earlier request had used their key; over all lives of the job.
    #[must_use]
    pub fn reused(&self) -> u64 {
        self.reused.load(Ordering::Relaxed)
    }

    /// What the file says of the sink that writes it.
    pub(super) fn sink_state<E: From<EmbeddedError>>(&self) -> Result<SinkState, E> {
        self.file.read(|transaction| SinkState::load(&transaction.open_table(sink_state::TABLE)?))
    }

    /// Changes the sink's state, and documents with it, in one transaction. `step` says whether anything changed; what it
    /// leaves in the state is stored then.
    pub(super) fn transact<E: From<EmbeddedError>>(
        &self,
        step: impl FnOnce(&WriteTransaction, &mut SinkState) -> Result<bool, Failed<E>>,
    ) -> Result<SinkState, E> {
        let done = self.file.write(|transaction| {
            let mut table = transaction.open_table(sink_state::TABLE)?;
            let mut state = SinkState::load(&table)?;
            if step(transaction, &mut state)? {
                state.store(&mut table)?;
            }
            Ok(state)
        });
        self.bump();
        let state = done?;
        self.reused.store(state.reused, Ordering::Relaxed);
        Ok(state)
    }

    fn change(
        &self,
        step: impl FnOnce(&WriteTransaction) -> Result<(), Failed<EmbeddedError>>,
    ) -> Result<(), EmbeddedError> {
        let changed = self.file.write(|transaction| {
            if let Some(owner) = SinkState::load(&transaction.open_table(sink_state::TABLE)?)?.owner {
                let (name, owner) = (self.name.to_string(), owner.to_string());
                return Err(Failed::Refused(EmbeddedError::Owned { kind: "collection", name, owner }));
            }
            step(transaction)
        });
        self.bump();
        changed
    }

    /// Tells who waits of a commit. Also of one that failed, because it may be there all the same; one look too many does
    /// no harm.
    fn bump(&self) {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }
}

/// The body of what is stored.
fn body<E>(id: &str, stored: &[u8]) -> Result<Bytes, Failed<E>> {
    let damaged = || redb::Error::Corrupted(format!("document `{id}` can't be read"));
    let document = Document::decode(stored).ok_or_else(|| Failed::Storage(damaged()))?;
    Ok(Bytes::copy_from_slice(document.body))
}
