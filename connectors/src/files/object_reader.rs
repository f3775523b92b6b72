//! Reading an object as if it were an open file: `Read`, `BufRead`, `Seek`, and Parquet's `ChunkReader`.
//!
//! Bytes come in blocks, a few of which are kept, so that archives and Parquet files need not be loaded whole. A
//! reader that goes straight on has its next block fetched while it works on the present one.
//!
//! Every request is bound to the size, and where the store knows it to the entity tag, that the file had when it was
//! listed: a file that shrinks or is replaced is an error, never a mixture. Decoders often wrap or reword the errors
//! of their input; so the first one is also kept aside, for [`ObjectReader::failure`].

use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::task::JoinHandle;

use super::error::{FileError, READ};
use super::location::Location;
use super::stores::Stores;

/// How a reader will go through the object, which decides what is kept and fetched ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// From some place on to the end.
    Sequential,
    /// This many places at once, each going on from where it is, such as the columns of a Parquet file.
    Interleaved(usize),
}

/// What identifies the bytes of an object.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Where it is.
    pub(crate) location: Location,
    /// Its length in bytes when it was listed.
    pub(crate) size: u64,
    /// Its entity tag when it was listed, where the store has such.
    pub(crate) tag: Option<String>,
}

/// A position in an object. Clones share its cached blocks, but not the position.
#[derive(Clone)]
pub(crate) struct ObjectReader {
    object: Arc<Object>,
    position: u64,
    /// What is left of the present block, from `position` on.
    rest: Bytes,
}

struct Object {
    stores: Stores,
    request: Request,
    block: u64,
    keep: usize,
    read_ahead: bool,
    cache: Mutex<Cache>,
    failure: Mutex<Option<FileError>>,
    consumed: AtomicU64,
}

/// All that a request needs, so that it can run on its own.
#[derive(Clone)]
struct Request {
    store: Arc<dyn ObjectStore>,
    path: Path,
    name: Arc<str>,
    size: u64,
    tag: Option<String>,
}

#[derive(Default)]
struct Cache {
    /// Least recently used first.
    blocks: VecDeque<(u64, Bytes)>,
    last: Option<u64>,
    ahead: Option<(u64, JoinHandle<Result<Bytes, FileError>>)>,
}

const SEQUENTIAL_BLOCK: u64 = 1 << 20;
const INTERLEAVED_BLOCK: u64 = 1 << 18;
const INTERLEAVED_MOST: usize = 64;

impl ObjectReader {
    /// Opens an object that was listed before; nothing is read yet.
    pub(crate) fn open(stores: &Stores, identity: &Identity, access: Access) -> Result<Self, FileError> {
        let (block, keep) = match access {
            Access::Sequential => (SEQUENTIAL_BLOCK, 2),
            // One block for each place and a few for the footer and for pages across two blocks.
            Access::Interleaved(places) => (INTERLEAVED_BLOCK, (places + 4).min(INTERLEAVED_MOST)),
        };
        Self::with_blocks(stores, identity, block, keep, access == Access::Sequential)
    }

    fn with_blocks(
        stores: &Stores,
        identity: &Identity,
        block: u64,
        keep: usize,
        read_ahead: bool,
    ) -> Result<Self, FileError> {
        let location = &identity.location;
        let request = Request {
            store: stores.open(&location.root, &location.name)?,
            path: location.path.clone(),
            name: Arc::clone(&location.name),
            size: identity.size,
            tag: identity.tag.clone(),
        };
        let object = Object {
            stores: stores.clone(),
            request,
            block,
            keep,
            read_ahead,
            cache: Mutex::default(),
            failure: Mutex::default(),
            consumed: AtomicU64::new(0),
        };
        Ok(Self { object: Arc::new(object), position: 0, rest: Bytes::new() })
    }

