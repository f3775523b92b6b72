//! Which server is meant, and who connects: by flags, by the environment, or by the configuration of a job.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::config::{CollectionUrl, MongodbConfig, StreamConfig, TableUrl};
use crate::failure::{Failure, FailureKind};

/// Where the URL is taken from, if it is not given.
const URL: &str = "FLIGHTLINE_MONGODB_URL";
/// Where the user is taken from.
const USER: &str = "FLIGHTLINE_MONGODB_USER";
/// Where the password is taken from.
const PASSWORD: &str = "FLIGHTLINE_MONGODB_PASSWORD";

const COLLECTION: &str = "mongodb:collection/";

/// Which server.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "MongoDB")]
pub(super) struct ServerFlags {
    /// The servers, as mongodb://HOST:PORT,.../?OPTIONS without a password [env: FLIGHTLINE_MONGODB_URL]
    #[arg(long, value_name = "URL")]
    mongodb_url: Option<String>,

    /// Who connects, where the server asks for it [env: FLIGHTLINE_MONGODB_USER]
    #[arg(long, value_name = "NAME")]
    mongodb_user: Option<String>,

    /// File that holds the user's password; without it [env: FLIGHTLINE_MONGODB_PASSWORD]
    #[arg(long, value_name = "FILE")]
    mongodb_password_file: Option<PathBuf>,
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination(pub(super) String);

/// The seed's.
impl Default for Destination {
    fn default() -> Self {
        Self("agile_data_science.origin_dest_distances".to_owned())
    }
}

impl Destination {
    /// The table of a job, if it is such a collection.
    pub(super) fn of_table(config: &StreamConfig) -> Option<Self> {
        match &config.table.source {
            TableUrl::Collection(CollectionUrl::Mongodb(name)) => Some(Self(name.0.to_string())),
            TableUrl::Collection(CollectionUrl::Embedded(_)) | TableUrl::File(_) => None,
        }
    }
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let name = url.strip_prefix(COLLECTION).ok_or("write mongodb:collection/DATABASE.COLLECTION")?;
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COLLECTION}{}", self.0)
    }
}

/// What is said of the server by flags or, where they say nothing, by the environment, and at last by a configuration.
#[cfg_attr(not(feature = "mongodb"), allow(dead_code, reason = "only a build with the connector asks a server"))]
pub(super) struct Said {
    pub(super) url: String,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

impl ServerFlags {
    /// What they, this process's environment and a configuration say.
    pub(super) fn server(&self, config: Option<&MongodbConfig>) -> Result<Said, Failure> {
        self.said(|name| std::env::var(name).ok(), config)
    }

    fn said(
        &self,
        environment: impl Fn(&str) -> Option<String>,
        config: Option<&MongodbConfig>,
    ) -> Result<Said, Failure> {
        let from = |flag: &Option<String>, name| flag.clone().or_else(|| environment(name));
        let usage = |sentence: String| Failure::new(FailureKind::Usage, sentence);
        let Some(url) = from(&self.mongodb_url, URL) else {
            let config = config.ok_or_else(|| {
                usage(format!(
                    "no server is named: give --mongodb-url mongodb://HOST:PORT, set {URL}, or give the --config of a job"
                ))
            })?;
            // Its user is for its server, and for no other.
            let (user, password) = config.login()?.unzip();
            return Ok(Said { url: config.url.0.clone(), user, password });
        };
        let password = match &self.mongodb_password_file {
            None => environment(PASSWORD),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    usage(format!("the password can't be read from {}: {error}; check the path", path.display()))
                })?;
                // Editors end a file with a line feed.
                Some(text.trim_end_matches(['\n', '\r']).to_owned())
            }
        };
        Ok(Said { url, user: from(&self.mongodb_user, USER), password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layer;

    const NOTHING: ServerFlags = ServerFlags { mongodb_url: None, mongodb_user: None, mongodb_password_file: None };

    #[test]
    fn flags_come_before_the_environment() {
        let environment = |name: &str| Some(format!("of the environment: {name}"));
        let said = NOTHING.said(environment, None).unwrap();
        assert_eq!(said.url, "of the environment: FLIGHTLINE_MONGODB_URL");
        assert_eq!(said.password.as_deref(), Some("of the environment: FLIGHTLINE_MONGODB_PASSWORD"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "se cret\n").unwrap();
        let flags = ServerFlags {
            mongodb_url: Some("mongodb://a".to_owned()),
            mongodb_user: Some("me".to_owned()),
            mongodb_password_file: Some(path),
        };
        let said = flags.said(environment, Some(&a_job().mongodb)).unwrap();
        let expected = ("mongodb://a", Some("me"), Some("se cret"));
        assert_eq!((said.url.as_str(), said.user.as_deref(), said.password.as_deref()), expected);
    }

    fn a_job() -> StreamConfig {
        crate::config::load(&[Layer::text("job.toml", "mongodb.url = 'mongodb://job'")]).unwrap().config
    }

    #[test]
    fn a_configuration_that_is_given_names_the_server_if_nothing_else_does() {
        let said = NOTHING.said(|_| None, Some(&a_job().mongodb)).unwrap();
        assert_eq!((said.url.as_str(), said.user, said.password), ("mongodb://job", None, None));
        assert_eq!(Destination::of_table(&a_job()), None, "its table is a file");
    }

    #[test]
    fn what_is_missing_is_told() {
        let error = NOTHING.said(|_| None, None).err().unwrap();
        assert_eq!(error.kind, FailureKind::Usage);
        assert!(error.message.contains("--mongodb-url") && error.message.contains(URL), "{error}");
        let flags = ServerFlags {
            mongodb_url: Some("mongodb://a".to_owned()),
            mongodb_password_file: Some("no/such/file".into()),
            ..NOTHING
        };
        assert!(flags.said(|_| None, None).err().unwrap().message.contains("no/such/file"));
    }

    #[test]
    fn only_a_collection_of_mongodb_is_a_destination() {
        let to: Destination = "mongodb:collection/a.b".parse().unwrap();
        assert_eq!(to.to_string(), "mongodb:collection/a.b");
        for url in ["a.b", "embedded:collection/x", "mongodb://host/a.b"] {
            assert!(
                url.parse::<Destination>().unwrap_err().contains("mongodb:collection/DATABASE.COLLECTION"),
                "{url}"
            );
        }
    }
}
