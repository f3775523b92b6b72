//! How long a file is and what it hashes to, so that a change of any byte shows.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::id::hex;

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

    /// Says what is wrong with bytes that are not what was sealed.
    pub(super) fn check(&self, content: &[u8]) -> Result<(), String> {
        self.check_length(content.len() as u64)?;
        let found = Self::of(content);
        if found == *self {
            return Ok(());
        }
        Err(format!("it was changed after it was saved: its SHA-256 is {} instead of {}", found.sha256, self.sha256))
    }

    /// Says what is wrong with a length that is another one.
    pub(super) fn check_length(&self, bytes: u64) -> Result<(), String> {
        if bytes == self.bytes {
            return Ok(());
        }
        let how = if bytes < self.bytes { "cut short" } else { "too long" };
        Err(format!("it is {how}: {bytes} bytes instead of {}", self.bytes))
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
