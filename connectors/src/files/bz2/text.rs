//! A bzip2 file as the text that was compressed, from its start on.

use std::io::{self, BufRead, Cursor, Read, Seek};

use super::Blocks;

/// Reads block after block.
pub(in super::super) struct WholeText<R> {
    blocks: Blocks<R>,
    present: Cursor<Vec<u8>>,
}

impl<R: BufRead + Seek + Clone> WholeText<R> {
    /// The text of a file.
    ///
    /// # Errors
    /// Those of the reader.
    pub(in super::super) fn of(reader: R) -> io::Result<Self> {
        Ok(Self { blocks: Blocks::of(reader)?, present: Cursor::default() })
    }
}

impl<R: BufRead + Seek + Clone> Read for WholeText<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.present.read(into)?;
            if length > 0 || into.is_empty() {
                return Ok(length);
            }
            let Some(text) = self.blocks.next(u64::MAX)? else { return Ok(0) };
            self.present = Cursor::new(text.bytes);
        }
    }
}
