//! The two secrets of a cluster, and what is derived from them.
//!
//! | secret | known to | lets one |
//! |---|---|---|
//! | [`ClusterSecret`] | the master and the agents | be an agent, and join the mesh of any job |
//! | [`Token`] | the master and the people who use it | see everything, submit and stop |
//!
//! Each is made at the first start in a file that only its owner may read, and shows itself to nobody. A job's own secret is
//! `HMAC(cluster secret, job, generation)`, derived wherever it is needed and never sent.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

use crate::entropy::{Entropy, hex, random};
use crate::ids::{Generation, JobId};
use crate::private;

/// The shortest text that is taken for a secret: 16 random bytes as base64 have more.
const SHORTEST: usize = 16;
/// The longest.
const LONGEST: u64 = 4096;

/// What the master and its agents share.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterSecret(Box<[u8]>);

/// What a person shows to be let in.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

/// Why a secret can't be had from its file.
#[derive(Debug, Error)]
pub enum SecretError {
    /// It isn't there.
    #[error(
        "there is no secret in {file}; give the one that the master made at its first start (copy its file, mode 600)"
    )]
    Missing {
        /// Where it should be.
        file: PathBuf,
    },
    /// Others may read it.
    #[error(
        "{file} can be read by others (mode {mode:o}), so its secret is none: chmod 600 {file}, and make a new one if others use this machine"
    )]
    Open {
        /// Which file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is a folder, a pipe or the like.
    #[error("{file} is no file, so there is no secret in it: give a file of mode 600 that holds one")]
    NoFile {
        /// What was named.
        file: PathBuf,
    },
    /// It is empty, too short or too long, or no text.
    #[error(
        "{file} holds no secret: {why}; remove it and a new one is made, or write `head -c 32 /dev/urandom | base64` into it"
    )]
    Unfit {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// It can't be read or written.
    #[error("the secret in {file} can't be {what}: {source}")]
    Io {
        /// Which file.
        file: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// There is no randomness.
    #[error("no secret can be made: {0}")]
    NoEntropy(String),
}

impl ClusterSecret {
    /// Reads the secret of a file.
    ///
    /// # Errors
    /// It isn't there, others may read it, or it holds none.
    pub fn read(file: &Path) -> Result<Self, SecretError> {
        Ok(Self(read(file)?.into_bytes().into()))
    }

    /// Reads the secret of a file, or makes one there. Says whether it was made.
    ///
    /// # Errors
    /// It can't be read or made.
    pub fn read_or_make(file: &Path, entropy: &dyn Entropy) -> Result<(Self, bool), SecretError> {
        let (text, made) = read_or_make(file, entropy)?;
        Ok((Self(text.into_bytes().into()), made))
    }

    /// What the mesh of one life of a job is secured with: 64 hexadecimal digits.
    #[must_use]
    pub fn of_job(&self, job: JobId, generation: Generation) -> String {
        hex(&derive(&self.0, "flightline job 1", &[&job.0.to_be_bytes(), &generation.0.to_be_bytes()]))
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Token {
    /// Takes a text for a token, as from an environment variable.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().into())
    }

    /// Reads the token of a file.
    ///
    /// # Errors
    /// As [`ClusterSecret::read`].
    pub fn read(file: &Path) -> Result<Self, SecretError> {
        Ok(Self(read(file)?.into()))
    }

    /// Reads the token of a file, or makes one there. Says whether it was made.
    ///
    /// # Errors
    /// It can't be read or made.
    pub fn read_or_make(file: &Path, entropy: &dyn Entropy) -> Result<(Self, bool), SecretError> {
        let (text, made) = read_or_make(file, entropy)?;
        Ok((Self(text.into()), made))
    }

    /// The token itself, to be shown once to whoever starts the master.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecret(hidden)")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// `HMAC-SHA-256(key, label, 0, parts)`, where each part has a fixed length or is the last.
pub(crate) fn derive(key: &[u8], label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(label.as_bytes());
    mac.update(&[0]);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// An HMAC with this key: keys of every length are keys.
pub(crate) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "RFC 2104 takes keys of every length, and so does this library")]
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}

fn read(file: &Path) -> Result<String, SecretError> {
    let failed = |what| move |source| SecretError::Io { file: file.to_owned(), what, source };
    let metadata = match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SecretError::Missing { file: file.to_owned() });
        }
        metadata => metadata.map_err(failed("read"))?,
    };
    // A pipe would be waited for, perhaps for ever.
    if !metadata.is_file() {
        return Err(SecretError::NoFile { file: file.to_owned() });
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Open { file: file.to_owned(), mode });
    }
    let unfit = |why| SecretError::Unfit { file: file.to_owned(), why };
    if metadata.len() > LONGEST {
        return Err(unfit("it is longer than 4,096 bytes"));
    }
    let text = fs::read_to_string(file).map_err(failed("read"))?;
    let text = text.trim();
    if text.len() < SHORTEST {
        return Err(unfit("it is shorter than 16 bytes"));
    }
    Ok(text.to_owned())
}