    /// The first error of the store itself, if there was one: it explains whatever a decoder made of it.
    pub(crate) fn failure(&self) -> Option<FileError> {
        self.object.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes that were taken from this reader and its clones so far.
    pub(crate) fn consumed(&self) -> u64 {
        self.object.consumed.load(Ordering::Relaxed)
    }
}

impl Object {
    fn block(&self, index: u64) -> Result<Bytes, FileError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = cache.blocks.iter().position(|(kept, _)| *kept == index)
            && let Some(entry) = cache.blocks.remove(at)
        {
            let bytes = entry.1.clone();
            cache.blocks.push_back(entry);
            return Ok(bytes);
        }
        let bytes = match cache.ahead.take() {
            Some((ahead, task)) if ahead == index => self.join(task)?,
            _ => self.stores.wait(self.request.fetch(self.range(index)))?,
        };
        if cache.blocks.len() >= self.keep {
            cache.blocks.pop_front();
        }
        cache.blocks.push_back((index, bytes.clone()));
        if self.read_ahead && index.checked_sub(1) == cache.last && !self.range(index + 1).is_empty() {
            let (request, range) = (self.request.clone(), self.range(index + 1));
            let task = self.stores.handle().spawn(async move { request.fetch(range).await });
            cache.ahead = Some((index + 1, task));
        }
        cache.last = Some(index);
        Ok(bytes)
    }

    fn join(&self, task: JoinHandle<Result<Bytes, FileError>>) -> Result<Bytes, FileError> {
        self.stores.wait(task).unwrap_or_else(|error| {
            let file = self.request.name.to_string();
            Err(FileError::Store { action: READ, file, cause: format!("the request was given up ({error})") })
        })
    }

    fn range(&self, index: u64) -> Range<u64> {
        let start = index.saturating_mul(self.block).min(self.request.size);
        start..start.saturating_add(self.block).min(self.request.size)
    }

    /// Keeps the first error and makes an I/O error of it for the traits.
    fn fail(&self, error: FileError) -> io::Error {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| error.clone());
        io::Error::other(error)
    }
}

impl Request {
    async fn fetch(&self, range: Range<u64>) -> Result<Bytes, FileError> {
        let wanted = range.end - range.start;
        if wanted == 0 {
            return Ok(Bytes::new());
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: self.tag.clone(),
            ..GetOptions::default()
        };
        let answer = self.store.get_opts(&self.path, options).await;
        let found = answer.map_err(|error| FileError::from_store(READ, &self.name, &error))?;
        if found.meta.size != self.size {
            return Err(self.changed(format!("it had {} bytes and now has {}", self.size, found.meta.size)));
        }
        let bytes = found.bytes().await.map_err(|error| FileError::from_store(READ, &self.name, &error))?;
        if bytes.len() as u64 != wanted {
            let end = range.start + bytes.len() as u64;
            return Err(self.changed(format!("it had {} bytes and now ends at byte {end}", self.size)));
        }
        Ok(bytes)
    }

    fn changed(&self, cause: String) -> FileError {
        FileError::Changed { file: self.name.to_string(), cause }
    }
}

impl BufRead for ObjectReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest.is_empty() && self.position < self.object.request.size {
            let index = self.position / self.object.block;
            let mut bytes = self.object.block(index).map_err(|error| self.object.fail(error))?;
            self.rest = bytes.split_off((self.position - index * self.object.block) as usize);
        }
        Ok(&self.rest)
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.rest.len());
        // Not `advance`: a split lets go of a block as soon as it is used up.
        self.rest = self.rest.slice(amount..);
        self.position += amount as u64;
        self.object.consumed.fetch_add(amount as u64, Ordering::Relaxed);
    }
}

impl Read for ObjectReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.len().min(into.len());
        into[..amount].copy_from_slice(&self.rest[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(back) => self.object.request.size.checked_add_signed(back),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        let out_of_range = || io::Error::new(io::ErrorKind::InvalidInput, "a position before the file's start");
        self.position = position.ok_or_else(out_of_range)?;
        self.rest = Bytes::new();
        Ok(self.position)
    }
}

impl Length for ObjectReader {
    fn len(&self) -> u64 {
        self.object.request.size
    }
}

