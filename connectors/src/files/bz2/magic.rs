//! The magic numbers that stand before each block and at the end of a stream, at any bit.

use std::io::{self, BufRead, Seek};
use std::ops::Range;

use super::bits::Bits;
use super::window::Window;

/// Bits of a magic number.
pub(super) const MAGIC_BITS: u32 = 48;

/// What a magic number and the CRC after it take, from the byte of its first bit on.
const BYTES: usize = 11;

/// Bytes that are looked through at once.
const CHUNK: usize = 1 << 18;

/// What a magic number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Magic {
    /// A block follows.
    Block,
    /// The CRC of the stream follows, and its end.
    End,
}

impl Magic {
    /// What begins with these 48 bits.
    pub(super) fn of(bits: u64) -> Option<Self> {
        match bits {
            0x3141_5926_5359 => Some(Self::Block),
            0x1772_4538_5090 => Some(Self::End),
            _ => None,
        }
    }

    const fn bits(self) -> u64 {
        match self {
            Self::Block => 0x3141_5926_5359,
            Self::End => 0x1772_4538_5090,
        }
    }
}

/// A magic number that was found; it may be one by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) magic: Magic,
    /// Number of its first bit in the file.
    pub(super) bit: u64,
    /// The CRC after it.
    pub(super) crc: u32,
}

/// By number and by byte: the shifts at which the third byte, or the fourth, of what begins 0 to 7 bits before is this.
const SHIFTS: [[u16; 256]; 2] = shifts();

const fn shifts() -> [[u16; 256]; 2] {
    let mut shifts = [[0; 256]; 2];
    let mut lane = 0;
    while lane < 16 {
        let magic = if lane < 8 { Magic::Block } else { Magic::End }.bits() << 8;
        let mut byte = 0;
        while byte < 2 {
            let value = magic >> (32 - 8 * byte + lane % 8) & 255;
            shifts[byte][value as usize] |= 1 << lane;
            byte += 1;
        }
        lane += 1;
    }
    shifts
}

/// Tells of every magic number whose first bit lies in `range` of bytes, in order, until `tell` answers `false`.
pub(super) fn find<R: BufRead + Seek>(
    reader: R,
    range: Range<u64>,
    mut tell: impl FnMut(Found) -> bool,
) -> io::Result<()> {
    let mut window = Window::at(reader, range.start)?;
    let mut from = range.start;
    while from < range.end {
        let length = usize::try_from(range.end - from).unwrap_or(CHUNK).min(CHUNK);
        let bytes = window.bytes(from, length + BYTES)?;
        for (at, pair) in bytes.windows(2).skip(2).take(length).enumerate() {
            if SHIFTS[0][usize::from(pair[0])] & SHIFTS[1][usize::from(pair[1])] == 0 {
                continue;
            }
            for shift in 0..8 {
                let mut bits = Bits::at(bytes, at * 8 + shift);
                let number = u64::from(bits.take(24)) << 24 | u64::from(bits.take(24));
                let crc = bits.take(32);
                let Some(magic) = Magic::of(number).filter(|_| !bits.has_overrun()) else { continue };
                if !tell(Found { magic, bit: (from + at as u64) * 8 + shift as u64, crc }) {
                    return Ok(());
                }
            }
        }
        from += length as u64;
    }
    Ok(())
}
