//! `[hdfs]` and `[s3]`: how the stores behind URLs of files are reached; and the flags by which a batch command is told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use flightline_engine::config::{Rejection, Reported, Section, Setting, Value};

use super::servers::{Credentials, Property, Secret};
use super::{ConfigFlags, StreamConfig};
use crate::failure::Failure;

/// What stands for a text that is left out.
const NONE: &str = "none";
/// What HDFS allows at most unless it is told otherwise (`dfs.replication.max`).
const MOST_REPLICAS: u32 = 512;

/// `[hdfs]`. What is left out comes from the Hadoop configuration and the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HdfsConfig {
    /// The folder of `core-site.xml` and `hdfs-site.xml`.
    pub conf_dir: Option<PathBuf>,
    /// The account, where HDFS takes a client's word for it.
    pub user: Option<String>,
    /// On how many DataNodes a file stands.
    pub replication: Option<u32>,
    /// The Kerberos principal.
    pub kerberos_principal: Option<String>,
    /// Its keytab.
    pub kerberos_keytab: Option<PathBuf>,
    /// Keys of the Hadoop configuration that come before what the files say.
    pub settings: BTreeMap<String, Property>,
}

/// `[s3]`. What is left out comes from the `AWS_…` variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Config {
    /// The server's URL, where that is not Amazon's.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// Where the account is to be found, as `KEY_ID:SECRET_KEY`.
    pub credentials: Option<Secret>,
}

/// Where a batch command is told how stores are reached; to be flattened into its flags.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Stores")]
pub struct StoreFlags {
    /// TOML file whose sections hdfs and s3 say how files in stores are reached, as the streaming commands take it. May be
    /// repeated: each goes over the ones before
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Vec<PathBuf>,

    /// Set one key, over the file; may be repeated: --set hdfs.user=flights --set s3.region=eu-west-1
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    pub set: Vec<String>,
}

impl StoreFlags {
    /// Whether any is given.
    #[must_use]
    pub fn are_given(&self) -> bool {
        !(self.config.is_empty() && self.set.is_empty())
    }

    /// The whole configuration.
    ///
    /// # Errors
    /// All mistakes in one message.
    pub fn load(&self) -> Result<StreamConfig, Failure> {
        let Self { config, set } = self.clone();
        Ok(ConfigFlags { config, set, dump_config: false }.load()?.config)
    }
}

pub(super) fn hdfs(hdfs: &mut Section<'_, '_>) -> Result<HdfsConfig, Reported> {
    let (conf_dir, user) = (hdfs.read::<LeftOut>("conf_dir"), hdfs.read::<LeftOut>("user"));
    let replication = hdfs.read_within("replication", 0..=MOST_REPLICAS);
    let principal = hdfs.read::<LeftOut>("kerberos_principal");
    let keytab = hdfs.read::<LeftOut>("kerberos_keytab");
    let settings = hdfs.values("settings");
    Ok(HdfsConfig {
        conf_dir: conf_dir?.0.map(PathBuf::from),
        user: user?.0,
        replication: Some(replication?).filter(|replicas| *replicas > 0),
        kerberos_principal: principal?.0,
        kerberos_keytab: keytab?.0.map(PathBuf::from),
        settings: settings?,
    })
}

pub(super) fn s3(s3: &mut Section<'_, '_>) -> Result<S3Config, Reported> {
    let (endpoint, region) = (s3.read::<WebServer>("endpoint"), s3.read::<LeftOut>("region"));
    let Credentials(credentials) = s3.read("credentials")?;
    Ok(S3Config { endpoint: endpoint?.0, region: region?.0, credentials })
}

/// A text that may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LeftOut(Option<String>);

impl Setting for LeftOut {
    fn wanted() -> String {
        format!("a text in quotes, or \"{NONE}\"")
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        String::from_value(value).map(|text| Self(Some(text).filter(|text| text != NONE)))
    }

    fn to_value(&self) -> Value {
        Value::Text(self.0.clone().unwrap_or_else(|| NONE.to_owned()))
    }
}

/// The URL of a server of the web, which holds no password, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WebServer(Option<String>);

impl Setting for WebServer {
    fn wanted() -> String {
        format!("http://HOST:PORT, https://HOST:PORT or \"{NONE}\"")
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        let LeftOut(url) = LeftOut::from_value(value)?;
        let Some(url) = url else { return Ok(Self(None)) };
        let rest = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        match rest {
            None | Some("") => Err(Rejection::new("which is no URL of a server")),
            Some(rest) if rest.contains('@') => {
                let remedy =
                    "put KEY_ID:SECRET_KEY into a file or an environment variable, and name that in s3.credentials";
                Err(Rejection::with_remedy("which names a user", remedy))
            }
            Some(_) => Ok(Self(Some(url))),
        }
    }

    fn to_value(&self) -> Value {
        LeftOut(self.0.clone()).to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_told, with};
    use super::*;

    #[test]
    fn nothing_is_set_by_default() {
        let config = with("").unwrap().config;
        assert_eq!((config.hdfs.user, config.hdfs.replication, config.hdfs.conf_dir), (None, None, None));
        assert!(config.hdfs.settings.is_empty());
        assert_eq!(config.s3, S3Config { endpoint: None, region: None, credentials: None });
    }

    #[test]
    fn what_is_set_comes_through_and_is_dumped_without_a_secret() {
        let text = "\
[hdfs]
user = 'flights'
replication = 2
conf_dir = '/etc/hadoop'
kerberos_keytab = 'flights.keytab'
settings.dfs.ha.namenodes.pair = 'one,two'
settings.'dfs.client.use.datanode.hostname' = true
[s3]
endpoint = 'http://127.0.0.1:9000'
region = 'eu-west-1'
credentials = 'env:ACCOUNT'
";
        let loaded = with(text).unwrap();
        let StreamConfig { hdfs, s3, .. } = &loaded.config;
        assert_eq!((hdfs.user.as_deref(), hdfs.replication), (Some("flights"), Some(2)));
        assert_eq!(hdfs.conf_dir.as_deref(), Some("/etc/hadoop".as_ref()));
        assert_eq!(hdfs.kerberos_keytab.as_deref(), Some("flights.keytab".as_ref()));
        let setting = |name: &str| hdfs.settings[name].look_up("x").unwrap();
        assert_eq!(setting("dfs.ha.namenodes.pair"), "one,two");
        assert_eq!(setting("dfs.client.use.datanode.hostname"), "true");
        assert_eq!(s3.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(s3.credentials, Some(Secret::Environment("ACCOUNT".to_owned())));
        assert_eq!(with(&loaded.dump()).unwrap().config, loaded.config);
    }

    #[test]
    fn what_makes_no_sense_is_told_and_no_secret_is_shown() {
        for (text, told) in [
            ("[hdfs]\nreplication = 513", "too large"),
            ("[hdfs]\nuser = ''", "which is empty; write a text in quotes, or \"none\""),
            ("[s3]\nendpoint = 'minio:9000'", "write http://HOST:PORT, https://HOST:PORT or \"none\""),
            ("[s3]\nregoin = 'x'", "did you mean `s3.region`?"),
        ] {
            assert_told(text, &[(2, told)]);
        }
        for text in ["[s3]\ncredentials = 'AKIA:hunter2'", "[s3]\nendpoint = 'http://AKIA:hunter2@host:9000'"] {
            let told = with(text).unwrap_err().to_string();
            assert!(told.contains("my.toml:2:") && !told.contains("hunter2"), "{told}");
        }
    }
}
