//! Stores of files: from `[hdfs]` and `[s3]` to connectors.

use flightline_connectors::files::{HdfsOptions, S3Access, S3Options, StoreOptions, Stores};

use crate::config::{HdfsConfig, S3Config, StoreFlags, StreamConfig};
use crate::failure::Failure;

/// The stores of a configuration, for all who read and write files in a process: each store has one client then. None is
/// asked yet.
///
/// # Errors
/// A secret isn't where it should be, or the system gives no threads.
pub fn stores(config: &StreamConfig) -> Result<Stores, Failure> {
    let options = StoreOptions { hdfs: hdfs(&config.hdfs)?, s3: s3(&config.s3)?, ..StoreOptions::default() };
    Ok(Stores::with_options(options)?)
}

/// The stores of a batch command.
///
/// # Errors
/// As [`stores`], and all mistakes in the configuration.
pub fn stores_of(flags: &StoreFlags) -> Result<Stores, Failure> {
    stores(&flags.load()?)
}

fn hdfs(config: &HdfsConfig) -> Result<HdfsOptions, Failure> {
    let HdfsConfig { conf_dir, user, replication, kerberos_principal, kerberos_keytab, settings } = config.clone();
    let look_up = |(name, property): (String, crate::config::Property)| {
        let value = property.look_up(&format!("hdfs.settings.{name}"))?;
        Ok((name, value))
    };
    let settings = settings.into_iter().map(look_up).collect::<Result<_, Failure>>()?;
    Ok(HdfsOptions { conf_dir, settings, user, replication, kerberos_principal, kerberos_keytab })
}

fn s3(config: &S3Config) -> Result<S3Options, Failure> {
    let S3Config { endpoint, region, credentials } = config.clone();
    let account = credentials.map(|secret| secret.look_up_pair("s3.credentials", "KEY_ID:SECRET_KEY")).transpose()?;
    let access = account.map(|(key_id, secret)| S3Access { key_id, secret });
    Ok(S3Options { endpoint, region, access })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    fn configured(set: &[&str]) -> Result<Stores, Failure> {
        let set = set.iter().map(|setting| (*setting).to_owned()).collect();
        stores_of(&StoreFlags { config: Vec::new(), set })
    }

    #[test]
    fn an_account_is_looked_up_and_told_by_its_key_when_it_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("account");
        let setting = format!("s3.credentials=file:{}", path.display());
        std::fs::write(&path, "AKIA:hunter2\n").unwrap();
        configured(&[&setting, "hdfs.user=flights", "hdfs.replication=1"]).unwrap();
        std::fs::write(&path, "hunter2\n").unwrap();
        let failure = configured(&[&setting]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Usage);
        assert!(
            failure.message.contains("s3.credentials") && failure.message.contains("KEY_ID:SECRET_KEY"),
            "{failure}"
        );
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
}