impl ChunkReader for ObjectReader {
    type T = Self;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self> {
        Ok(Self { object: Arc::clone(&self.object), position: start, rest: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let size = self.object.request.size;
        let end = start.checked_add(length as u64).filter(|end| *end <= size).ok_or_else(|| {
            ParquetError::EOF(format!("{length} bytes from byte {start} on, in a file of {size} bytes"))
        })?;
        let mut reader = self.get_read(start)?;
        if reader.fill_buf()?.len() >= length {
            reader.object.consumed.fetch_add(length as u64, Ordering::Relaxed);
            return Ok(reader.rest.slice(..length));
        }
        if length as u64 > self.object.block {
            // Larger than a block: one request, past the cache, which it would only empty.
            let fetched = self.object.stores.wait(self.object.request.fetch(start..end));
            return fetched.map_err(|error| self.object.fail(error).into());
        }
        let mut bytes = BytesMut::zeroed(length);
        reader.read_exact(&mut bytes)?;
        Ok(bytes.freeze())
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use proptest::prelude::*;

    use super::*;

    fn object(bytes: &[u8]) -> (Stores, Arc<InMemory>, Identity) {
        let memory = Arc::new(InMemory::new());
        let stores = Stores::new().unwrap().with_store("memory://test", Arc::clone(&memory) as _);
        let path = Path::from("a");
        let put = stores.wait(memory.put(&path, bytes.to_vec().into())).unwrap();
        let location = Location { root: "memory://test".into(), path, name: "a.bin".into() };
        (stores, memory, Identity { location, size: bytes.len() as u64, tag: put.e_tag })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_walk_reads_what_is_there(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            block in 1_u64..50,
            keep in 1_usize..4,
            read_ahead: bool,
            walk in proptest::collection::vec((0_u64..320, 0_usize..120), 1..20),
        ) {
            let (stores, _memory, identity) = object(&bytes);
            let mut reader = ObjectReader::with_blocks(&stores, &identity, block, keep, read_ahead).unwrap();
            for (start, length) in walk {
                reader.seek(SeekFrom::Start(start)).unwrap();
                let mut found = Vec::new();
                reader.clone().take(length as u64).read_to_end(&mut found).unwrap();
                let from = (start as usize).min(bytes.len());
                let expected = &bytes[from..(from + length).min(bytes.len())];
                prop_assert_eq!(&found, expected);
                match reader.get_bytes(start, length) {
                    Ok(found) => prop_assert_eq!(&found[..], expected),
                    Err(_) => prop_assert!(start as usize + length > bytes.len()),
                }
            }
            prop_assert!(reader.failure().is_none());
        }
    }

    #[test]
    fn a_file_that_shrinks_is_noticed() {
        let (stores, memory, mut identity) = object(&[7; 100]);
        // Once with the tag, which any change breaks, and once without, as on stores that have none.
        for tag in [identity.tag.clone(), None] {
            identity.tag = tag;
            stores.wait(memory.put(&identity.location.path, vec![7; 90].into())).unwrap();
            let mut reader = ObjectReader::with_blocks(&stores, &identity, 16, 2, true).unwrap();
            assert!(reader.read_to_end(&mut Vec::new()).is_err());
            let failure = reader.failure().unwrap();
            assert!(matches!(&failure, FileError::Changed { file, .. } if file == "a.bin"), "{failure}");
        }
    }

    #[test]
    fn a_file_that_is_replaced_by_one_of_equal_size_is_noticed() {
        let (stores, memory, identity) = object(&[7; 100]);
        stores.wait(memory.put(&identity.location.path, vec![8; 100].into())).unwrap();
        let mut reader = ObjectReader::open(&stores, &identity, Access::Sequential).unwrap();
        assert!(reader.read_to_end(&mut Vec::new()).is_err());
        assert!(reader.failure().unwrap().is_storage());
    }

    #[test]
    fn a_file_that_vanishes_is_noticed() {
        let (stores, memory, identity) = object(&[7; 100]);
        stores.wait(memory.delete(&identity.location.path)).unwrap();
        let mut reader = ObjectReader::open(&stores, &identity, Access::Interleaved(3)).unwrap();
        assert!(reader.fill_buf().is_err());
        assert!(reader.failure().unwrap().to_string().contains("it is gone"));
    }
}
