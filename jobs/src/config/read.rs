//! From the sections of a configuration to its types, section by section.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use flightline_engine::config::{Choice, Rejection, Reported, Section, Setting, Value};
use flightline_engine::ledger::AnswerFormat;
use flightline_engine::stream::TableSpread;

use super::checks;
use super::servers;
use super::sinks;
use super::stores;
use super::{
    AnswersConfig, EmbeddedConfig, HttpConfig, JobConfig, LimitsConfig, LogConfig, ModelConfig, RequestsConfig,
};
use super::{StreamConfig, TableConfig};
use crate::response::Decimals;
use crate::streaming::ANSWER_FORMATS;

const SHORTEST_POLL: Duration = Duration::from_millis(10);
const ONE_DAY: Duration = Duration::from_secs(86_400);

/// Reads everything. What can be read is checked together, even if other values are wrong.
pub(super) fn read(root: &mut Section<'_, '_>) -> Result<StreamConfig, Reported> {
    let job = root.section("job", |job| {
        let (name, state, replay_offsets) = (job.read("name"), job.read("state"), job.read("replay_offsets"));
        Ok(JobConfig { name: name?, state: state?, replay_offsets: replay_offsets? })
    });
    let embedded = root.section("embedded", |embedded| {
        let folder = embedded.read("folder");
        let partitions = embedded.read_within("partitions", 1..=super::MOST_PARTITIONS);
        let cache = embedded.read_within("cache_bytes", ByteSize::mib(1)..=ByteSize::gib(64));
        let LocalFolder(folder) = folder?;
        Ok(EmbeddedConfig { folder, partitions: partitions?, cache: cache? })
    });
    let kafka = root.section("kafka", servers::kafka);
    let mongodb = root.section("mongodb", servers::mongodb);
    let hdfs = root.section("hdfs", stores::hdfs);
    let s3 = root.section("s3", stores::s3);
    let requests = root.section("requests", |requests| Ok(RequestsConfig { log: requests.read("url")? }));
    let answers = root.section("answers", |answers| {
        let [first, .., last] = ANSWER_FORMATS.map(|format| format.0);
        let (format, decimals) = (answers.read_within("format", first..=last), answers.read_within("decimals", 1..=17));
        Ok(AnswersConfig { format: AnswerFormat(format?), decimals: Decimals::new(decimals?) })
    });
    let table = root.section("table", table);
    let model = root.section("model", |model| {
        let (registry, poll) = (model.read("registry"), model.read_within("poll", SHORTEST_POLL..=ONE_DAY));
        Ok(ModelConfig { registry: registry?, poll: poll? })
    });
    let sinks = sinks::read(root);
    let limits = root.section("limits", limits);
    let http = root.section("http", |http| Ok(HttpConfig { listen: http.read("listen")? }));
    let log = root.section("log", |log| Ok(LogConfig { format: log.read("format")? }));

    let known = checks::Known {
        job: job.as_ref().ok(),
        embedded: embedded.as_ref().ok(),
        requests: requests.as_ref().ok(),
        table: table.as_ref().ok(),
        model: model.as_ref().ok(),
        limits: limits.as_ref().ok(),
        sinks: sinks.as_deref().unwrap_or_default(),
    };
    checks::check(root, &known);
    Ok(StreamConfig {
        job: job?,
        embedded: embedded?,
        kafka: kafka?,
        mongodb: mongodb?,
        hdfs: hdfs?,
        s3: s3?,
        requests: requests?,
        answers: answers?,
        table: table?,
        model: model?,
        sinks: sinks::enabled(sinks?)?,
        limits: limits?,
        http: http?,
        log: log?,
    })
}

fn table(table: &mut Section<'_, '_>) -> Result<TableConfig, Reported> {
    let source = table.read("url");
    let poll = table.read_within("poll", SHORTEST_POLL..=ONE_DAY);
    let spread = table.read("spread");
    let small_rows = table.read("small_rows");
    let Spread(spread) = spread?;
    Ok(TableConfig { source: source?, poll: poll?, spread, small_rows: small_rows? })
}

fn limits(limits: &mut Section<'_, '_>) -> Result<LimitsConfig, Reported> {
    let in_flight = limits.read_within("in_flight_bytes", ByteSize::mib(1)..=ByteSize::gib(64));
    let read_batch = limits.read_within("read_batch_bytes", ByteSize::kib(1)..=ByteSize::gib(1));
    let lagging_queue = limits.read_within("lagging_queue_bytes", ByteSize::kib(64)..=ByteSize::gib(64));
    let start_patience = limits.read_within("start_patience", Duration::ZERO..=ONE_DAY);
    let drain_patience = limits.read_within("drain_patience", Duration::ZERO..=ONE_DAY);
    Ok(LimitsConfig {
        in_flight: in_flight?,
        read_batch: read_batch?,
        lagging_queue: lagging_queue?,
        start_patience: start_patience?,
        drain_patience: drain_patience?,
    })
}

/// How the table is to be held; `None` leaves it to its size.
#[derive(Clone, Copy, PartialEq)]
struct Spread(Option<TableSpread>);

impl Choice for Spread {
    const ALL: &'static [(&'static str, Self)] = &[
        ("auto", Self(None)),
        ("everywhere", Self(Some(TableSpread::Everywhere))),
        ("by-key", Self(Some(TableSpread::ByKey))),
    ];
}

/// A folder of this computer, which must be a plain path.
struct LocalFolder(PathBuf);

impl Setting for LocalFolder {
    fn wanted() -> String {
        "the path of a folder, such as \"models\"".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        let path = String::from_value(value)?;
        match path.split_once(':') {
            Some(("file", plain)) => {
                let plain = plain.strip_prefix("//").unwrap_or(plain);
                Err(Rejection::with_remedy("which is a URL", format!("write the path alone, \"{plain}\"")))
            }
            Some((scheme, rest)) if rest.starts_with("//") || scheme == "embedded" => {
                Err(Rejection::with_remedy("which is a URL", "only a folder of this computer can be used here"))
            }
            _ => Ok(Self(path.into())),
        }
    }

    fn to_value(&self) -> Value {
        Value::Text(self.0.display().to_string())
    }
}
