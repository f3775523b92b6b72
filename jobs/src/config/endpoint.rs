//! URLs of sources, tables and sinks, and which of them can be what.

use std::fmt;
use std::str::FromStr;

use flightline_engine::config::{Rejection, Setting, Value, nearest, plain_name};

use super::file_url::FileUrl;

const TOPIC: &str = "topic";
const COLLECTION: &str = "collection";

/// The name of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(pub Box<str>);

/// The name of a collection; in MongoDB `DATABASE.COLLECTION`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionName(pub Box<str>);

/// A topic: `embedded:topic/NAME` or `kafka:topic/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicUrl {
    /// Of the job's own.
    Embedded(TopicName),
    /// On the brokers of `[kafka]`.
    Kafka(TopicName),
}

/// A collection: `embedded:collection/NAME` or `mongodb:collection/DATABASE.NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CollectionUrl {
    /// Of the job's own.
    Embedded(CollectionName),
    /// On the server of `[mongodb]`.
    Mongodb(CollectionName),
}

/// Something with a URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// A log in partitions.
    Topic(TopicUrl),
    /// Documents by their keys.
    Collection(CollectionUrl),
    /// `file:PATH` or a URL of a store.
    Files(FileUrl),
}

/// What a URL is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// A log in partitions.
    Topic,
    /// Documents by their keys.
    Collection,
    /// A file, or a folder of them.
    Files,
}

/// Systems with topics or collections that are servers.
struct Server {
    /// Its scheme, its section and the cargo feature that builds its connector in.
    scheme: &'static str,
    is_built_in: bool,
    holds: EndpointKind,
}

const SERVERS: [Server; 2] = [
    Server { scheme: "kafka", is_built_in: cfg!(feature = "kafka"), holds: EndpointKind::Topic },
    Server { scheme: "mongodb", is_built_in: cfg!(feature = "mongodb"), holds: EndpointKind::Collection },
];

impl EndpointKind {
    /// What kind of thing a URL is of, whether this build can use it or not.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        match url.split_once(':')? {
            ("embedded", rest) => match rest.split('/').next()? {
                TOPIC => Some(Self::Topic),
                COLLECTION => Some(Self::Collection),
                _ => None,
            },
            (scheme, _) => match SERVERS.iter().find(|server| server.scheme == scheme) {
                Some(server) => Some(server.holds),
                None => FileUrl::has_scheme(scheme).then_some(Self::Files),
            },
        }
    }
}

impl FromStr for Endpoint {
    type Err = Rejection;

    fn from_str(url: &str) -> Result<Self, Rejection> {
        match url.split_once(':') {
            Some(("embedded", rest)) => embedded(rest),
            Some((scheme, _)) if FileUrl::has_scheme(scheme) => url.parse().map(Self::Files),
            Some((scheme, rest)) => match SERVERS.iter().find(|server| server.scheme == scheme) {
                Some(server) => on_server(server, rest),
                None => Err(unknown_scheme(scheme, rest)),
            },
            None => Err(Rejection::with_remedy("which is no URL", format!("write file:{url} if it is a path"))),
        }
    }
}

fn embedded(rest: &str) -> Result<Endpoint, Rejection> {
    let wanted = "write embedded:topic/NAME or embedded:collection/NAME";
    match rest.split_once('/') {
        Some((TOPIC, name)) => plain_name(name).map(|()| Endpoint::Topic(TopicUrl::Embedded(TopicName(name.into())))),
        Some((COLLECTION, name)) => {
            plain_name(name).map(|()| Endpoint::Collection(CollectionUrl::Embedded(CollectionName(name.into()))))
        }
        _ => Err(Rejection::with_remedy("which is neither a topic nor a collection", wanted)),
    }
}

