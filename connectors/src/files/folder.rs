//! One place in a store, and the four things that may be done there: create an object that is not there yet, read one,
//! list, delete.
//!
//! Every store has these with the same meaning, so what is built on them runs on the local disk, HDFS and S3 alike. There
//! is no rename (on S3 a copy), no append (not durable on HDFS) and no multipart upload (it overwrites). Each request has
//! a deadline; one that is given up may have had its effect all the same, or may yet have it.
//!
//! Everything rests on a create that fails where the name is taken. There are servers of the S3 protocol that don't know that
//! condition and replace the object in silence; so before the first create in such a store, one is tried twice.

use std::fs::{self, File};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use flightline_engine::contract::{Created, Fault};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetRange, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutPayload,
};

use super::error::FileError;
use super::fault::{DELETE, LIST, READ, WRITE, fault, too_late};
use super::location::{Location, Source};
use super::stores::{LOCAL, Stores};

/// What a client may need for its own way out of trouble before it is given up.
const GRACE: u32 = 2;

/// Listings come in many answers: what they are given time for, in bytes.
const LISTING: u64 = 64 << 20;

/// Bytes of a piece of an upload; S3 takes ten thousand.
const PIECE: usize = 16 << 20;

/// What the name of an object begins with that is made only to see whether a second one is refused.
const PROBE: &str = "_flightline-probe-";

/// A folder. It need not exist: until the first object is there, it is empty. An empty name is the place itself, which may
/// as well be an object that is only read.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    stores: Stores,
    store: Arc<dyn ObjectStore>,
    place: Location,
}

/// The end of an object.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    /// Its last bytes.
    pub(crate) bytes: Bytes,
    /// Bytes of the whole object.
    pub(crate) size: u64,
}

impl Tail {
    /// Whether it is all there is.
    pub(crate) fn is_whole(&self) -> bool {
        self.bytes.len() as u64 >= self.size
    }
}

impl Folder {
    /// The folder that a path or URL names. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`FileError`] for a name that makes no sense, a pattern, or a store that this build leaves out.
    pub(crate) fn at(stores: &Stores, typed: &str) -> Result<Self, FileError> {
        let source = Source::parse(typed)?;
        if !source.steps.is_empty() {
            let cause = "a folder to write to can't be a pattern; name one without *, ? and [".to_owned();
            return Err(FileError::BadLocation { name: typed.to_owned(), cause });
        }
        let store = stores.open(&source.root, typed)?;
        let name = source.shown_base.trim_end_matches('/').into();
        Ok(Self { stores: stores.clone(), store, place: Location { root: source.root, path: source.base, name } })
    }

    /// Makes the folder where that means something: on the local disk.
    pub(crate) fn make(&self) -> Result<(), FileError> {
        match self.on_disk("") {
            Some(folder) => fs::create_dir_all(&folder).map_err(|error| FileError::from_write(&folder, &error)),
            None => Ok(()),
        }
    }

    /// An object, or with an empty name the folder itself, as the user would type it.
    pub(crate) fn shown(&self, name: &str) -> String {
        if name.is_empty() { self.place.name.to_string() } else { format!("{}/{name}", self.place.name) }
    }

    /// Creates an object if there is none of that name, in one step and durably.
    pub(crate) fn create(&self, name: &str, payload: PutPayload) -> Result<Created, Fault> {
        if name.is_empty() {
            return Err(self.bad(name, "it is empty; give the object one"));
        }
        if self.stores.must_prove_conditions(&self.place.root) {
            self.prove_condition()?;
            self.stores.has_proved_conditions(&self.place.root);
        }
        self.put(name, payload)
    }

    /// Makes sure that the store refuses a put whose name is taken.
    fn prove_condition(&self) -> Result<(), Fault> {
        let name = format!("{PROBE}{:016x}", RandomState::new().hash_one(std::process::id()));
        let probe = || PutPayload::from_static(b"made to see whether a second one is refused; may be deleted");
        let refuses = self.put(&name, probe()).and_then(|_| Ok(self.put(&name, probe())? == Created::Taken));
        // What stays of it harms nobody.
        let _removed = self.delete(&name);
        if refuses? {
            return Ok(());
        }
        let root = &self.place.root;
        Err(Fault::permanent(format!(
            "`{root}` is on a server that replaces an object where it should refuse (it ignores `If-None-Match: *` on a \
             put), so that two writers could not be told apart; use a newer server, or another kind of store"
        )))
    }

    fn put(&self, name: &str, payload: PutPayload) -> Result<Created, Fault> {
        let (path, bytes) = (self.path(name)?, payload.content_length() as u64);
        match self.wait(WRITE, name, bytes, self.store.put_opts(&path, payload, PutMode::Create.into()))? {
            Ok(_) => Ok(Created::Ours),
            Err(StoreError::AlreadyExists { .. }) => {
                self.settle(name)?;
                Ok(Created::Taken)
            }
            Err(error) => Err(fault(WRITE, &self.shown(name), &error)),
        }
    }

