//! Decompressing bzip2 block by block, from any place of a file on.
//!
//! A bzip2 file is one or more streams; a stream is blocks of up to 900,000 bytes that know nothing of each other, laid
//! end to end without regard for bytes. Each begins with a magic number of 48 bits, so that a reader of a part of a file
//! finds the first that begins there, and goes on from block to block. So every byte is decompressed by one reader,
//! and readers need not know of each other.
//!
//! Invariants: what comes out is right, or there is an error. Each text is held against its block's CRC; a block or the
//! stream's end begins at the very bit where the last block ended; each stream's CRC is held against those of its
//! blocks, also by a reader that began within the stream. What looks like the beginning of a block and is none costs
//! time, nothing else: in doubt the file is read from its start. Memory of a reader is about 12 MB, whatever the file's size,
//! and the text of a block (1 MB; 46 MB if it is the same byte throughout).
//!
//! What this does not do: blocks that are *randomised*, which programs before bzip2 0.9.5 (1999) made, and blocks of more
//! than 3 MB compressed, which no program makes. A stream in whose midst a reader begins counts as one of the largest blocks.

mod bits;
mod blocks;
mod crc;
mod entropy;
mod huffman;
mod magic;
#[cfg(test)]
mod tests;
mod text;
mod transform;
mod walks;
mod window;

use std::io;

use bits::Bits;

pub(super) use blocks::{Blocks, Text};
pub(super) use text::WholeText;

/// Symbols that share a code.
const GROUP: usize = 50;

/// Why data can't be decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Damage {
    /// The data end too early.
    #[error("the data end within a block")]
    Cut,
    /// They are of no bzip2 file.
    #[error("there is no bzip2 header")]
    NoHeader,
    /// They are not what they were.
    #[error("the data contradict themselves")]
    Data,
    /// A form of old that is not supported.
    #[error("a block is randomised, as bzip2 did before 1999; pack the file again")]
    Randomised,
}

impl Damage {
    /// The data's end explains whatever was read beyond it.
    fn or_cut(self, bits: &Bits<'_>) -> Self {
        if bits.has_overrun() { Self::Cut } else { self }
    }
}

impl From<Damage> for io::Error {
    fn from(damage: Damage) -> Self {
        let kind = if damage == Damage::Cut { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
        Self::new(kind, damage)
    }
}
