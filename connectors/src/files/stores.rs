//! One client per store, made when first needed, and a way to wait for it from a plain thread.
//!
//! [`Stores`] is the only place that knows which URL scheme is which client and which cargo feature. Its runtime is
//! its own: waiting blocks the calling thread, so it is for reader threads and start-up, never for an operator or
//! an async task (where tokio would panic).

mod connect;
#[cfg(feature = "hdfs")]
mod hdfs;
mod options;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use object_store::ObjectStore;
pub use options::{HdfsOptions, S3Access, S3Options, StoreOptions};
use tokio::runtime::{Builder, Handle, Runtime};

use super::error::FileError;

/// The store of local files, as a scheme with an empty authority.
pub(crate) const LOCAL: &str = "file://";

/// Threads that drive requests: they only wait and copy, so two serve any number of readers.
const IO_THREADS: usize = 2;

/// The object stores of a process, by scheme and authority. Clones share them.
#[derive(Clone)]
pub struct Stores {
    shared: Arc<Shared>,
}

struct Shared {
    /// Only `None` while it is being dropped.
    runtime: Option<Runtime>,
    handle: Handle,
    options: StoreOptions,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    clients: HashMap<String, Arc<dyn ObjectStore>>,
    /// Stores that were seen to refuse a put whose name is taken.
    conditional: BTreeSet<String>,
}

impl Stores {
    /// Starts the I/O threads; no store is contacted yet.
    ///
    /// # Errors
    /// [`FileError::Runtime`] if the operating system gives no threads.
    pub fn new() -> Result<Self, FileError> {
        Self::with_options(StoreOptions::default())
    }

    /// As [`Stores::new`], with settings of one's own.
    ///
    /// # Errors
    /// As [`Stores::new`].
    pub fn with_options(options: StoreOptions) -> Result<Self, FileError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("file-io")
            .enable_all()
            .build()
            .map_err(|cause| FileError::Runtime { cause: Arc::new(cause) })?;
        let handle = runtime.handle().clone();
        Ok(Self { shared: Arc::new(Shared { runtime: Some(runtime), handle, options, open: Mutex::default() }) })
    }

    /// Uses `store` for all URLs that start with `root`, such as `memory://test` or `s3://bucket`: for stores that
    /// need settings of their own.
    #[must_use]
    pub fn with_store(self, root: &str, store: Arc<dyn ObjectStore>) -> Self {
        self.lock().clients.insert(root.trim_end_matches('/').to_owned(), store);
        self
    }

    /// The store of `root` (scheme and authority), made if it is not open yet; `name` is what the user typed.
    pub(crate) fn open(&self, root: &str, name: &str) -> Result<Arc<dyn ObjectStore>, FileError> {
        let mut open = self.lock();
        if let Some(store) = open.clients.get(root.trim_end_matches('/')) {
            return Ok(Arc::clone(store));
        }
        // Some clients spawn tasks when they are made, and need to find the runtime.
        let _context = self.shared.handle.enter();
        let store = connect::connect(root, name, &self.shared.options, &self.shared.handle)?;
        open.clients.insert(root.trim_end_matches('/').to_owned(), Arc::clone(&store));
        Ok(store)
    }

    /// Whether nobody has seen yet that this store refuses a put whose name is taken, though it is of a kind that may not.
    pub(crate) fn must_prove_conditions(&self, root: &str) -> bool {
        connect::may_ignore_conditions(root) && !self.lock().conditional.contains(root)
    }

    /// Somebody has seen it.
    pub(crate) fn has_proved_conditions(&self, root: &str) {
        self.lock().conditional.insert(root.to_owned());
    }

    /// How stores are reached.
    pub(crate) fn options(&self) -> &StoreOptions {
        &self.shared.options
    }

    /// Waits for `future` on the calling thread.
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.shared.handle.block_on(future)
    }

    /// Where background requests run.
    pub(crate) fn handle(&self) -> &Handle {
        &self.shared.handle
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // It is whole between any two operations on it, so a panic elsewhere can't have spoilt it.
        self.shared.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The plain drop waits for threads, which tokio forbids (by a panic) inside of async code.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stores").field("open", &self.lock().clients.keys().collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_made_once() {
        let stores = Stores::new().unwrap();
        let first = stores.open(LOCAL, "a").unwrap();
        let second = stores.clone().open(LOCAL, "b").unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    #[cfg(not(any(feature = "hdfs", feature = "s3", feature = "gs")))]
    fn a_missing_feature_is_named() {
        let stores = Stores::new().unwrap();
        for (root, feature) in [("hdfs://nn:8020", "hdfs"), ("s3://bucket", "s3"), ("gs://bucket", "gs")] {
            let message = stores.open(root, "x://y/z.csv").unwrap_err().to_string();
            assert!(message.contains(&format!("--features {feature}")) && message.contains("x://y/z.csv"), "{message}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_refused() {
        let message = Stores::new().unwrap().open("ftp://host", "ftp://host/a.csv").unwrap_err().to_string();
        assert!(message.contains("`ftp:`") && message.contains("hdfs:"), "{message}");
    }

    #[test]
    fn stores_may_be_dropped_inside_of_async_code() {
        let stores = Stores::new().unwrap();
        let outer = Builder::new_current_thread().build().unwrap();
        outer.block_on(async move { drop(stores) });
    }
}