    /// Makes an object of a file on this computer, of any length, in the place of what has the name; it appears when it is
    /// whole.
    pub(crate) fn upload(&self, name: &str, file: &mut File) -> Result<(), Fault> {
        let path = self.path(name)?;
        let failed = |error: &StoreError| fault(WRITE, &self.shown(name), error);
        let begun = self.wait(WRITE, name, 0, self.store.put_multipart(&path))?;
        let mut upload = begun.map_err(|error| failed(&error))?;
        let outcome = self.send(name, &mut *upload, file);
        if outcome.is_err() {
            // Stores keep, and bill, the pieces of what was never completed.
            let _aborted = self.wait(WRITE, name, 0, upload.abort());
        }
        outcome
    }

    fn send(&self, name: &str, upload: &mut dyn MultipartUpload, file: &mut File) -> Result<(), Fault> {
        let failed = |error: StoreError| fault(WRITE, &self.shown(name), &error);
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            let read = file.take(PIECE as u64).read_to_end(&mut piece);
            read.map_err(|error| {
                Fault::permanent(format!("can't read what `{}` is made of: {error}", self.shown(name)))
            })?;
            let (is_last, bytes) = (piece.len() < PIECE, piece.len() as u64);
            if bytes > 0 {
                self.wait(WRITE, name, bytes, upload.put_part(piece.into()))?.map_err(failed)?;
            }
            if is_last {
                return self.wait(WRITE, name, 0, upload.complete())?.map(drop).map_err(failed);
            }
        }
    }

    /// The bytes of an object, `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Bytes>, Fault> {
        Ok(self.get(name, None)?.map(|tail| tail.bytes))
    }

    /// The last bytes of an object, up to `most`; `None` if there is none.
    pub(crate) fn tail(&self, name: &str, most: u64) -> Result<Option<Tail>, Fault> {
        self.get(name, Some(GetRange::Suffix(most)))
    }

    /// What the store says of an object without reading it; `None` if there is none.
    pub(crate) fn about(&self, name: &str) -> Result<Option<ObjectMeta>, Fault> {
        let path = self.path(name)?;
        match self.wait(READ, name, 0, self.store.head(&path))? {
            Ok(about) => Ok(Some(about)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault(READ, &self.shown(name), &error)),
        }
    }

    /// The names of the objects right in a folder below this one, sorted. Staging names of the store may be among them.
    pub(crate) fn names(&self, below: &str) -> Result<Vec<String>, Fault> {
        let listing = self.list(below)?;
        Ok(sorted(listing.objects.iter().map(|object| &object.location)))
    }

    /// The names of the folders right in this one, sorted.
    pub(crate) fn folders(&self) -> Result<Vec<String>, Fault> {
        Ok(sorted(self.list("")?.common_prefixes.iter()))
    }

    /// Deletes an object, if it is there.
    pub(crate) fn delete(&self, name: &str) -> Result<(), Fault> {
        let path = self.path(name)?;
        match self.wait(DELETE, name, 0, self.store.delete(&path))? {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(fault(DELETE, &self.shown(name), &error)),
        }
    }

    /// Where an object is on the local disk, if that is where this folder is.
    pub(crate) fn on_disk(&self, name: &str) -> Option<PathBuf> {
        let folder = PathBuf::from("/").join(self.place.path.as_ref());
        (&*self.place.root == LOCAL).then(|| if name.is_empty() { folder } else { folder.join(name) })
    }

    /// Whether it is in HDFS.
    pub(crate) fn is_in_hdfs(&self) -> bool {
        ["hdfs://", "viewfs://"].iter().any(|scheme| self.place.root.starts_with(scheme))
    }

    fn get(&self, name: &str, range: Option<GetRange>) -> Result<Option<Tail>, Fault> {
        let path = self.path(name)?;
        let options = GetOptions { range, ..GetOptions::default() };
        let got = match self.wait(READ, name, 0, self.store.get_opts(&path, options))? {
            Ok(found) => {
                let (size, wanted) = (found.meta.size, found.range.end.saturating_sub(found.range.start));
                self.wait(READ, name, wanted, found.bytes())?.map(|bytes| Tail { bytes, size })
            }
            Err(error) => Err(error),
        };
        match got {
            Ok(tail) => Ok(Some(tail)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault(READ, &self.shown(name), &error)),
        }
    }

    fn list(&self, below: &str) -> Result<ListResult, Fault> {
        let path = self.path(below)?;
        let prefix = (!path.is_root()).then_some(&path);
        let listing = self.wait(LIST, below, LISTING, self.store.list_with_delimiter(prefix))?;
        listing.map_err(|error| fault(LIST, &self.shown(below), &error))
    }

    fn path(&self, name: &str) -> Result<Path, Fault> {
        if name.is_empty() {
            return Ok(self.place.path.clone());
        }
        let joined = Path::parse(format!("{}/{name}", self.place.path));
        joined.map_err(|error| self.bad(name, &format!("{error}; choose another")))
    }

    fn bad(&self, name: &str, cause: &str) -> Fault {
        Fault::permanent(format!("`{}` can't be a name: {cause}", self.shown(name)))
    }

    /// Waits for a request that moves this many bytes.
    fn wait<T>(
        &self,
        action: &str,
        name: &str,
        bytes: u64,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<object_store::Result<T>, Fault> {
        let limit = self.stores.options().allowance(bytes) * GRACE;
        let answer = self.stores.wait(async { tokio::time::timeout(limit, request).await });
        answer.map_err(|_| too_late(action, &self.shown(name), limit.as_secs()))
    }

    /// Makes sure that a name which another has just taken on the local disk outlives a crash of the machine: he may
    /// have been killed before he could.
    fn settle(&self, name: &str) -> Result<(), Fault> {
        let Some(path) = self.on_disk(name) else { return Ok(()) };
        let synced = path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all());
        synced.map_err(|error| {
            let folder = self.shown(name);
            Fault::transient(format!("can't bring the folder of `{folder}` to the disk: {error}; check the disk"))
        })
    }
}

