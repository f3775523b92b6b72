//! What a user may set for stores that are not this computer. Nothing is checked here: the clients do, when they are made.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How stores are reached.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The longest wait for a store's answer. Whoever writes or reads much is given a second more for each MiB.
    pub call_timeout: Duration,
    /// For `hdfs:` and `viewfs:`.
    pub hdfs: HdfsOptions,
    /// For `s3:` and `s3a:`.
    pub s3: S3Options,
}

/// How HDFS is used. What is not set here comes from `core-site.xml` and `hdfs-site.xml`.
#[derive(Clone, Debug, Default)]
pub struct HdfsOptions {
    /// The folder of the Hadoop configuration; else that of `HADOOP_CONF_DIR`, else `etc/hadoop` of `HADOOP_HOME`.
    pub conf_dir: Option<PathBuf>,
    /// Keys of the Hadoop configuration that come before what the files say. The client knows only some, and is silent
    /// about others.
    pub settings: BTreeMap<String, String>,
    /// The account, where HDFS takes a client's word for it; else that of `HADOOP_USER_NAME`, else the process's. A user
    /// in the URL (`hdfs://USER@HOST`) comes before all of them.
    pub user: Option<String>,
    /// On how many DataNodes a file stands; else what the NameNode says.
    pub replication: Option<u32>,
    /// The Kerberos principal; else that of the ticket cache.
    pub kerberos_principal: Option<String>,
    /// The keytab of the principal; else there must be a ticket that somebody else renews.
    pub kerberos_keytab: Option<PathBuf>,
}

/// How a server of the S3 protocol is reached. What is not set here comes from the `AWS_…` variables.
#[derive(Clone, Debug, Default)]
pub struct S3Options {
    /// Its URL, where that is not Amazon's. `http:` sends data and signatures in the clear.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// The account.
    pub access: Option<S3Access>,
}

/// An account of an S3 server.
#[derive(Clone)]
pub struct S3Access {
    /// Its public part.
    pub key_id: String,
    /// Its secret part: never shown.
    pub secret: String,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { call_timeout: Duration::from_secs(30), hdfs: HdfsOptions::default(), s3: S3Options::default() }
    }
}

impl StoreOptions {
    /// The longest wait for a call that moves this many bytes.
    pub(crate) fn allowance(&self, bytes: u64) -> Duration {
        self.call_timeout.saturating_add(Duration::from_secs(bytes >> 20))
    }
}

impl fmt::Debug for S3Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("S3Access").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let access = S3Access { key_id: "public".to_owned(), secret: "hidden".to_owned() };
        let options =
            StoreOptions { s3: S3Options { access: Some(access), ..S3Options::default() }, ..Default::default() };
        let shown = format!("{options:?}");
        assert!(shown.contains("public") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn who_moves_much_may_take_longer() {
        let options = StoreOptions::default();
        assert_eq!(options.allowance(0), Duration::from_secs(30));
        assert_eq!(options.allowance(64 << 20), Duration::from_secs(94));
    }
}
