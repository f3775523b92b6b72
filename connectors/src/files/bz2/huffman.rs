//! The prefix codes of a bzip2 block: canonical, of 1 to 20 bits.
//!
//! Codes of up to [`QUICK`] bits, which are nearly all that occur, are one look into a table; longer ones are found by
//! their length. A set of lengths need not use all codes; one that no symbol has is [`None`] when it is met.

use super::bits::Bits;

/// The longest code, in bits.
pub(super) const LONGEST: usize = 20;

/// Most symbols of an alphabet: 256 values, one more for runs, and the end.
pub(super) const MOST_SYMBOLS: usize = 258;

/// Bits that are looked up at once. Six tables of this size fit into a core's nearest cache.
const QUICK: usize = 10;

/// The codes of one alphabet.
pub(super) struct Codes {
    /// By the next bits: the symbol in the upper bits and the length of its code in the lower five; 0 for longer ones.
    quick: [u16; 1 << QUICK],
    /// By length: where codes of it and of shorter ones end, flush left in [`LONGEST`] bits.
    ends: [u32; LONGEST + 1],
    /// By length: what to add to a code for its place in `symbols`, modulo 2^32.
    shifts: [u32; LONGEST + 1],
    /// The symbols by rising code.
    symbols: [u16; MOST_SYMBOLS],
}

impl Codes {
    /// The codes of symbols 0, 1, … with these lengths, each from 1 to [`LONGEST`]; `None` if there is no such code.
    pub(super) fn of(lengths: &[u8]) -> Option<Self> {
        let mut codes = Self {
            quick: [0; 1 << QUICK],
            ends: [0; LONGEST + 1],
            shifts: [0; LONGEST + 1],
            symbols: [0; MOST_SYMBOLS],
        };
        let (mut code, mut place) = (0_u32, 0_u32);
        for length in 1..=LONGEST {
            codes.shifts[length] = place.wrapping_sub(code);
            let of_length = lengths.iter().enumerate().filter(|(_, of)| usize::from(**of) == length);
            for (symbol, _) in of_length {
                if code >> length != 0 {
                    return None;
                }
                *codes.symbols.get_mut(place as usize)? = symbol as u16;
                if length <= QUICK {
                    let first = (code as usize) << (QUICK - length);
                    codes.quick[first..first + (1 << (QUICK - length))].fill((symbol << 5 | length) as u16);
                }
                code += 1;
                place += 1;
            }
            codes.ends[length] = code << (LONGEST - length);
            code <<= 1;
        }
        Some(codes)
    }

    /// Takes a symbol off `bits`, of which [`LONGEST`] must be ready.
    #[inline]
    pub(super) fn take(&self, bits: &mut Bits<'_>) -> Option<u16> {
        let next = bits.peek(LONGEST as u32);
        let entry = self.quick[(next >> (LONGEST - QUICK)) as usize & ((1 << QUICK) - 1)];
        if entry != 0 {
            bits.skip(u32::from(entry & 31));
            return Some(entry >> 5);
        }
        let length = (QUICK + 1..=LONGEST).find(|length| next < self.ends[*length])?;
        bits.skip(length as u32);
        let place = (next >> (LONGEST - length)).wrapping_add(self.shifts[length]);
        self.symbols.get(place as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The canonical codes by the book: by length, then by symbol, counting up.
    fn naive(lengths: &[u8]) -> Vec<(u16, u8, u32)> {
        let mut order: Vec<(u8, u16)> =
            lengths.iter().enumerate().map(|(symbol, length)| (*length, symbol as u16)).collect();
        order.sort_unstable();
        let (mut code, mut last) = (0_u64, 0);
        let mut codes = Vec::new();
        for (length, symbol) in order {
            code <<= length - last;
            last = length;
            codes.push((symbol, length, code as u32));
            code += 1;
        }
        codes
    }

    proptest! {
        #[test]
        fn codes_are_canonical_or_there_are_none(lengths in proptest::collection::vec(1_u8..=20, 2..258), deep: bool) {
            // Random lengths that are all small seldom make a code.
            let lengths: Vec<u8> = lengths.iter().map(|length| if deep { (*length).max(8) } else { *length }).collect();
            let kraft: u64 = lengths.iter().map(|length| 1_u64 << (20 - length)).sum();
            let codes = Codes::of(&lengths);
            prop_assert_eq!(codes.is_some(), kraft <= 1 << 20);
            let Some(codes) = codes else { return Ok(()) };
            for (symbol, length, code) in naive(&lengths) {
                let bytes = (u64::from(code) << (64 - u32::from(length))).to_be_bytes();
                let mut bits = Bits::at(&bytes, 0);
                prop_assert_eq!(codes.take(&mut bits), Some(symbol));
                prop_assert_eq!(bits.position(), usize::from(length));
            }
            if kraft < 1 << 20 {
                prop_assert_eq!(codes.take(&mut Bits::at(&[255; 8], 0)), None);
            }
        }
    }
}
