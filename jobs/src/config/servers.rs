//! `[kafka]` and `[mongodb]`: the servers that topics and collections are on, and the secrets that they ask for.
//!
//! Invariant: a secret never stands in a configuration, only where it is to be found; so neither a message nor
//! `--dump-config` can show one.

use std::collections::BTreeMap;
use std::time::Duration;
use std::{env, fs};

use flightline_engine::config::{Rejection, Reported, Section, Setting, Value, brings_foreign_code};
use flightline_engine::contract::Guarantee;

use crate::failure::{Failure, FailureKind};

/// Settings of librdkafka that are secrets.
const SECRET_PROPERTIES: [&str; 8] = [
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.password",
    "ssl.certificate.pem",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl.oauthbearer.assertion.private.key.passphrase",
];

const SHORTEST_TRANSACTION: Duration = Duration::from_secs(1);
/// What brokers allow unless they are told otherwise (`transaction.max.timeout.ms`).
const LONGEST_TRANSACTION: Duration = Duration::from_secs(900);

/// `[kafka]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaConfig {
    /// `HOST:PORT`, several with commas.
    pub brokers: String,
    /// What the sinks on topics promise.
    pub guarantee: Guarantee,
    /// What topics of progress are called: this, a dash, and the topic whose answers they count.
    pub progress_prefix: String,
    /// The consumer group whose offsets tell tools how far behind the job is.
    pub group: String,
    /// How a missing topic is made; `None`: it isn't.
    pub create: Option<NewTopics>,
    /// After what time the brokers give up a transaction that nobody ends.
    pub transaction_timeout: Duration,
    /// Settings of librdkafka.
    pub properties: BTreeMap<String, Property>,
}

/// How missing topics are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTopics {
    /// Partitions of each.
    pub partitions: u32,
    /// Brokers that hold each of them.
    pub replication: u32,
}

/// `[mongodb]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MongodbConfig {
    /// `mongodb://HOST:PORT/?OPTIONS`, without a user.
    pub url: ServerUrl,
    /// Where user and password are to be found, as `USER:PASSWORD`.
    pub credentials: Option<Secret>,
}

/// Where a secret is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// `env:NAME`: in an environment variable.
    Environment(String),
    /// `file:PATH`: in a file, without the line feed at its end.
    File(String),
}

/// The value of a setting of a library: as it is, or where it is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Property {
    /// As it is.
    Plain(String),
    /// To be looked up.
    Secret(Secret),
}

/// The URL of a server, which holds no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl(pub String);

pub(super) fn kafka(kafka: &mut Section<'_, '_>) -> Result<KafkaConfig, Reported> {
    let (brokers, progress_prefix, group) = (kafka.read("brokers"), kafka.read("progress_prefix"), kafka.read("group"));
    let guarantee = kafka.read("guarantee");
    let create = kafka.read::<bool>("create_topics");
    let partitions = kafka.read_within("partitions", 1..=super::MOST_PARTITIONS);
    let replication = kafka.read_within("replication", 1..=32_767);
    let transaction_timeout = kafka.read_within("transaction_timeout", SHORTEST_TRANSACTION..=LONGEST_TRANSACTION);
    let properties = kafka.values::<Property>("properties").and_then(|properties| {
        let (secrets, code) = (no_open_secret(kafka, &properties), no_foreign_code(kafka, &properties));
        secrets.and(code).map(|()| properties)
    });
    let topics = NewTopics { partitions: partitions?, replication: replication? };
    Ok(KafkaConfig {
        brokers: brokers?,
        guarantee: guarantee?,
        progress_prefix: progress_prefix?,
        group: group?,
        create: create?.then_some(topics),
        transaction_timeout: transaction_timeout?,
        properties: properties?,
    })
}

pub(super) fn mongodb(mongodb: &mut Section<'_, '_>) -> Result<MongodbConfig, Reported> {
    let (url, credentials) = (mongodb.read("url"), mongodb.read("credentials"));
    let Credentials(credentials) = credentials?;
    Ok(MongodbConfig { url: url?, credentials })
}

