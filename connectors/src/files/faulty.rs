//! A store for tests that does as it is told: fails before or after a put took place, or has an object changed by somebody
//! else right after it was read.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What becomes of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It works.
    Works,
    /// It fails, and nothing happened.
    FailsBefore,
    /// It took place, and only the answer is lost.
    FailsAfter,
}

/// A store in front of another.
#[derive(Debug)]
pub(crate) struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    fates: Mutex<VecDeque<Fate>>,
    rewrites: Mutex<VecDeque<&'static str>>,
    ignores_conditions: AtomicBool,
}

impl FaultyStore {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>) -> Arc<Self> {
        let (fates, rewrites, ignores_conditions) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { inner, fates, rewrites, ignores_conditions })
    }

    /// From now on each put replaces what is there, as on servers that don't know conditions.
    pub(crate) fn ignore_conditions(&self) {
        self.ignores_conditions.store(true, Ordering::Relaxed);
    }

    /// What becomes of the next puts; of later ones, they work.
    pub(crate) fn plan(&self, fates: impl IntoIterator<Item = Fate>) {
        *self.fates.lock().unwrap() = fates.into_iter().collect();
    }

    /// What the object that is read becomes after each of the next reads.
    pub(crate) fn rewrite(&self, contents: impl IntoIterator<Item = &'static str>) {
        *self.rewrites.lock().unwrap() = contents.into_iter().collect();
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "FaultyStore({})", self.inner)
    }
}

fn trouble<T>() -> Result<T> {
    Err(Error::Generic { store: "faulty", source: "connection reset".into() })
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

// As the trait's macro would write it, which is no dependency of ours.
impl ObjectStore for FaultyStore {
    fn put_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Answer<'c, PutResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Works);
        Box::pin(async move {
            if fate == Fate::FailsBefore {
                return trouble();
            }
            let ignores = self.ignores_conditions.load(Ordering::Relaxed);
            let options = if ignores { PutOptions::default() } else { options };
            let put = self.inner.put_opts(location, payload, options).await;
            if fate == Fate::FailsAfter { trouble() } else { put }
        })
    }

    fn put_multipart_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        options: PutMultipartOptions,
    ) -> Answer<'c, Box<dyn MultipartUpload>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.inner.put_multipart_opts(location, options)
    }

    fn get_opts<'a, 'b, 'c>(&'a self, location: &'b Path, options: GetOptions) -> Answer<'c, GetResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        let rewrite = if options.head { None } else { self.rewrites.lock().unwrap().pop_front() };
        Box::pin(async move {
            let got = self.inner.get_opts(location, options).await;
            if let Some(content) = rewrite {
                self.inner.put(location, content.into()).await?;
            }
            got
        })
    }

    fn get_ranges<'a, 'b, 'c, 'd>(&'a self, location: &'b Path, ranges: &'c [Range<u64>]) -> Answer<'d, Vec<Bytes>>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        self.inner.get_ranges(location, ranges)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_delimiter<'a, 'b, 'c>(&'a self, prefix: Option<&'b Path>) -> Answer<'c, ListResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.inner.list_with_delimiter(prefix)
    }

    fn copy_opts<'a, 'b, 'c, 'd>(&'a self, from: &'b Path, to: &'c Path, options: CopyOptions) -> Answer<'d, ()>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        self.inner.copy_opts(from, to, options)
    }
}
