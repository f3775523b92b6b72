//! How long a file is and what it hashes to, so that a change of any byte shows.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::ModelError;
use super::id::hex;

/// Bytes that are read and hashed at once.
const BLOCK: usize = 256 << 10;

/// What a file must be, to be what was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl Seal {
    /// The seal of a file with this content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self { bytes: content.len() as u64, sha256: hex(&Sha256::digest(content)) }
    }

    /// Opens a file after all of it was compared with the seal.
    ///
    /// # Errors
    /// The file is missing, can't be read, or is not what was sealed.
    pub(super) fn open(&self, path: &Path) -> Result<File, ModelError> {
        let failed = |error| ModelError::read(path, error);
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        if bytes != self.bytes {
            let how = if bytes < self.bytes { "cut short" } else { "too long" };
            return Err(ModelError::damaged(path, format!("it is {how}: {bytes} bytes instead of {}", self.bytes)));
        }
        let mut sealing = Sealing::new(io::sink());
        io::copy(&mut BufReader::with_capacity(BLOCK, file), &mut sealing).map_err(failed)?;
        let (_, found) = sealing.finish();
        if found != *self {
            return Err(ModelError::damaged(
                path,
                format!(
                    "it was changed after it was saved: its SHA-256 is {} instead of {}",
                    found.sha256, self.sha256
                ),
            ));
        }
        File::open(path).map_err(failed)
    }

    /// Reads a text after it was compared with the seal.
    ///
    /// # Errors
    /// As [`Seal::open`].
    pub(super) fn read_text(&self, path: &Path) -> Result<String, ModelError> {
        let mut text = String::new();
        match self.open(path)?.read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(ModelError::damaged(path, "it is no text")),
            Err(error) => Err(ModelError::read(path, error)),
        }
    }
}

/// Seals what passes through.
#[derive(Debug)]
pub(super) struct Sealing<W> {
    output: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Sealing<W> {
    /// Seals what is written to `output` from now on.
    pub(super) fn new(output: W) -> Self {
        Self { output, hash: Sha256::new(), bytes: 0 }
    }

    /// The output, and the seal of what went through.
    pub(super) fn finish(self) -> (W, Seal) {
        (self.output, Seal { bytes: self.bytes, sha256: hex(&self.hash.finalize()) })
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