fn no_open_secret(kafka: &mut Section<'_, '_>, properties: &BTreeMap<String, Property>) -> Result<(), Reported> {
    let is_open = |(name, property): &(&String, &Property)| {
        SECRET_PROPERTIES.contains(&name.as_str()) && matches!(property, Property::Plain(_))
    };
    match properties.iter().find(is_open) {
        None => Ok(()),
        Some((name, _)) => {
            let path = format!("kafka.properties.{name}");
            let wrong = format!("`{path}` is a secret, and may not stand in a configuration");
            Err(kafka.contradiction(&[&path], wrong, "write where it is: \"env:NAME\" or \"file:PATH\""))
        }
    }
}

fn no_foreign_code(kafka: &mut Section<'_, '_>, properties: &BTreeMap<String, Property>) -> Result<(), Reported> {
    let mut outcome = Ok(());
    for name in properties.keys().filter(|name| brings_foreign_code(name)) {
        let path = format!("kafka.properties.{name}");
        let wrong = format!("`{path}` would make the process load or run foreign code, and may not be set");
        outcome = Err(kafka.contradiction(&[&path], wrong, "leave it out"));
    }
    outcome
}

impl Secret {
    /// The secret itself. Never to be printed.
    ///
    /// # Errors
    /// It isn't where it should be; `key` is named.
    pub fn look_up(&self, key: &str) -> Result<String, Failure> {
        let missing = |what: String| Failure::new(FailureKind::Usage, format!("{key}: {what}"));
        match self {
            Self::Environment(name) => env::var(name)
                .map_err(|error| missing(format!("the environment variable {name} has no secret: {error}"))),
            Self::File(path) => {
                let read = fs::read_to_string(path);
                let text = read.map_err(|error| missing(format!("the secret in `{path}` can't be read: {error}")))?;
                Ok(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        }
    }

    /// A secret of two parts with a colon between, such as a user and a password.
    ///
    /// # Errors
    /// It isn't where it should be, or isn't of this `form`; `key` is named.
    pub fn look_up_pair(&self, key: &str, form: &str) -> Result<(String, String), Failure> {
        let found = self.look_up(key)?;
        let pair = found.split_once(':').map(|(first, second)| (first.to_owned(), second.to_owned()));
        pair.ok_or_else(|| {
            let sentence = format!("{key}: what is found there is not {form}; write it so, on one line");
            Failure::new(FailureKind::Usage, sentence)
        })
    }

    fn from_text(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("env", name) if !name.is_empty() => Some(Self::Environment(name.to_owned())),
            ("file", path) if !path.is_empty() => Some(Self::File(path.to_owned())),
            _ => None,
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Environment(name) => format!("env:{name}"),
            Self::File(path) => format!("file:{path}"),
        }
    }
}

impl Property {
    /// The value itself.
    ///
    /// # Errors
    /// A secret isn't where it should be; `key` is named.
    pub fn look_up(&self, key: &str) -> Result<String, Failure> {
        match self {
            Self::Plain(text) => Ok(text.clone()),
            Self::Secret(secret) => secret.look_up(key),
        }
    }
}

impl Setting for Property {
    const IS_SHOWN: bool = false;

    fn wanted() -> String {
        "a text in quotes, a whole number, true or false".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        match value {
            Value::Text(text) => Ok(Secret::from_text(text).map_or_else(|| Self::Plain(text.clone()), Self::Secret)),
            Value::Integer(number) => Ok(Self::Plain(number.to_string())),
            Value::Boolean(truth) => Ok(Self::Plain(truth.to_string())),
            Value::Other(kind) => Err(Rejection::new(format!("which is {kind}"))),
        }
    }

    fn to_value(&self) -> Value {
        Value::Text(match self {
            Self::Plain(text) => text.clone(),
            Self::Secret(secret) => secret.to_text(),
        })
    }
}

impl MongodbConfig {
    /// User and password, if the server asks for them.
    ///
    /// # Errors
    /// They aren't where they should be.
    pub fn login(&self) -> Result<Option<(String, String)>, Failure> {
        let look_up = |secret: &Secret| secret.look_up_pair("mongodb.credentials", "USER:PASSWORD");
        self.credentials.as_ref().map(look_up).transpose()
    }
}

/// Credentials, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credentials(pub(super) Option<Secret>);

impl Setting for Credentials {
    const IS_SHOWN: bool = false;

    fn wanted() -> String {
        "\"none\", or where both parts with a colon between are to be found: \"env:NAME\" or \"file:PATH\"".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        match String::from_value(value)?.as_str() {
            "none" => Ok(Self(None)),
            text => match Secret::from_text(text) {
                Some(secret) => Ok(Self(Some(secret))),
                None => Err(Rejection::new("which doesn't say where they are")),
            },
        }
    }

