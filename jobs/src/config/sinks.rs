//! `[sinks.NAME]`: the destinations of answers and dead letters.

use std::collections::BTreeMap;
use std::time::Duration;

use bytesize::ByteSize;
use flightline_engine::config::{Choice, Each, Rejection, Reported, Section, Setting, Value};
use flightline_engine::contract::{Selects, SinkName};

use super::endpoint::{CollectionUrl, Endpoint, EndpointKind, TopicUrl};
use super::file_url::FileUrl;

/// Keys that only a sink of files has.
const OF_FILES: [&str; 3] = ["format", "roll_bytes", "roll_every"];

const ONE_DAY: Duration = Duration::from_secs(86_400);

/// A sink that is enabled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkConfig {
    /// Where its lines go.
    pub target: SinkTarget,
    /// Which lines.
    pub selects: Selects,
    /// Whether the job waits for it; else it may lag.
    pub required: bool,
    /// Whether, when it is new to a job that has run, it begins at the log's start instead of the present.
    pub backfill: bool,
}

/// Where the lines of a sink go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkTarget {
    /// A topic.
    Topic(TopicUrl),
    /// A collection.
    Collection(CollectionUrl),
    /// A folder of files.
    Files(AnswerFiles),
}

/// A folder of files that a sink writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerFiles {
    /// The folder.
    pub folder: FileUrl,
    /// How lines are written.
    pub format: WrittenAs,
    /// A file is ended when it holds this much.
    pub roll_bytes: ByteSize,
    /// And when its first line is this old.
    pub roll_every: Duration,
}

/// How a sink of files writes lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenAs {
    /// JSON lines.
    JsonLines,
    /// JSON lines in files that end in `.txt`.
    Text,
    /// Parquet.
    Parquet,
}

impl Choice for WrittenAs {
    const ALL: &'static [(&'static str, Self)] =
        &[("jsonl", Self::JsonLines), ("txt", Self::Text), ("parquet", Self::Parquet)];
}

impl SinkTarget {
    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Self::Topic(url) => Endpoint::Topic(url.clone()),
            Self::Collection(url) => Endpoint::Collection(url.clone()),
            Self::Files(files) => Endpoint::Files(files.folder.clone()),
        }
    }
}

/// Reads all sinks; one that is switched off is `None`.
pub(super) fn read(root: &mut Section<'_, '_>) -> Result<Each<Option<SinkConfig>>, Reported> {
    root.sections("sinks", |name, section| {
        let named = named(name, section);
        let sink = sink(section);
        named.and(sink)
    })
}

/// The sinks that are switched on.
pub(super) fn enabled(sinks: Each<Option<SinkConfig>>) -> Result<BTreeMap<SinkName, SinkConfig>, Reported> {
    let with_name = |(name, sink): (String, Result<Option<SinkConfig>, Reported>)| match sink {
        Ok(sink) => sink.map(|sink| Ok((SinkName(name.into()), sink))),
        Err(reported) => Some(Err(reported)),
    };
    sinks.into_iter().filter_map(with_name).collect()
}

fn named(name: &str, section: &mut Section<'_, '_>) -> Result<(), Reported> {
    let usable = (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_".contains(sign));
    if usable {
        return Ok(());
    }
    let wrong = format!("{name:?} can't name a sink");
    Err(section.reject(wrong, "use up to 64 letters, digits, `-` and `_`, and begin with a letter or digit"))
}

fn sink(section: &mut Section<'_, '_>) -> Result<Option<SinkConfig>, Reported> {
    let kind = section.peek("url").and_then(EndpointKind::of);
    section.fall_back_to(match kind {
        Some(EndpointKind::Collection) => "sinks.collection",
        Some(EndpointKind::Files) => "sinks.files",
        Some(EndpointKind::Topic) | None => "sinks.topic",
    });
    let enabled = section.read::<bool>("enabled");
    // What is switched off may name a system that this build can't talk to: one file for several builds.
    let endpoint = match enabled {
        Ok(false) => section.read_own::<String>("url").map(|_| None),
        _ => section.read_own::<Destination>("url").map(|Destination(endpoint)| Some(endpoint)),
    };
    let (selects, required, backfill) = (section.read("selects"), section.read("required"), section.read("backfill"));
    let files = files(section, kind);

    let target = match endpoint? {
        None => None,
        Some(Endpoint::Topic(url)) => Some(SinkTarget::Topic(url)),
        Some(Endpoint::Collection(url)) => Some(SinkTarget::Collection(url)),
        Some(Endpoint::Files(folder)) => files?.map(|(format, roll_bytes, roll_every)| {
            SinkTarget::Files(AnswerFiles { folder, format, roll_bytes, roll_every })
        }),
    };
    let (selects, required, backfill) = (selects?, required?, backfill?);
    Ok(enabled.map(|_| target)?.map(|target| SinkConfig { target, selects, required, backfill }))
}

/// Where lines go: any endpoint, and a store of files need not name the folder if it has one of its own.
struct Destination(Endpoint);

impl Setting for Destination {
    fn wanted() -> String {
        Endpoint::wanted()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        let url = String::from_value(value)?;
        match EndpointKind::of(&url) {
            Some(EndpointKind::Files) => FileUrl::of_answers(&url).map(Endpoint::Files),
            _ => url.parse(),
        }
        .map(Self)
    }

    fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

/// The keys of files, which mean nothing to other sinks.
fn files(
    section: &mut Section<'_, '_>,
    kind: Option<EndpointKind>,
) -> Result<Option<(WrittenAs, ByteSize, Duration)>, Reported> {
    if let Some(EndpointKind::Topic | EndpointKind::Collection) = kind {
        OF_FILES.iter().for_each(|key| section.refuse(key, "only a sink of files has it"));
        return Ok(None);
    }
    // With a URL of no known kind these may be meant, and if they are wrong that is told, too.
    section.fall_back_to("sinks.files");
    let [format, roll_bytes, roll_every] = OF_FILES;
    let format = section.read(format);
    let roll_bytes = section.read_within(roll_bytes, ByteSize::kib(64)..=ByteSize::gib(1));
    let roll_every = section.read_within(roll_every, Duration::from_millis(100)..=ONE_DAY);
    Ok(Some((format?, roll_bytes?, roll_every?)))
}