fn on_server(server: &Server, rest: &str) -> Result<Endpoint, Rejection> {
    let Server { scheme, is_built_in, holds } = server;
    let (kind, wanted) = match holds {
        EndpointKind::Collection => (COLLECTION, format!("{scheme}:collection/DATABASE.NAME")),
        _ => (TOPIC, format!("{scheme}:topic/NAME")),
    };
    if !is_built_in {
        let wrong = format!("and this build has no {scheme}: connector");
        let instead = format!("write embedded:{kind}/NAME, or build with --features {scheme}");
        return Err(Rejection::with_remedy(wrong, instead));
    }
    if rest.starts_with("//") {
        return Err(Rejection::with_remedy(
            format!("which names a server, and the one server of a job stands in [{scheme}]"),
            format!("write {wanted}"),
        ));
    }
    match (holds, rest.split_once('/')) {
        (EndpointKind::Topic, Some((TOPIC, name))) => {
            plain_name(name).map(|()| Endpoint::Topic(TopicUrl::Kafka(TopicName(name.into()))))
        }
        (EndpointKind::Collection, Some((COLLECTION, name))) => {
            plain_name(name)?;
            if !name.split_once('.').is_some_and(|(database, name)| !database.is_empty() && !name.is_empty()) {
                return Err(Rejection::with_remedy("which names no database", format!("write {wanted}")));
            }
            Ok(Endpoint::Collection(CollectionUrl::Mongodb(CollectionName(name.into()))))
        }
        _ => Err(Rejection::with_remedy(format!("which is no {kind}"), format!("write {wanted}"))),
    }
}

fn unknown_scheme(scheme: &str, rest: &str) -> Rejection {
    let servers = || SERVERS.iter().map(|server| server.scheme);
    let known = || std::iter::once("embedded").chain(servers()).chain(FileUrl::schemes());
    let remedy = match nearest(scheme, known()) {
        Some(meant) => format!("did you mean {meant}:{rest}?"),
        None => format!("known are {}:", known().collect::<Vec<_>>().join(":, ")),
    };
    Rejection::with_remedy(format!("and `{scheme}:` is no known scheme"), remedy)
}

impl TopicUrl {
    /// The name alone.
    #[must_use]
    pub const fn name(&self) -> &TopicName {
        match self {
            Self::Embedded(name) | Self::Kafka(name) => name,
        }
    }
}

impl CollectionUrl {
    /// The name alone.
    #[must_use]
    pub const fn name(&self) -> &CollectionName {
        match self {
            Self::Embedded(name) | Self::Mongodb(name) => name,
        }
    }
}

impl fmt::Display for TopicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self {
            Self::Embedded(_) => "embedded",
            Self::Kafka(_) => "kafka",
        };
        write!(f, "{scheme}:{TOPIC}/{}", self.name().0)
    }
}

impl fmt::Display for CollectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self {
            Self::Embedded(_) => "embedded",
            Self::Mongodb(_) => "mongodb",
        };
        write!(f, "{scheme}:{COLLECTION}/{}", self.name().0)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => topic.fmt(f),
            Self::Collection(collection) => collection.fmt(f),
            Self::Files(url) => url.fmt(f),
        }
    }
}

impl Setting for Endpoint {
    fn wanted() -> String {
        "embedded:topic/NAME, embedded:collection/NAME, kafka:topic/NAME, mongodb:collection/DATABASE.NAME or file:PATH"
            .to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        String::from_value(value)?.parse()
    }

    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

/// What requests can be read from.
impl Setting for TopicUrl {
    fn wanted() -> String {
        "embedded:topic/NAME or kafka:topic/NAME".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        match Endpoint::from_value(value)? {
            Endpoint::Topic(topic) => Ok(topic),
            Endpoint::Collection(_) | Endpoint::Files(_) => {
                Err(Rejection::new("which is no topic, and requests are read from one"))
            }
        }
    }

    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

/// What a table can be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableUrl {
    /// A collection.
    Collection(CollectionUrl),
    /// A file of JSON lines.
    File(FileUrl),
}

impl Setting for TableUrl {
    fn wanted() -> String {
        "file:PATH of a file, embedded:collection/NAME or mongodb:collection/DATABASE.NAME".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        match Endpoint::from_value(value)? {
            Endpoint::Collection(collection) => Ok(Self::Collection(collection)),
            Endpoint::Files(url) if url.to_string().ends_with('/') => {
                Err(Rejection::new("which is a folder, and a table is one file"))
            }
            Endpoint::Files(url) => Ok(Self::File(url)),
            Endpoint::Topic(_) => Err(Rejection::new("which is a topic, and a table is a file or a collection")),
        }
    }

