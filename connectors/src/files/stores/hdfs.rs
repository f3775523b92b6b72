//! HDFS as an object store: what the sink, the ledger, tables and batch jobs need of it, and no more.
//!
//! An object that is created appears whole and durable under its name, or not at all ([`create`]). Every call comes back in
//! time: the client of HDFS has no limit of its own for a NameNode that is silent, so there is one here; and since such a
//! client would go on asking the silent node for ever, whoever was left without an answer gets another client, which asks
//! the nodes of a name service in another order.
//!
//! Not here: appending, copying, listings without folders. (The crate `hdfs-native-object-store` has some of those; its put
//! leaves a file behind for each crash and each lost race, and has no limit.)

mod create;
mod errors;
mod read;
mod upload;

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use hdfs_native::{Client, ClientBuilder};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::options::StoreOptions;

/// What this store is called in errors.
const STORE: &str = "HDFS";

/// A NameNode or a name service.
#[derive(Clone)]
pub(super) struct HdfsStore {
    shared: Arc<Shared>,
}

struct Shared {
    /// As the client takes it; without it, the default of the Hadoop configuration.
    url: Option<String>,
    user: Option<String>,
    options: StoreOptions,
    io: Handle,
    connected: Mutex<Connected>,
    /// Calls without an answer since the last one that had one.
    silences: AtomicU32,
}

/// The present client.
#[derive(Clone)]
struct Connected {
    client: Client,
    /// How many there were before it.
    number: u64,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl HdfsStore {
    /// A store of the NameNode or name service that `root` names, such as `hdfs://host:8020`, `hdfs://user@service` or
    /// `hdfs://`. Nobody is asked yet.
    ///
    /// # Errors
    /// A configuration that can't be read, or that says nothing of the name service.
    pub(super) fn new(root: &str, options: &StoreOptions, io: &Handle) -> Result<Self> {
        let (url, user) = apart(root);
        let user = user.or_else(|| options.hdfs.user.clone());
        let client = client(url.as_deref(), user.as_deref(), options, io, false).map_err(errors::of_call)?;
        let (connected, silences) = (Mutex::new(Connected { client, number: 0 }), AtomicU32::new(0));
        let (options, io) = (options.clone(), io.clone());
        Ok(Self { shared: Arc::new(Shared { url, user, options, io, connected, silences }) })
    }

    /// Calls HDFS, and gives up after a while: then somebody may still act on what was asked.
    async fn call<T, F>(&self, limit: Duration, what: impl FnOnce(Client) -> F) -> Result<T>
    where
        F: Future<Output = hdfs_native::Result<T>>,
    {
        let Connected { client, number } = self.lock().clone();
        match timeout(limit, what(client)).await {
            Ok(outcome) => {
                self.shared.silences.store(0, Ordering::Relaxed);
                outcome.map_err(errors::of_call)
            }
            Err(_) => {
                self.replace(number);
                Err(errors::silent(limit))
            }
        }
    }

    /// Makes another client of the one of this number, unless somebody else has done so since.
    fn replace(&self, number: u64) {
        let Shared { url, user, options, io, silences, .. } = &*self.shared;
        let silences = silences.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let mut connected = self.lock();
        if connected.number == number && is_worth_another(url.as_deref(), silences) {
            match client(url.as_deref(), user.as_deref(), options, io, true) {
                Ok(client) => *connected = Connected { client, number: number + 1 },
                Err(error) => tracing::warn!(%error, "can't make another client of HDFS; the old one goes on"),
            }
        }
    }

    fn limit(&self) -> Duration {
        self.shared.options.call_timeout
    }

    fn lock(&self) -> MutexGuard<'_, Connected> {
        self.shared.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn list_folder(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let folder = prefix.map_or_else(|| "/".to_owned(), file_of);
        let limit = self.limit();
        // The limit is for each step: a long listing comes in many.
        let listing = self.call(Duration::MAX, async |client| Ok(client.list_status_iter(&folder, false))).await?;
        let (mut objects, mut common_prefixes) = (Vec::new(), Vec::new());
        while let Some(status) = self.call(limit, async |_| listing.next().await.transpose()).await.or_else(none)? {
            // A file lists itself.
            if status.path == folder {
                continue;
            }
            if status.isdir {
                common_prefixes.push(Path::parse(&status.path)?);
            } else {
                objects.push(read::about(&status, Path::parse(&status.path)?)?);
            }
        }
        Ok(ListResult { common_prefixes, objects, extensions: Default::default() })
    }
}

/// A folder that isn't there is empty, as it is everywhere.
fn none<T>(error: StoreError) -> Result<Option<T>> {
    match error {
        StoreError::NotFound { .. } => Ok(None),
        other => Err(other),
    }
}

/// Whether so many silences in a row call for another client. With one NameNode there is nobody else to ask, only another way
/// to him; and as long as he is stopped, each client that is left keeps its socket.
fn is_worth_another(url: Option<&str>, silences: u32) -> bool {
    !is_one_node(url) || silences.is_power_of_two()
}

/// Whether a URL names a NameNode, and no name service.
fn is_one_node(url: Option<&str>) -> bool {
    url.and_then(|url| url.split_once("://")).is_some_and(|(_, host)| host.contains(':'))
}

/// The URL for the client, and the user that stands in it.
fn apart(root: &str) -> (Option<String>, Option<String>) {
    let (scheme, authority) = root.split_once("://").unwrap_or((root, ""));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user.to_owned()), host),
        None => (None, authority),
    };
    ((!host.is_empty()).then(|| format!("{scheme}://{host}")), user)
}