fn sorted<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let mut names: Vec<String> = paths.filter_map(Path::filename).map(str::to_owned).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;
    use crate::files::faulty::FaultyStore;

    /// One in memory, and one on the disk.
    fn folders() -> (Vec<Folder>, tempfile::TempDir) {
        let disk = tempfile::tempdir().unwrap();
        let stores = Stores::new().unwrap().with_store("memory://test", Arc::new(InMemory::new()));
        let local = format!("{}/not yet there", disk.path().display());
        (vec![Folder::at(&stores, "memory://test/a/b").unwrap(), Folder::at(&stores, &local).unwrap()], disk)
    }

    #[test]
    fn what_is_created_stays_as_it_is() {
        let (folders, _disk) = folders();
        for folder in folders {
            assert_eq!(folder.names("x").unwrap(), Vec::<String>::new());
            assert_eq!(folder.create("x/one", "1".into()).unwrap(), Created::Ours);
            assert_eq!(folder.create("x/one", "2".into()).unwrap(), Created::Taken);
            assert_eq!(folder.read("x/one").unwrap().unwrap(), "1");
            assert_eq!(folder.names("x").unwrap(), ["one"]);
            assert_eq!(folder.names("").unwrap(), Vec::<String>::new());
            assert_eq!(folder.folders().unwrap(), ["x"]);
            folder.delete("x/one").unwrap();
            folder.delete("x/one").unwrap();
            assert!(folder.read("x/one").unwrap().is_none());
        }
    }

    #[test]
    fn a_tail_says_whether_it_is_all() {
        let (folders, _disk) = folders();
        for folder in folders {
            folder.create("a", "0123456789".into()).unwrap();
            let tail = folder.tail("a", 4).unwrap().unwrap();
            assert_eq!((&tail.bytes[..], tail.size, tail.is_whole()), (&b"6789"[..], 10, false));
            assert!(folder.tail("a", 99).unwrap().unwrap().is_whole());
            assert!(folder.tail("b", 99).unwrap().is_none());
        }
    }

    #[test]
    fn names_that_make_no_sense_are_refused() {
        let (folders, disk) = folders();
        for name in ["", "..", "a//b", "a/../b"] {
            assert!(matches!(folders[0].create(name, "".into()), Err(Fault::Permanent(_))), "{name:?}");
        }
        let stores = Stores::new().unwrap();
        let pattern = format!("{}/x*", disk.path().display());
        let message = Folder::at(&stores, &pattern).unwrap_err().to_string();
        assert!(message.contains(&pattern) && message.contains("can't be a pattern"), "{message}");
    }

    /// Two writers of one ledger would both have won on such a server.
    #[test]
    fn a_server_that_ignores_the_condition_is_refused_before_anything_is_created() {
        for (ignores, root) in [(true, "s3://old"), (false, "s3://new")] {
            let store = FaultyStore::new(Arc::new(InMemory::new()));
            if ignores {
                store.ignore_conditions();
            }
            let stores = Stores::new().unwrap().with_store(root, store);
            let folder = Folder::at(&stores, &format!("{root}/a")).unwrap();
            match folder.create("b", "1".into()) {
                Ok(created) => assert_eq!((created, ignores), (Created::Ours, false)),
                Err(fault) => {
                    assert!(matches!(&fault, Fault::Permanent(why) if why.0.contains("If-None-Match")), "{fault}");
                    assert!(ignores && folder.read("b").unwrap().is_none());
                }
            }
            assert_eq!(folder.names("").unwrap(), if ignores { vec![] } else { vec!["b"] }, "no probe stays");
        }
    }

    #[test]
    fn a_file_in_the_way_is_permanent_and_named() {
        let disk = tempfile::tempdir().unwrap();
        let file = disk.path().join("file");
        fs::write(&file, "").unwrap();
        let folder = Folder::at(&Stores::new().unwrap(), file.to_str().unwrap()).unwrap();
        let fault = folder.create("a/b", "1".into()).unwrap_err();
        assert!(matches!(&fault, Fault::Permanent(why) if why.0.contains("file/a/b")), "{fault}");
    }
}