    fn to_value(&self) -> Value {
        match self.clone() {
            Self::Collection(url) => Endpoint::Collection(url).to_value(),
            Self::File(url) => Endpoint::Files(url).to_value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_what_it_is() {
        let topic: Endpoint = "embedded:topic/flight-delay-ml-request".parse().unwrap();
        assert_eq!(topic, Endpoint::Topic(TopicUrl::Embedded(TopicName("flight-delay-ml-request".into()))));
        let collection: Endpoint = "embedded:collection/agile_data_science.x".parse().unwrap();
        let name = CollectionName("agile_data_science.x".into());
        assert_eq!(collection, Endpoint::Collection(CollectionUrl::Embedded(name)));
        assert_eq!(collection.to_string(), "embedded:collection/agile_data_science.x");
        assert_eq!("file:a".parse(), "file:a".parse().map(Endpoint::Files));
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_a_way_out() {
        for (url, told) in [
            ("predictions", "write file:predictions"),
            ("embedded:flight-delay-ml-request", "write embedded:topic/NAME or embedded:collection/NAME"),
            ("embedded:topics/x", "neither a topic nor a collection"),
            ("embedded:topic/", "lacks a name"),
            ("embedded:topic/a/b", "'/' in its name"),
            ("embedded:topic/../x", "'/' in its name"),
            ("embedded:topic/..", "begins with neither a letter nor a digit"),
            ("embedded://topic/x", "neither a topic nor a collection"),
            ("embeded:topic/x", "did you mean embedded:topic/x?"),
            ("kafak:x", "did you mean kafka:x?"),
            ("http://host/x", "known are embedded:, kafka:, mongodb:, file:, hdfs:"),
        ] {
            let message = url.parse::<Endpoint>().unwrap_err().to_string();
            assert!(message.contains(told), "{url}: {message}");
        }
    }

    #[test]
    #[cfg(feature = "kafka")]
    #[cfg(feature = "mongodb")]
    fn what_a_server_holds_is_named_without_the_server() {
        for url in ["kafka:topic/flight-delay-ml-request", "mongodb:collection/agile_data_science.x"] {
            assert_eq!(url.parse::<Endpoint>().unwrap().to_string(), url);
        }
        for (url, told) in [
            ("kafka://broker:9092/x", "the one server of a job stands in [kafka]; write kafka:topic/NAME"),
            ("kafka:x", "no topic; write kafka:topic/NAME"),
            ("kafka:collection/x", "no topic; write kafka:topic/NAME"),
            ("mongodb:topic/x", "no collection; write mongodb:collection/DATABASE.NAME"),
            ("mongodb:collection/x", "which names no database; write mongodb:collection/DATABASE.NAME"),
            ("kafka:topic/a b", "has ' ' in its name"),
        ] {
            let message = url.parse::<Endpoint>().unwrap_err().to_string();
            assert!(message.contains(told), "{url}: {message}");
        }
    }

    #[test]
    #[cfg(not(any(feature = "kafka", feature = "mongodb")))]
    fn a_connector_that_is_not_built_in_is_named_with_its_feature() {
        for (url, told) in [
            ("kafka:topic/x", "no kafka: connector; write embedded:topic/NAME, or build with --features kafka"),
            ("mongodb:collection/a.b", "write embedded:collection/NAME, or build with --features mongodb"),
        ] {
            let message = url.parse::<Endpoint>().unwrap_err().to_string();
            assert!(message.contains(told), "{url}: {message}");
        }
    }

    #[test]
    fn the_kind_is_known_without_the_connector() {
        for (url, kind) in [
            ("embedded:topic/x", Some(EndpointKind::Topic)),
            ("kafka://b/x", Some(EndpointKind::Topic)),
            ("embedded:collection/x", Some(EndpointKind::Collection)),
            ("mongodb://h/x", Some(EndpointKind::Collection)),
            ("gs://b/x", Some(EndpointKind::Files)),
            ("embedded:x", None),
            ("x", None),
        ] {
            assert_eq!(EndpointKind::of(url), kind, "{url}");
        }
    }

    #[test]
    fn every_role_takes_what_it_can_use() {
        let value = |url: &str| Value::Text(url.to_owned());
        let told = |url: &str| TopicUrl::from_value(&value(url)).unwrap_err().to_string();
        assert!(told("file:x").contains("no topic") && told("embedded:collection/x").contains("no topic"));
        let told = |url: &str| TableUrl::from_value(&value(url)).unwrap_err().to_string();
        assert!(told("embedded:topic/x").contains("a topic") && told("file:x/").contains("a folder"));
        for url in ["file:x", "embedded:collection/x"] {
            assert_eq!(TableUrl::from_value(&value(url)).unwrap().to_value(), value(url));
        }
    }
}
