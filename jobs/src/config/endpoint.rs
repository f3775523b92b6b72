//! URLs of sources, tables and sinks, and which of them can be what.

use std::fmt;
use std::str::FromStr;

use flightline_engine::config::{Rejection, Setting, Value, nearest, plain_name};

use super::file_url::FileUrl;

/// Systems that this build can't talk to, and what takes their place: scheme, and what to write.
const NOT_BUILT_IN: [(&str, &str); 3] = [
    ("kafka", "embedded:topic/NAME"),
    ("mongodb", "embedded:collection/NAME"),
    ("mongodb+srv", "embedded:collection/NAME"),
];

const TOPIC: &str = "topic";
const COLLECTION: &str = "collection";

/// The name of an embedded topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(pub Box<str>);

/// The name of an embedded collection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionName(pub Box<str>);

/// Something with a URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `embedded:topic/NAME`.
    EmbeddedTopic(TopicName),
    /// `embedded:collection/NAME`.
    EmbeddedCollection(CollectionName),
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
            ("kafka", _) => Some(Self::Topic),
            ("mongodb" | "mongodb+srv", _) => Some(Self::Collection),
            (scheme, _) => FileUrl::has_scheme(scheme).then_some(Self::Files),
        }
    }
}

impl FromStr for Endpoint {
    type Err = Rejection;

    fn from_str(url: &str) -> Result<Self, Rejection> {
        match url.split_once(':') {
            Some(("embedded", rest)) => embedded(rest),
            Some((scheme, _)) if FileUrl::has_scheme(scheme) => url.parse().map(Self::Files),
            Some((scheme, rest)) => Err(unknown_scheme(scheme, rest)),
            None => Err(Rejection::with_remedy("which is no URL", format!("write file:{url} if it is a path"))),
        }
    }
}

fn embedded(rest: &str) -> Result<Endpoint, Rejection> {
    let wanted = "write embedded:topic/NAME or embedded:collection/NAME";
    match rest.split_once('/') {
        Some((TOPIC, name)) => plain_name(name).map(|()| Endpoint::EmbeddedTopic(TopicName(name.into()))),
        Some((COLLECTION, name)) => {
            plain_name(name).map(|()| Endpoint::EmbeddedCollection(CollectionName(name.into())))
        }
        _ => Err(Rejection::with_remedy("which is neither a topic nor a collection", wanted)),
    }
}

fn unknown_scheme(scheme: &str, rest: &str) -> Rejection {
    if let Some((_, instead)) = NOT_BUILT_IN.iter().find(|(known, _)| *known == scheme) {
        let wrong = format!("and this build has no {scheme}: connector");
        return Rejection::with_remedy(wrong, format!("write {instead}"));
    }
    let known = || std::iter::once("embedded").chain(FileUrl::schemes());
    let remedy = match nearest(scheme, known().chain(NOT_BUILT_IN.iter().map(|(scheme, _)| *scheme))) {
        Some(meant) => format!("did you mean {meant}:{rest}?"),
        None => format!("known are {}:", known().collect::<Vec<_>>().join(":, ")),
    };
    Rejection::with_remedy(format!("and `{scheme}:` is no known scheme"), remedy)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmbeddedTopic(TopicName(name)) => write!(f, "embedded:{TOPIC}/{name}"),
            Self::EmbeddedCollection(CollectionName(name)) => write!(f, "embedded:{COLLECTION}/{name}"),
            Self::Files(url) => url.fmt(f),
        }
    }
}

impl Setting for Endpoint {
    fn wanted() -> String {
        "embedded:topic/NAME, embedded:collection/NAME or file:PATH".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        String::from_value(value)?.parse()
    }

    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

/// What requests can be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestLog {
    /// A topic of the job's own.
    EmbeddedTopic(TopicName),
}

impl Setting for RequestLog {
    fn wanted() -> String {
        "embedded:topic/NAME".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        match Endpoint::from_value(value)? {
            Endpoint::EmbeddedTopic(name) => Ok(Self::EmbeddedTopic(name)),
            Endpoint::EmbeddedCollection(_) | Endpoint::Files(_) => {
                Err(Rejection::new("which is no topic, and requests are read from one"))
            }
        }
    }

    fn to_value(&self) -> Value {
        let Self::EmbeddedTopic(name) = self.clone();
        Endpoint::EmbeddedTopic(name).to_value()
    }
}

/// What a table can be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableUrl {
    /// A collection of the job's own.
    EmbeddedCollection(CollectionName),
    /// A file of JSON lines.
    File(FileUrl),
}

impl Setting for TableUrl {
    fn wanted() -> String {
        "file:PATH of a file, or embedded:collection/NAME".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        match Endpoint::from_value(value)? {
            Endpoint::EmbeddedCollection(name) => Ok(Self::EmbeddedCollection(name)),
            Endpoint::Files(url) if url.to_string().ends_with('/') => {
                Err(Rejection::new("which is a folder, and a table is one file"))
            }
            Endpoint::Files(url) => Ok(Self::File(url)),
            Endpoint::EmbeddedTopic(_) => {
                Err(Rejection::new("which is a topic, and a table is a file or a collection"))
            }
        }
    }

    fn to_value(&self) -> Value {
        match self.clone() {
            Self::EmbeddedCollection(name) => Endpoint::EmbeddedCollection(name).to_value(),
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
        assert_eq!(topic, Endpoint::EmbeddedTopic(TopicName("flight-delay-ml-request".into())));
        let collection: Endpoint = "embedded:collection/agile_data_science.x".parse().unwrap();
        assert_eq!(collection, Endpoint::EmbeddedCollection(CollectionName("agile_data_science.x".into())));
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
            ("kafka://broker:9092/x", "this build has no kafka: connector; write embedded:topic/NAME"),
            ("mongodb://host/db", "this build has no mongodb: connector; write embedded:collection/NAME"),
            ("embeded:topic/x", "did you mean embedded:topic/x?"),
            ("kafak:x", "did you mean kafka:x?"),
            ("http://host/x", "known are embedded:, file:, hdfs:"),
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
        let told = |url: &str| RequestLog::from_value(&value(url)).unwrap_err().to_string();
        assert!(told("file:x").contains("no topic") && told("embedded:collection/x").contains("no topic"));
        let told = |url: &str| TableUrl::from_value(&value(url)).unwrap_err().to_string();
        assert!(told("embedded:topic/x").contains("a topic") && told("file:x/").contains("a folder"));
        for url in ["file:x", "embedded:collection/x"] {
            assert_eq!(TableUrl::from_value(&value(url)).unwrap().to_value(), value(url));
        }
    }
}