fn read_or_make(file: &Path, entropy: &dyn Entropy) -> Result<(String, bool), SecretError> {
    match read(file) {
        Err(SecretError::Missing { .. }) => {}
        found => return found.map(|text| (text, false)),
    }
    let failed = |source| SecretError::Io { file: file.to_owned(), what: "made", source };
    let text = hex(&random::<32>(entropy).map_err(SecretError::NoEntropy)?);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    private::make_folder(folder).map_err(failed)?;
    // Beside it and renamed, so that nobody ever reads half a secret; and without overwriting one that came meanwhile.
    let beside = file.with_extension(format!("new-{}", std::process::id()));
    let mut open = private::to_write().create(true).truncate(true).open(&beside).map_err(failed)?;
    open.write_all(format!("{text}\n").as_bytes()).and_then(|()| open.sync_all()).map_err(failed)?;
    let linked = fs::hard_link(&beside, file);
    fs::remove_file(&beside).map_err(failed)?;
    match linked {
        Ok(()) => Ok((text, true)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(file).map(|text| (text, false)),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/secret");
        assert!(matches!(ClusterSecret::read(&file), Err(SecretError::Missing { .. })));
        let (first, made) = ClusterSecret::read_or_make(&file, &SystemEntropy).unwrap();
        assert!(made);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(ClusterSecret::read_or_make(&file, &SystemEntropy).unwrap(), (first.clone(), false));
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = ClusterSecret::read_or_make(&file, &SystemEntropy).unwrap_err();
        assert!(error.to_string().contains("mode 640") && error.to_string().contains("chmod 600"), "{error}");
        assert_eq!(format!("{first:?}"), "ClusterSecret(hidden)");
    }

    #[test]
    fn what_is_no_secret_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        for (text, why) in [(String::new(), "shorter"), ("x".repeat(15), "shorter"), ("x".repeat(5000), "longer")] {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            let error = Token::read(&file).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        fs::write(&file, " a token of my own \n").unwrap();
        assert_eq!(Token::read(&file).unwrap().reveal(), "a token of my own");
    }

    /// A pipe hung the master and `submit` until somebody wrote to it.
    #[test]
    fn what_is_no_file_is_no_secret_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap().success());
        for file in [pipe.as_path(), folder.path()] {
            let error = Token::read(file).unwrap_err();
            assert!(matches!(error, SecretError::NoFile { .. }), "{error}");
        }
        assert!(matches!(ClusterSecret::read_or_make(&pipe, &SystemEntropy), Err(SecretError::NoFile { .. })));
    }

    #[test]
    fn each_life_of_each_job_has_a_secret_of_its_own() {
        let secret = ClusterSecret(b"0123456789abcdef".to_vec().into());
        let mut all: Vec<String> = (1..4)
            .flat_map(|job| (1..4).map(move |life| (job, life)))
            .map(|(job, life)| secret.of_job(JobId(job), Generation(life)))
            .collect();
        // By a second implementation: Python's hmac.new(key, b"flightline job 1\0" + two big-endian u64, sha256).
        assert_eq!(all[0], "3e735c2ff785ebe6234f0592b6c04d3f6d3a35a9d89f6828bb822301f164cd50");
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 9);
    }
}
