//! How a command reaches the topics and collections of a job that is not in its own process.
//!
//! ```text
//! on a server               ──► the server is asked, whether a job runs or not
//! the job's files are free ──► nobody runs: they are opened here, as their owner would
//! the job's files are held ──► a job runs: it is asked through its HTTP ports
//! ```
//!
//! Whether a job runs is told by its files: they belong to one process at a time, and that says more than a port, behind
//! which another job may be. What is opened here is closed when the [`Access`] and all that it gave away are dropped; until
//! then the job can't be started.
//!
//! It makes no topic, collection or folder, and writes nothing but what [`TopicClient::append_to`] is told to.

pub mod lines;
mod ports;
mod progress;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use flightline_connectors::client::{ClientError, CollectionClient, RemoteJob, TopicClient};
use flightline_connectors::embedded::{Collection, EmbeddedError, EmbeddedStore, Topic, TopicShape};
use flightline_connectors::files::Stores;
use flightline_engine::contract::Guarantee;
use flightline_engine::log::Partition;

use self::lines::{Layout, OrderedLines};
use self::ports::{Asked, Port};
use crate::config::{CollectionName, CollectionUrl, HttpConfig, SinkTarget, StreamConfig, TopicName, TopicUrl};
use crate::failure::{Failure, FailureKind};
use crate::servers::Servers;
use crate::stores::stores;

/// How often both ways are tried, while somebody holds the files and does not answer yet.
const TRIES: u32 = 6;

/// The wait after the first try; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A way to a job's topics and collections.
#[derive(Debug)]
pub struct Access {
    way: Way,
    servers: Servers,
    stores: Stores,
    requests: Arc<dyn TopicClient>,
    /// Whether a line may be more than once in a topic on a server.
    topics_repeat: bool,
}

#[derive(Debug)]
enum Way {
    /// A job runs, and is asked.
    Job { job: RemoteJob, ports: Vec<Port> },
    /// No job runs, and its files are open here.
    Files(Arc<EmbeddedStore>),
    /// It has nothing of its own; whether it runs can't be told from here.
    Servers,
}

/// Why the files can't be opened.
enum Closed {
    /// Somebody has them.
    Held(EmbeddedError),
    /// They aren't there.
    Absent(String),
}

impl Access {
    /// Finds the way to the job of this configuration.
    ///
    /// # Errors
    /// There is neither a job nor what one has left; or somebody holds the files, and does not answer at the job's port.
    pub fn open(config: &StreamConfig) -> Result<Self, Failure> {
        let servers = Servers::of(config);
        let way = match embedded_topic(config) {
            Some(topic) => Way::to_embedded(config, topic)?,
            None => Way::Servers,
        };
        let requests = way.topic(&servers, &config.requests.log)?;
        let topics_repeat = config.kafka.guarantee == Guarantee::AtLeastOnce;
        Ok(Self { way, servers, stores: stores(config)?, requests, topics_repeat })
    }

    /// Whether a job runs that will do something with what is appended; on servers: may run.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        !matches!(self.way, Way::Files(_))
    }

    /// The stores of its files.
    pub(crate) const fn stores(&self) -> &Stores {
        &self.stores
    }

    /// The log of requests.
    #[must_use]
    pub fn requests(&self) -> Arc<dyn TopicClient> {
        Arc::clone(&self.requests)
    }

    /// A topic of the job, which must be there.
    ///
    /// # Errors
    /// It isn't there, or can't be opened.
    pub fn topic(&self, url: &TopicUrl) -> Result<Arc<dyn TopicClient>, Failure> {
        self.way.topic(&self.servers, url)
    }

    /// A collection of the job, which must be there.
    ///
    /// # Errors
    /// It isn't there, or can't be opened.
    pub fn collection(&self, url: &CollectionUrl) -> Result<Arc<dyn CollectionClient>, Failure> {
        match url {
            CollectionUrl::Mongodb(name) => self.servers.collection(name),
            CollectionUrl::Embedded(name) => Ok(match &self.way {
                Way::Job { job, .. } => Arc::new(job.collection(&name.0)),
                Way::Files(store) => open_collection(store, name)?,
                Way::Servers => return Err(out_of_reach(&url.to_string())),
            }),
        }
    }

    /// The lines of a sink in the order of their requests; `None` for a destination that has no such order. All that the sink
    /// has said to be done before this call is there.
    ///
    /// # Errors
    /// The destination isn't there, or can't be opened.
    pub fn ordered_lines(&self, target: &SinkTarget) -> Result<Option<OrderedLines>, Failure> {
        Ok(match target {
            SinkTarget::Topic(url @ TopicUrl::Embedded(_)) => {
                Some(OrderedLines::of_topic(self.topic(url)?, Layout::ByPartition))
            }
            SinkTarget::Topic(url @ TopicUrl::Kafka(_)) => {
                let topic = self.topic(url)?;
                // What a sink has said to be done must be seen, whatever others of its writers are about to do.
                topic.settle()?;
                Some(OrderedLines::of_topic(topic, Layout::ByKey { repeats: self.topics_repeat }))
            }
            SinkTarget::Collection(_) => None,
            SinkTarget::Files(files) => Some(OrderedLines::of_files(&self.stores, files)?),
        })
    }
}

