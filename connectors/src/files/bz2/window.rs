//! A window on the compressed bytes of a file.

use std::io::{self, BufRead, Seek, SeekFrom};

/// Some bytes of a file from a place on, that moves on as they are used.
pub(super) struct Window<R> {
    reader: R,
    /// What was read and not let go.
    bytes: Vec<u8>,
    /// Place of the first of them in the file.
    start: u64,
}

impl<R: BufRead + Seek> Window<R> {
    /// A window that begins at byte `start`.
    pub(super) fn at(mut reader: R, start: u64) -> io::Result<Self> {
        reader.seek(SeekFrom::Start(start))?;
        Ok(Self { reader, bytes: Vec::new(), start })
    }

    /// The bytes from `from` on, which is not before what was asked for last: `wanted` or more of them, fewer only at the
    /// end of the file.
    pub(super) fn bytes(&mut self, from: u64, wanted: usize) -> io::Result<&[u8]> {
        let mut skip = (from - self.start) as usize;
        if self.bytes.len() < skip + wanted {
            let gone = skip.min(self.bytes.len());
            self.bytes.drain(..gone);
            self.start += gone as u64;
            skip -= gone;
            while self.bytes.len() < skip + wanted {
                let chunk = self.reader.fill_buf()?;
                let length = chunk.len();
                if length == 0 {
                    break;
                }
                self.bytes.extend_from_slice(chunk);
                self.reader.consume(length);
            }
        }
        Ok(self.bytes.get(skip..).unwrap_or_default())
    }
}
