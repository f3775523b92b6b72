//! Which URL scheme is which client, and which cargo feature it needs.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tokio::runtime::Handle;

use super::options::StoreOptions;
use crate::files::error::FileError;

/// Makes the client of a store; none is contacted yet. `name` is what the user typed.
pub(super) fn connect(
    root: &str,
    name: &str,
    options: &StoreOptions,
    io: &Handle,
) -> Result<Arc<dyn ObjectStore>, FileError> {
    let (scheme, authority) = root.split_once("://").unwrap_or((root, ""));
    match scheme {
        // What is created must outlive a crash of the machine; reading is not touched by it.
        "file" => Ok(Arc::new(LocalFileSystem::new().with_fsync(true))),
        "hdfs" | "viewfs" => hdfs(root, name, options, io),
        "s3" | "s3a" => s3(authority, name, options),
        "gs" => gs(authority, name, options),
        other => Err(FileError::BadLocation {
            name: name.to_owned(),
            cause: format!("`{other}:` is no known kind of store; known are file:, hdfs:, s3: and gs:"),
        }),
    }
}

/// Whether a store takes a condition on a put from its client's word, and may be one that ignores it.
pub(super) fn may_ignore_conditions(root: &str) -> bool {
    ["s3://", "s3a://", "gs://"].iter().any(|scheme| root.starts_with(scheme))
}

#[cfg(feature = "hdfs")]
fn hdfs(root: &str, name: &str, options: &StoreOptions, io: &Handle) -> Result<Arc<dyn ObjectStore>, FileError> {
    let store = super::hdfs::HdfsStore::new(root, options, io);
    Ok(Arc::new(store.map_err(|error| FileError::from_store("open the store of", name, &error))?))
}

#[cfg(not(feature = "hdfs"))]
fn hdfs(_root: &str, name: &str, _options: &StoreOptions, _io: &Handle) -> Result<Arc<dyn ObjectStore>, FileError> {
    Err(FileError::FeatureMissing { name: name.to_owned(), feature: "hdfs" })
}

#[cfg(any(feature = "s3", feature = "gs"))]
mod web {
    use std::env;
    use std::time::Duration;

    use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};

    use super::{Arc, FileError, ObjectStore, StoreOptions};

    pub(super) fn built(
        store: object_store::Result<impl ObjectStore>,
        name: &str,
    ) -> Result<Arc<dyn ObjectStore>, FileError> {
        match store {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(FileError::from_store("open the store of", name, &error)),
        }
    }

    /// The transport of these stores takes the process's provider of cryptography, and there is none unless somebody says so.
    pub(super) fn choose_cryptography() {
        // An error says that there is one already, which is as good.
        let _chosen = rustls::crypto::ring::default_provider().install_default();
    }

    /// A hiccup is passed over here; whoever waits longer says so, and tries again by himself.
    pub(super) fn retries(options: &StoreOptions) -> RetryConfig {
        let backoff = BackoffConfig { max_backoff: Duration::from_secs(3), ..BackoffConfig::default() };
        RetryConfig { backoff, max_retries: 4, retry_timeout: options.call_timeout / 2 }
    }

    /// Limits of the transport that no variable of this prefix sets.
    pub(super) fn limits(options: &StoreOptions, prefix: &str) -> Vec<(ClientConfigKey, String)> {
        let seconds = |limit: Duration| format!("{} ms", limit.as_millis());
        // A put of a full file, too.
        let whole = (ClientConfigKey::Timeout, "TIMEOUT", options.allowance(64 << 20));
        let connecting = (ClientConfigKey::ConnectTimeout, "CONNECT_TIMEOUT", options.call_timeout / 3);
        let unset = |name: &str| env::var_os(format!("{prefix}_{name}")).is_none();
        let limits = [whole, connecting].into_iter().filter(|(_, name, _)| unset(name));
        limits.map(|(key, _, limit)| (key, seconds(limit))).collect()
    }
}

#[cfg(feature = "s3")]
fn s3(bucket: &str, name: &str, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>, FileError> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
    web::choose_cryptography();
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(web::retries(options));
    for (key, limit) in web::limits(options, "AWS") {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), limit);
    }
    if let Some(endpoint) = &options.s3.endpoint {
        // Whoever has typed `http:` has allowed it.
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http:"));
    }
    if let Some(region) = &options.s3.region {
        builder = builder.with_region(region);
    }
    if let Some(access) = &options.s3.access {
        builder = builder.with_access_key_id(&access.key_id).with_secret_access_key(&access.secret);
    }
    web::built(builder.build(), name)
}

#[cfg(not(feature = "s3"))]
fn s3(_bucket: &str, name: &str, _options: &StoreOptions) -> Result<Arc<dyn ObjectStore>, FileError> {
    Err(FileError::FeatureMissing { name: name.to_owned(), feature: "s3" })
}

#[cfg(feature = "gs")]
fn gs(bucket: &str, name: &str, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>, FileError> {
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
    web::choose_cryptography();
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(web::retries(options));
    for (key, limit) in web::limits(options, "GOOGLE") {
        builder = builder.with_config(GoogleConfigKey::Client(key), limit);
    }
    web::built(builder.build(), name)
}

#[cfg(not(feature = "gs"))]
fn gs(_bucket: &str, name: &str, _options: &StoreOptions) -> Result<Arc<dyn ObjectStore>, FileError> {
    Err(FileError::FeatureMissing { name: name.to_owned(), feature: "gs" })
}