impl Way {
    /// To a job that has this topic of its own.
    fn to_embedded(config: &StreamConfig, topic: &TopicName) -> Result<Self, Failure> {
        let (mut tries, mut wait) = (TRIES, FIRST_WAIT);
        loop {
            let closed = match open_files(&config.embedded.folder, topic)? {
                Ok(store) => return Ok(Self::Files(store)),
                Err(closed) => closed,
            };
            tries -= 1;
            // Files that aren't there won't come.
            let last = tries == 0 || matches!(closed, Closed::Absent(_));
            match ports::ask(&config.http, topic) {
                Asked::Job { ports, whole } if whole || last => {
                    let job = RemoteJob::new(ports.iter().map(Port::address))?;
                    return Ok(Self::Job { job, ports });
                }
                Asked::Nobody(why) if last => return Err(nobody(&closed, &why, &config.http)),
                Asked::Job { .. } | Asked::Nobody(_) => {}
            }
            thread::sleep(wait);
            wait *= 2;
        }
    }

    fn topic(&self, servers: &Servers, url: &TopicUrl) -> Result<Arc<dyn TopicClient>, Failure> {
        match url {
            TopicUrl::Kafka(name) => servers.topic(name),
            TopicUrl::Embedded(name) => Ok(match self {
                Self::Job { job, .. } => Arc::new(job.topic(&name.0)),
                Self::Files(store) => open_topic(store, name)?,
                Self::Servers => return Err(out_of_reach(&url.to_string())),
            }),
        }
    }
}

/// What only a job with a topic of its own can be asked for.
fn out_of_reach(url: &str) -> Failure {
    Failure::new(
        FailureKind::Usage,
        format!("{url} can't be reached: the job has no topic of its own by which it could be found"),
    )
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            Way::Job { ports, .. } => {
                let addresses: Vec<&str> = ports.iter().map(Port::address).collect();
                write!(f, "the running job at {}", addresses.join(", "))
            }
            Way::Files(store) => write!(f, "the files in `{}`, since no job runs", store.folder().display()),
            Way::Servers => f.write_str("the servers of its configuration"),
        }
    }
}

/// The first embedded topic that a configuration names: by it a job is known.
fn embedded_topic(config: &StreamConfig) -> Option<&TopicName> {
    let sinks = config.sinks.values().filter_map(|sink| match &sink.target {
        SinkTarget::Topic(url) => Some(url),
        SinkTarget::Collection(_) | SinkTarget::Files(_) => None,
    });
    std::iter::once(&config.requests.log).chain(sinks).find_map(|url| match url {
        TopicUrl::Embedded(name) => Some(name),
        TopicUrl::Kafka(_) => None,
    })
}

fn open_files(folder: &Path, topic: &TopicName) -> Result<Result<Arc<EmbeddedStore>, Closed>, Failure> {
    // A store is made where there is none, and a command that looks must not make one.
    if !folder.join("topics").is_dir() {
        return Ok(Err(Closed::Absent(format!("`{}` (embedded.folder) holds no topics", folder.display()))));
    }
    let store = EmbeddedStore::open(folder)?;
    match opened(&store, topic) {
        Ok(_) => Ok(Ok(store)),
        Err(error @ EmbeddedError::Held { .. }) => Ok(Err(Closed::Held(error))),
        Err(error @ EmbeddedError::NoTopic { .. }) => Ok(Err(Closed::Absent(error.to_string()))),
        Err(error) => Err(error.into()),
    }
}

/// A topic with all of its partitions, as it is.
fn opened(store: &EmbeddedStore, name: &TopicName) -> Result<Arc<Topic>, EmbeddedError> {
    let partitions = store.topic(&name.0, &TopicShape::recorded([]))?.partitions();
    store.topic(&name.0, &TopicShape::recorded((0..partitions).map(Partition)))
}

fn open_topic(store: &EmbeddedStore, name: &TopicName) -> Result<Arc<Topic>, Failure> {
    Ok(opened(store, name)?)
}

fn open_collection(store: &EmbeddedStore, CollectionName(name): &CollectionName) -> Result<Arc<Collection>, Failure> {
    let folder = store.folder();
    if !folder.join("collections").join(format!("{name}.redb")).exists() {
        return Err(Failure::new(
            FailureKind::BadInput,
            format!(
                "there is no collection `{name}` in `{}`; check both names, or start the job that makes it first",
                folder.display()
            ),
        ));
    }
    Ok(store.collection(name)?)
}

fn nobody(closed: &Closed, why: &str, http: &HttpConfig) -> Failure {
    match closed {
        Closed::Held(error) => Failure::new(
            FailureKind::Storage,
            format!(
                "{error}. It can't be asked, either: {why}. Name its port with --set http.listen=HOST:PORT (now {})",
                http.listen
            ),
        ),
        Closed::Absent(what) => Failure::new(
            FailureKind::BadInput,
            format!(
                "there is no job to look at: {what}, and {why}; start `predict` first, or give the configuration that it \
                 runs with"
            ),
        ),
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::new(FailureKind::Storage, error.to_string())
    }
}

impl From<EmbeddedError> for Failure {
    fn from(error: EmbeddedError) -> Self {
        let kind = match &error {
            EmbeddedError::NoTopic { .. } | EmbeddedError::NoPartition { .. } => FailureKind::BadInput,
            _ => FailureKind::Storage,
        };
        Self::new(kind, error.to_string())
    }
}
