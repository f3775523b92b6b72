//! One client per store, made when first needed, and a way to wait for it from a plain thread.
//!
//! [`Stores`] is the only place that knows which URL scheme is which client and which cargo feature. Its runtime is
//! its own: waiting blocks the calling thread, so it is for reader threads and start-up, never for an operator or
//! an async task (where tokio would panic).

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
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
    open: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl Stores {
    /// Starts the I/O threads; no store is contacted yet.
    ///
    /// # Errors
    /// [`FileError::Runtime`] if the operating system gives no threads.
    pub fn new() -> Result<Self, FileError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(IO_THREADS)
            .thread_name("file-io")
            .enable_all()
            .build()
            .map_err(|cause| FileError::Runtime { cause: Arc::new(cause) })?;
        let handle = runtime.handle().clone();
        let open = Mutex::new(HashMap::new());
        Ok(Self { shared: Arc::new(Shared { runtime: Some(runtime), handle, open }) })
    }

    /// Uses `store` for all URLs that start with `root`, such as `memory://test` or `s3://bucket`: for stores that
    /// need settings of their own.
    #[must_use]
    pub fn with_store(self, root: &str, store: Arc<dyn ObjectStore>) -> Self {
        self.lock().insert(root.trim_end_matches('/').to_owned(), store);
        self
    }

    /// The store of `root` (scheme and authority), made if it is not open yet; `name` is what the user typed.
    pub(crate) fn open(&self, root: &str, name: &str) -> Result<Arc<dyn ObjectStore>, FileError> {
        let mut open = self.lock();
        if let Some(store) = open.get(root.trim_end_matches('/')) {
            return Ok(Arc::clone(store));
        }
        // Some clients spawn tasks when they are made, and need to find the runtime.
        let _context = self.shared.handle.enter();
        let store = connect(root, name, &self.shared.handle)?;
        open.insert(root.trim_end_matches('/').to_owned(), Arc::clone(&store));
        Ok(store)
    }

    /// Waits for `future` on the calling thread.
    pub(crate) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.shared.handle.block_on(future)
    }

    /// Where background requests run.
    pub(crate) fn handle(&self) -> &Handle {
        &self.shared.handle
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<dyn ObjectStore>>> {
        // The map is whole between any two operations on it, so a panic elsewhere can't have spoilt it.
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
        out.debug_struct("Stores").field("open", &self.lock().keys().collect::<Vec<_>>()).finish()
    }
}

fn connect(root: &str, name: &str, io: &Handle) -> Result<Arc<dyn ObjectStore>, FileError> {
    let (scheme, authority) = root.split_once("://").unwrap_or((root, ""));
    match scheme {
        // What is created must outlive a crash of the machine; reading is not touched by it.
        "file" => Ok(Arc::new(LocalFileSystem::new().with_fsync(true))),
        "hdfs" | "viewfs" => hdfs(root, authority, name, io),
        "s3" | "s3a" => s3(authority, name),
        "gs" => gs(authority, name),
        other => Err(FileError::BadLocation {
            name: name.to_owned(),
            cause: format!("`{other}:` is no known kind of store; known are file:, hdfs:, s3: and gs:"),
        }),
    }
}

#[cfg(any(feature = "hdfs", feature = "s3", feature = "gs"))]
fn built(store: object_store::Result<impl ObjectStore>, name: &str) -> Result<Arc<dyn ObjectStore>, FileError> {
    match store {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(FileError::from_store("open the store of", name, &error)),
    }
}

#[cfg(feature = "hdfs")]
fn hdfs(root: &str, authority: &str, name: &str, io: &Handle) -> Result<Arc<dyn ObjectStore>, FileError> {
    use hdfs_native_object_store::HdfsObjectStoreBuilder;
    let builder = HdfsObjectStoreBuilder::new().with_io_runtime(io.clone());
    // Without an authority (`hdfs:///path`) the client takes `fs.defaultFS` of the Hadoop configuration.
    let builder = if authority.is_empty() { builder } else { builder.with_url(root) };
    built(builder.build(), name)
}

#[cfg(not(feature = "hdfs"))]
fn hdfs(_root: &str, _authority: &str, name: &str, _io: &Handle) -> Result<Arc<dyn ObjectStore>, FileError> {
    Err(FileError::FeatureMissing { name: name.to_owned(), feature: "hdfs" })
}

/// The transport of these stores takes the process's provider of cryptography, and there is none unless somebody says so.
#[cfg(any(feature = "s3", feature = "gs"))]
fn choose_cryptography() {
    // An error says that there is one already, which is as good.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(feature = "s3")]
fn s3(bucket: &str, name: &str) -> Result<Arc<dyn ObjectStore>, FileError> {
    use object_store::aws::AmazonS3Builder;
    choose_cryptography();
    built(AmazonS3Builder::from_env().with_bucket_name(bucket).build(), name)
}

#[cfg(not(feature = "s3"))]
fn s3(_bucket: &str, name: &str) -> Result<Arc<dyn ObjectStore>, FileError> {
    Err(FileError::FeatureMissing { name: name.to_owned(), feature: "s3" })
}

#[cfg(feature = "gs")]
fn gs(bucket: &str, name: &str) -> Result<Arc<dyn ObjectStore>, FileError> {
    use object_store::gcp::GoogleCloudStorageBuilder;
    choose_cryptography();
    built(GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).build(), name)
}

#[cfg(not(feature = "gs"))]
fn gs(_bucket: &str, name: &str) -> Result<Arc<dyn ObjectStore>, FileError> {
    Err(FileError::FeatureMissing { name: name.to_owned(), feature: "gs" })
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
