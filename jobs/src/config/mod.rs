//! The configuration of the streaming commands: typed, whole and checked.
//!
//! ```text
//! config/default.toml (built in)  <  --config FILE  <  --set KEY=VALUE  ──► [load] ──► Loaded { config, what is in force }
//! ```
//!
//! Invariants: every key that the code knows stands in `config/default.toml` with a comment, and no other; a value that comes
//! out of here needs no further check; all mistakes of a start are told together, each with its file, line, key and
//! what to write; what [`Loaded::dump`] prints loads to the same configuration.
//!
//! Nothing here touches a file or a server that a value names: that a folder can be written is seen by whoever writes.

mod checks;
mod endpoint;
mod file_url;
mod flags;
mod models;
mod read;
mod servers;
mod sinks;
mod stores;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
pub use flightline_engine::config::Layer;
use flightline_engine::config::{self, InForce, Mistakes};
pub use flightline_engine::contract::{Selects, SinkName};
use flightline_engine::ids::JobName;
use flightline_engine::ledger::AnswerFormat;
use flightline_engine::stream::TableSpread;
use flightline_engine::telemetry::LogFormat;

use crate::response::Decimals;

pub use endpoint::{CollectionName, CollectionUrl, Endpoint, EndpointKind, TableUrl, TopicName, TopicUrl};
pub use file_url::FileUrl;
pub use flags::ConfigFlags;
pub use models::ModelsPlace;
pub use servers::{KafkaConfig, MongodbConfig, NewTopics, Property, Secret, ServerUrl};
pub use sinks::{AnswerFiles, SinkConfig, SinkTarget, WrittenAs};
pub use stores::{HdfsConfig, S3Config, StoreFlags};

/// The text of `config/default.toml`: the one place where defaults stand.
pub const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// Most partitions of a topic that we make.
const MOST_PARTITIONS: u32 = 1024;

/// Sections in which processes of one job may differ.
const OF_ONE_PROCESS: [&str; 2] = ["http", "log"];

/// Everything that is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// The job itself.
    pub job: JobConfig,
    /// Topics and collections that need no server.
    pub embedded: EmbeddedConfig,
    /// The brokers of topics that do.
    pub kafka: KafkaConfig,
    /// The server of collections that do.
    pub mongodb: MongodbConfig,
    /// How files in HDFS are reached.
    pub hdfs: HdfsConfig,
    /// How files on a server of the S3 protocol are.
    pub s3: S3Config,
    /// Where requests come from.
    pub requests: RequestsConfig,
    /// What changes answers.
    pub answers: AnswersConfig,
    /// The table of distances.
    pub table: TableConfig,
    /// The models.
    pub model: ModelConfig,
    /// The sinks that are enabled: at least one that selects answers is required.
    pub sinks: BTreeMap<SinkName, SinkConfig>,
    /// Bounds of memory.
    pub limits: LimitsConfig,
    /// The job's port.
    pub http: HttpConfig,
    /// Logs.
    pub log: LogConfig,
}

/// `[job]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobConfig {
    /// Its name.
    pub name: JobName,
    /// Folder of ledger, checkpoints and versions of the table.
    pub state: FileUrl,
    /// Requests of each partition that can still be answered again when all sinks have their answers.
    pub replay_offsets: u32,
}

/// `[embedded]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// Folder of all embedded files.
    pub folder: PathBuf,
    /// Partitions of a topic that is made new, 1 to 1024.
    pub partitions: u32,
    /// Memory for the pages of one collection; a partition gets an eighth.
    pub cache: ByteSize,
}

/// `[requests]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestsConfig {
    /// The log of requests.
    pub log: TopicUrl,
}

/// `[answers]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswersConfig {
    /// The format of new answers.
    pub format: AnswerFormat,
    /// How probabilities are written.
    pub decimals: Decimals,
}

/// `[table]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableConfig {
    /// Where it is.
    pub source: TableUrl,
    /// How often to look for changes.
    pub poll: Duration,
    /// How it is held; `None`: by its size.
    pub spread: Option<TableSpread>,
    /// Rows up to which a table without a fixed spread is held everywhere.
    pub small_rows: u32,
}

/// `[model]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelConfig {
    /// Where the models are.
    pub registry: ModelsPlace,
    /// How often to look for another current model.
    pub poll: Duration,
}

/// `[limits]`: for each process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Requests that may be read and not yet durable in the slowest required sink.
    pub in_flight: ByteSize,
    /// Requests that are read at once; at most `in_flight`.
    pub read_batch: ByteSize,
    /// Answers that may wait for a sink that may lag.
    pub lagging_queue: ByteSize,
    /// How long a step of a start is tried while a server is away.
    pub start_patience: Duration,
    /// How long a drain waits for sinks that may lag.
    pub drain_patience: Duration,
}

/// `[http]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Address and port of process 0.
    pub listen: SocketAddr,
}

impl HttpConfig {
    /// The address of a process: its number above the port of process 0. Port 0, any free one, is so for all. `None` if
    /// there is no port of that number.
    #[must_use]
    pub fn of_process(&self, process: usize) -> Option<SocketAddr> {
        let port = match self.listen.port() {
            0 => 0,
            first => first.checked_add(u16::try_from(process).ok()?)?,
        };
        Some(SocketAddr::new(self.listen.ip(), port))
    }
}

/// `[log]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// How a line looks.
    pub format: LogFormat,
}

impl StreamConfig {
    /// The configuration that can change an answer, for the ledger's bindings.
    ///
    /// A key that ever changes an answer must be returned here, so that old offsets keep the old value. What is as it was
    /// before there was such a key is left out.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<Box<str>, Box<str>> {
        self.answers.decimals.setting().into_iter().collect()
    }

    /// The enabled sinks of these lines, by name.
    pub fn sinks_of(&self, selects: Selects) -> impl Iterator<Item = (&SinkName, &SinkTarget)> {
        let selected = self.sinks.iter().filter(move |(_, sink)| sink.selects == selects);
        selected.map(|(name, sink)| (name, &sink.target))
    }

    /// The topic that answers are to be followed in: that of the first such sink by name.
    #[must_use]
    pub fn answers_topic(&self) -> Option<&TopicUrl> {
        self.sinks_of(Selects::Answers).find_map(|(_, target)| match target {
            SinkTarget::Topic(url) => Some(url),
            _ => None,
        })
    }

    /// The collection that answers are to be looked up in: that of the first such sink by name.
    #[must_use]
    pub fn answers_collection(&self) -> Option<&CollectionUrl> {
        self.sinks_of(Selects::Answers).find_map(|(_, target)| match target {
            SinkTarget::Collection(url) => Some(url),
            _ => None,
        })
    }
}

/// A configuration, and where each value of it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The values.
    pub config: StreamConfig,
    in_force: InForce,
}

impl Loaded {
    /// Every key with its value as TOML, which loads to the same again, and a comment at each that is no default.
    #[must_use]
    pub fn dump(&self) -> String {
        self.in_force.to_string()
    }

    /// What all processes of a job must have alike, as text to be compared.
    #[must_use]
    pub fn agreement(&self) -> String {
        self.in_force.without(&OF_ONE_PROCESS)
    }
}

/// Loads the defaults with `layers` over them, the last the strongest.
///
/// # Errors
/// Every mistake in every layer.
pub fn load(layers: &[Layer]) -> Result<Loaded, Mistakes> {
    let (config, in_force) = config::load(&Layer::defaults(DEFAULTS), layers, read::read)?;
    Ok(Loaded { config, in_force })
}

#[cfg(test)]
mod tests;