fn client(
    url: Option<&str>,
    user: Option<&str>,
    options: &StoreOptions,
    io: &Handle,
    in_another_order: bool,
) -> hdfs_native::Result<Client> {
    let own = own_settings(url).map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter();
    let patience = ("dfs.client.socket-timeout".to_owned(), options.call_timeout.as_millis().to_string());
    let service = url.and_then(|url| url.split_once("://")).map(|(_, host)| host);
    let order = service.filter(|_| in_another_order);
    let order = order.map(|service| (format!("dfs.client.failover.random.order.{service}"), "true".to_owned()));
    let set = options.hdfs.settings.clone();
    let mut builder =
        ClientBuilder::new().with_io_runtime(io.clone()).with_config(own.chain([patience]).chain(order).chain(set));
    // Without a URL the client takes `fs.defaultFS` of the Hadoop configuration.
    if let Some(url) = url {
        builder = builder.with_url(url);
    }
    if let Some(user) = user {
        builder = builder.with_user(user);
    }
    if let Some(folder) = &options.hdfs.conf_dir {
        builder = builder.with_config_dir(folder.to_string_lossy());
    }
    if let Some(principal) = &options.hdfs.kerberos_principal {
        builder = builder.with_kerberos_principal(principal);
    }
    if let Some(keytab) = &options.hdfs.kerberos_keytab {
        builder = builder.with_kerberos_keytab(keytab.to_string_lossy());
    }
    builder.build()
}

/// Settings of the client that come before those of the Hadoop configuration: it is not to try for minutes in silence, since
/// whoever calls does that himself, and says so. It goes on to the other nodes of a name service; a single one has none, and is
/// asked once more, soon: the connection may have been an old one. What may have been done is not asked for twice.
fn own_settings(url: Option<&str>) -> [(&'static str, &'static str); 3] {
    let (attempts, pause) = if is_one_node(url) { ("1", "50") } else { ("3", "200") };
    [
        ("dfs.client.failover.max.attempts", attempts),
        ("dfs.client.failover.sleep.base.millis", pause),
        ("dfs.client.failover.sleep.max.millis", "2000"),
    ]
}

/// A path as HDFS has it.
fn file_of(path: &Path) -> String {
    format!("/{path}")
}

fn not_there<T>(what: &str) -> Result<T> {
    Err(StoreError::NotImplemented { operation: what.to_owned(), implementer: STORE.to_owned() })
}

impl fmt::Display for HdfsStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{STORE}({})", self.shared.url.as_deref().unwrap_or("fs.defaultFS"))
    }
}

impl fmt::Debug for HdfsStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

// As the trait's macro would write it, which is no dependency of ours.
impl ObjectStore for HdfsStore {
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
        Box::pin(async move {
            create::put(self, &file_of(location), payload, options.mode).await?;
            Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
        })
    }

    fn put_multipart_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Path,
        _options: PutMultipartOptions,
    ) -> Answer<'c, Box<dyn MultipartUpload>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let upload: Box<dyn MultipartUpload> = Box::new(upload::Upload::start(self, file_of(location)).await?);
            Ok(upload)
        })
    }

    fn get_opts<'a, 'b, 'c>(&'a self, location: &'b Path, options: GetOptions) -> Answer<'c, GetResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(read::get(self, location, options))
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |location: Result<Path>| {
            let store = store.clone();
            async move {
                let location = location?;
                let file = file_of(&location);
                store.call(store.limit(), async |client| client.delete(&file, false).await).await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, _prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        futures::stream::once(async { not_there("a listing without folders") }).boxed()
    }

    fn list_with_delimiter<'a, 'b, 'c>(&'a self, prefix: Option<&'b Path>) -> Answer<'c, ListResult>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(self.list_folder(prefix))
    }

    fn copy_opts<'a, 'b, 'c, 'd>(&'a self, _from: &'b Path, _to: &'c Path, _options: CopyOptions) -> Answer<'d, ()>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        Box::pin(async { not_there("a copy") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_a_url_and_perhaps_a_user() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(apart("hdfs://host:8020"), (some("hdfs://host:8020"), None));
        assert_eq!(apart("hdfs://alice@host:8020"), (some("hdfs://host:8020"), some("alice")));
        assert_eq!(apart("viewfs://cluster"), (some("viewfs://cluster"), None));
        assert_eq!(apart("hdfs://"), (None, None));
    }

    #[test]
    fn a_node_is_told_from_a_name_service() {
        for (url, is_one) in [("hdfs://nn:8020", true), ("hdfs://service", false), ("viewfs://cluster", false)] {
            assert_eq!(is_one_node(Some(url)), is_one, "{url}");
        }
        assert!(!is_one_node(None), "the Hadoop configuration may name either");
    }

    #[test]
    fn one_node_is_not_given_a_new_client_at_every_silence() {
        let worth = |url: Option<&str>| (1..=9).filter(|silences| is_worth_another(url, *silences)).collect::<Vec<_>>();
        assert_eq!(worth(Some("hdfs://nn:8020")), [1, 2, 4, 8]);
        assert_eq!(worth(Some("hdfs://service")).len(), 9);
        assert_eq!(worth(None).len(), 9);
    }

    #[test]
    fn a_name_service_that_nobody_knows_is_permanent_and_says_where_to_look() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let error = HdfsStore::new("hdfs://service", &StoreOptions::default(), runtime.handle()).unwrap_err();
        let told = crate::files::FileError::from_store("open", "hdfs://service/a", &error).to_string();
        assert!(told.contains("HADOOP_CONF_DIR") && told.contains("hdfs://service/a"), "{told}");
    }
}
