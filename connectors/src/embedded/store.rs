//! A folder of topics and collections, and the handles that this process has of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::collection::Collection;
use super::shape::{self, TopicShape};
use super::topic::Topic;
use super::{EmbeddedError, names};

/// Memory for the pages of files, in bytes: for each collection at most so much, since ids are random and all pages of it are
/// touched; for each partition of a topic an eighth, since readers mostly follow the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageCache(pub usize);

impl PageCache {
    pub(super) const fn of_a_partition(self) -> usize {
        self.0 / 8
    }
}

impl Default for PageCache {
    fn default() -> Self {
        Self(64 << 20)
    }
}

/// A folder with `topics/<name>/<partition>.redb` and `collections/<name>.redb`. Every topic and collection has one handle
/// in a process, however often it is asked for; its files stay open as long as the store lives.
#[derive(Debug)]
pub struct EmbeddedStore {
    folder: PathBuf,
    cache: PageCache,
    /// Opening may take long, and only one may do it; who looks something up doesn't wait for it.
    opening: Mutex<()>,
    topics: RwLock<BTreeMap<Box<str>, Arc<Topic>>>,
    collections: RwLock<BTreeMap<Box<str>, Arc<Collection>>>,
}

impl EmbeddedStore {
    /// The store in a folder, which is made if it isn't there.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn open(folder: &Path) -> Result<Arc<Self>, EmbeddedError> {
        Self::open_within(folder, PageCache::default())
    }

    /// The same with so much memory for pages.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn open_within(folder: &Path, cache: PageCache) -> Result<Arc<Self>, EmbeddedError> {
        for part in ["topics", "collections"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).map_err(|error| EmbeddedError::plain("make", &part, &error))?;
        }
        Ok(Arc::new(Self {
            folder: folder.to_owned(),
            cache,
            opening: Mutex::default(),
            topics: RwLock::default(),
            collections: RwLock::default(),
        }))
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A topic, made if it isn't there and `shape` says how. Asked for again, it is the same, with more partitions open if
    /// `shape` names more.
    ///
    /// # Errors
    /// The name is none, the number of partitions is another, or a file can't be opened: another process may hold it.
    pub fn topic(&self, name: &str, shape: &TopicShape) -> Result<Arc<Topic>, EmbeddedError> {
        let name = names::checked("topic", name)?;
        let _one_at_a_time = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder.join("topics").join(&*name);
        let partitions = shape::settle(&folder, &name, shape.partitions)?;
        let topic =
            self.opened_topic(&name).unwrap_or_else(|| Arc::new(Topic::new(&name, folder, partitions, self.cache)));
        topic.own(&shape.owned)?;
        self.topics.write().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&topic));
        Ok(topic)
    }

    /// A collection, made if it isn't there.
    ///
    /// # Errors
    /// The name is none, or the file can't be opened: another process may hold it.
    pub fn collection(&self, name: &str) -> Result<Arc<Collection>, EmbeddedError> {
        let name = names::checked("collection", name)?;
        let _one_at_a_time = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = self.opened_collection(&name) {
            return Ok(open);
        }
        let path = self.folder.join("collections").join(format!("{name}.redb"));
        let collection = Arc::new(Collection::open(&name, path, self.cache)?);
        self.collections.write().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&collection));
        Ok(collection)
    }

    /// A topic that this process has open.
    #[must_use]
    pub fn opened_topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// A collection that this process has open.
    #[must_use]
    pub fn opened_collection(&self, name: &str) -> Option<Arc<Collection>> {
        self.collections.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All topics that this process has open, by name.
    #[must_use]
    pub fn opened_topics(&self) -> Vec<Arc<Topic>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// All collections that this process has open, by name.
    #[must_use]
    pub fn opened_collections(&self) -> Vec<Arc<Collection>> {
        self.collections.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use flightline_engine::log::{OffsetRange, Partition};

    use super::*;

    #[test]
    fn asked_for_again_it_is_the_same_handle() {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path()).unwrap();
        let topic = store.topic("t", &TopicShape::shared(4, [Partition(1)])).unwrap();
        assert_eq!(topic.here(), [Partition(1)]);
        let again = store.topic("t", &TopicShape::recorded([Partition(3)])).unwrap();
        assert!(Arc::ptr_eq(&topic, &again));
        assert_eq!((topic.here(), topic.partitions()), (vec![Partition(1), Partition(3)], 4));
        let collection = store.collection("c").unwrap();
        assert!(Arc::ptr_eq(&collection, &store.collection("c").unwrap()));
    }

    #[test]
    fn two_processes_share_out_the_partitions() {
        // Locks are between open files, so two stores in one process see what two processes would.
        let folder = tempfile::tempdir().unwrap();
        let one = EmbeddedStore::open(folder.path()).unwrap();
        let other = EmbeddedStore::open(folder.path()).unwrap();
        let even = one.topic("t", &TopicShape::shared(2, [Partition(0)])).unwrap();
        let odd = other.topic("t", &TopicShape::shared(2, [Partition(1)])).unwrap();
        assert!(even.append(Partition(0), vec![Bytes::from_static(b"a")]).is_ok());
        assert!(odd.append(Partition(1), vec![Bytes::from_static(b"b")]).is_ok());

        let error = even.append(Partition(1), vec![Bytes::new()]).unwrap_err();
        assert!(error.to_string().contains("open here: 0"), "{error}");
        let error = even.bounds(Partition(2)).unwrap_err();
        assert!(matches!(error, EmbeddedError::NoPartition { partitions: 2, .. }), "{error}");
        let error = other.topic("t", &TopicShape::whole(2)).unwrap_err();
        assert!(matches!(&error, EmbeddedError::Held { file } if file.ends_with("0.redb")), "{error}");
        let error = other.topic("t", &TopicShape::whole(3)).unwrap_err();
        assert!(matches!(error, EmbeddedError::OtherPartitions { recorded: 2, asked: 3, .. }), "{error}");
    }

    #[test]
    fn what_was_appended_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..3 {
            let store = EmbeddedStore::open(folder.path()).unwrap();
            let topic = store.topic("t", &TopicShape::whole(1)).unwrap();
            let appended = topic.append(Partition(0), vec![Bytes::from(vec![round]), Bytes::new()]).unwrap();
            let from = u64::from(round) * 2;
            assert_eq!((appended.from.0, appended.to.0), (from, from + 2));
            let bounds = topic.bounds(Partition(0)).unwrap();
            assert_eq!(bounds, OffsetRange::new(flightline_engine::log::Offset(0), appended.to));
        }
    }
}