    fn to_value(&self) -> Value {
        Value::Text(self.0.as_ref().map_or_else(|| "none".to_owned(), Secret::to_text))
    }
}

impl Setting for ServerUrl {
    fn wanted() -> String {
        "mongodb://HOST:PORT/?OPTIONS".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        let url = String::from_value(value)?;
        let rest = ["mongodb://", "mongodb+srv://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let Some(rest) = rest else { return Err(Rejection::new("which is no URL of a MongoDB server")) };
        if rest.split(['/', '?']).next().is_some_and(|authority| authority.contains('@')) {
            return Err(Rejection::with_remedy(
                "which names a user",
                "put USER:PASSWORD into a file or an environment variable, and name that in mongodb.credentials",
            ));
        }
        Ok(Self(url))
    }

    fn to_value(&self) -> Value {
        Value::Text(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_told, with};
    use super::super::{Layer, load};
    use super::*;

    #[test]
    fn settings_of_the_library_pass_through_by_their_names() {
        let text =
            "[kafka.properties]\nsecurity.protocol = 'SASL_SSL'\n\"api.version.request\" = true\nlinger.ms = 5\n";
        let loaded = with(text).unwrap();
        let plain = |text: &str| Property::Plain(text.to_owned());
        let expected = [("security.protocol", "SASL_SSL"), ("api.version.request", "true"), ("linger.ms", "5")];
        let expected = expected.map(|(name, value)| (name.to_owned(), plain(value)));
        assert_eq!(loaded.config.kafka.properties, expected.into());
        assert_eq!(with(&loaded.dump()).unwrap().config, loaded.config);
    }

    #[test]
    fn a_secret_is_named_and_never_shown() {
        for text in [
            "[kafka.properties]\nsasl.password = 'hunter2'",
            "[kafka.properties]\nsasl.password = ['hunter2']",
            "[mongodb]\ncredentials = 'ann:hunter2'",
            "[mongodb]\nurl = 'mongodb://ann:hunter2@host/'",
        ] {
            let told = with(text).unwrap_err().to_string();
            assert!(told.contains("my.toml:2:") && !told.contains("hunter2"), "{told}");
        }
        assert_told("[kafka.properties]\nsasl.password = 'hunter2'", &[(2, "write where it is: \"env:NAME\"")]);
        let text = "[kafka.properties]\nsasl.password = 'env:PATH'\n[mongodb]\ncredentials = 'file:secret'\n";
        let loaded = with(text).unwrap();
        assert!(loaded.dump().contains("credentials = \"file:secret\""), "{}", loaded.dump());
        assert_eq!(loaded.config.mongodb.credentials, Some(Secret::File("secret".to_owned())));
        let password = &loaded.config.kafka.properties["sasl.password"];
        assert_eq!(password.look_up("x").unwrap(), env::var("PATH").unwrap());
    }

    /// A job that somebody had submitted named a library here, and the worker's process loaded it.
    #[test]
    fn settings_that_would_load_or_run_foreign_code_are_told_with_their_places_and_all_others() {
        let text = "[kafka.properties]\n'ssl.providers' = 'x'\nplugin.library.paths = '/x.so'\nsasl.password = 'p'\n\
                    [mongodb]\nurl = 'x'\n";
        let code = "would make the process load or run foreign code, and may not be set; leave it out";
        assert_told(text, &[(2, code), (3, code), (4, "is a secret"), (6, "")]);
        let escaped = Layer::flag(r#"kafka.properties={"plugin\u002elibrary.paths"="\u002fx.so"}"#);
        let told = load(&[escaped]).unwrap_err().to_string();
        assert!(told.contains("`kafka.properties.plugin.library.paths` would make"), "{told}");
    }

    #[test]
    fn a_secret_that_is_not_there_is_told_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "ann:hunter2\n").unwrap();
        let secret = Secret::File(path.display().to_string());
        assert_eq!(secret.look_up("mongodb.credentials").unwrap(), "ann:hunter2");
        fs::remove_file(&path).unwrap();
        for secret in [secret, Secret::Environment("FLIGHTLINE_NO_SUCH_SECRET".to_owned())] {
            let told = secret.look_up("mongodb.credentials").unwrap_err().to_string();
            assert!(told.starts_with("mongodb.credentials: the "), "{told}");
        }
    }
}
