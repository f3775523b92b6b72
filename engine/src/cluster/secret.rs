//! The secret that the processes of a mesh share, and the file that it stands in.
//!
//! It never leaves a process: what is sent are tags that are made with it. Nothing prints it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use hmac::{Hmac, KeyInit};
use sha2::digest::common::Key;
use sha2::{Digest, Sha256};

use super::error::FlagMistake;

/// Fewer bytes than this can be guessed.
pub(super) const FEWEST_BYTES: usize = 16;

/// More bytes than this are another file.
pub(super) const MOST_BYTES: usize = 4_096;

/// As much of a file is read: space around a secret doesn't count.
const MOST_READ: u64 = 1 << 16;

/// What processes without a secret use. It is no secret, so that there is one protocol and not two.
const WELL_KNOWN: &[u8] = b"flightline: whoever can reach this port may join";

/// What all processes of a mesh know, and nobody else. The same bytes are the same secret.
#[derive(Clone)]
pub struct MeshSecret(Hmac<Sha256>);

impl MeshSecret {
    /// Reads a secret from a file that nobody else may read. White space at both ends doesn't count.
    ///
    /// # Errors
    /// The file can't be read, others can read it, or it is too short or too long for a secret.
    pub fn read(file: &Path) -> Result<Self, FlagMistake> {
        let unreadable = |reason: io::Error| FlagMistake::SecretUnreadable { file: file.to_owned(), reason };
        // To open a pipe would wait for whoever writes to it, perhaps for ever.
        if !fs::metadata(file).map_err(unreadable)?.is_file() {
            return Err(FlagMistake::SecretNoFile { file: file.to_owned() });
        }
        let opened = File::open(file).map_err(unreadable)?;
        check_mode(&opened, file)?;
        let mut bytes = Vec::new();
        opened.take(MOST_READ).read_to_end(&mut bytes).map_err(unreadable)?;
        let secret = bytes.trim_ascii();
        if !(FEWEST_BYTES..=MOST_BYTES).contains(&secret.len()) {
            return Err(FlagMistake::SecretLength { file: file.to_owned(), found: secret.len() });
        }
        Ok(Self::from_bytes(secret))
    }

    /// A secret that was derived or drawn: all of the bytes, white space too. They should be 32 random ones, or as good.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // As HMAC has it (RFC 2104): padded to a block, and what is longer is hashed first.
        let mut block = Key::<Hmac<Sha256>>::default();
        let hashed = Sha256::digest(bytes);
        let short = if bytes.len() <= block.len() { bytes } else { hashed.as_slice() };
        block[..short.len()].copy_from_slice(short);
        Self(Hmac::new(&block))
    }

    /// That of processes which need none.
    pub(super) fn well_known() -> Self {
        Self::from_bytes(WELL_KNOWN)
    }

    /// A tag in the making.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        self.0.clone()
    }
}

impl fmt::Debug for MeshSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeshSecret(..)")
    }
}

/// Asks the open file, so that it is the one that is read.
#[cfg(unix)]
fn check_mode(opened: &File, file: &Path) -> Result<(), FlagMistake> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = opened.metadata();
    let metadata = metadata.map_err(|reason| FlagMistake::SecretUnreadable { file: file.to_owned(), reason })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(FlagMistake::SecretMode { file: file.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_opened: &File, _file: &Path) -> Result<(), FlagMistake> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use hmac::Mac;

    use super::*;

    fn tag(secret: &MeshSecret) -> Vec<u8> {
        secret.mac().chain_update(b"what do ya want for nothing?").finalize().into_bytes().to_vec()
    }

    fn read(bytes: &[u8], mode: u32) -> Result<Vec<u8>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        MeshSecret::read(file.path()).map(|secret| tag(&secret)).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn it_is_the_key_of_an_hmac_as_it_stands_in_the_standard() {
        // RFC 4231, test case 2.
        let hex: String = tag(&MeshSecret::from_bytes(b"Jefe")).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        for length in [0, 1, 63, 64, 65, 4_096] {
            let key = vec![7; length];
            let library = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            let library = library.chain_update(b"what do ya want for nothing?").finalize().into_bytes();
            assert_eq!(tag(&MeshSecret::from_bytes(&key)), library.to_vec(), "{length} bytes");
        }
    }

    #[test]
    fn space_around_it_does_not_count() {
        let expected = tag(&MeshSecret::from_bytes(b"sixteen bytes ok"));
        for bytes in [&b"sixteen bytes ok"[..], b"sixteen bytes ok\n", b"\r\n  sixteen bytes ok\t\n\n"] {
            assert_eq!(read(bytes, 0o600), Ok(expected.clone()));
        }
        assert_eq!(read(b"sixteen bytes ok", 0o400), Ok(expected));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        for mode in [0o644, 0o640, 0o604, 0o660, 0o610, 0o601, 0o777] {
            let mistake = read(&[b'x'; 32], mode).unwrap_err();
            assert!(mistake.contains("chmod 600") && mistake.contains(&format!("mode {mode:o}")), "{mistake}");
        }
    }

    #[test]
    fn a_file_that_is_too_short_or_too_long_or_not_there_is_refused() {
        assert!(read(&[b'x'; 16], 0o600).is_ok() && read(&[b'x'; 4_096], 0o600).is_ok());
        assert!(read(b"", 0o600).unwrap_err().contains("holds 0 bytes"));
        assert!(read(b"  fifteen bytes o \n", 0o600).unwrap_err().contains("holds 15 bytes"));
        assert!(read(&[b'x'; 4_097], 0o600).unwrap_err().contains("holds 4097 bytes"));
        assert!(read(&vec![b'x'; 100_000], 0o600).unwrap_err().contains("16 to 4096"));
        let missing = MeshSecret::read(Path::new("/no/such/file")).unwrap_err().to_string();
        assert!(missing.contains("/no/such/file can't be read"), "{missing}");
    }

    /// A pipe hung the start of a process until somebody wrote to it.
    #[test]
    fn what_is_no_file_is_no_secret_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap().success());
        for file in [pipe.as_path(), folder.path()] {
            assert!(matches!(MeshSecret::read(file), Err(FlagMistake::SecretNoFile { .. })), "{}", file.display());
        }
    }

    #[test]
    fn it_is_not_printed() {
        assert_eq!(format!("{:?}", MeshSecret::from_bytes(b"sixteen bytes ok")), "MeshSecret(..)");
    }
}
