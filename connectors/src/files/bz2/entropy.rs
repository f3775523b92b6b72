//! The first half of decoding a block: from bits to the last column of the sorted block.
//!
//! A block is: its magic number (the caller's), a CRC, the row of the sorted matrix that is the text, which byte values
//! there are, up to six prefix codes and which of them holds for each 50 symbols, and the symbols: runs of the byte
//! in front of a list, or the place of another in it.

use super::bits::Bits;
use super::huffman::{Codes, LONGEST, MOST_SYMBOLS};
use super::{Damage, GROUP};

/// More selectors than a full block needs may be there; they say nothing.
const MOST_SELECTORS: usize = 18_002;

/// A block between both halves of its decoding.
pub(super) struct Block {
    /// CRC of the text, as the block says.
    pub(super) crc: u32,
    /// Row of the sorted matrix that is the text; below the length of `column`.
    pub(super) row: usize,
    /// The last column of the sorted matrix.
    pub(super) column: Vec<u8>,
    /// How often each byte is in it.
    pub(super) counts: [u32; 256],
}

/// Reads what follows a block's magic number. `most` is the most bytes that the block may have; `column` lends its memory.
pub(super) fn read_block(bits: &mut Bits<'_>, most: usize, mut column: Vec<u8>) -> Result<Block, Damage> {
    let crc = bits.take(32);
    if bits.flag() {
        return Err(Damage::Randomised);
    }
    let row = bits.take(24) as usize;
    let mut front = Front::of(&values(bits));
    let alphabet = front.length + 2;
    let (codes, selectors) = read_codes(bits, alphabet)?;
    column.clear();
    column.resize(most, 0);
    let (length, counts) = read_symbols(bits, &codes, &selectors, &mut front, &mut column)?;
    if row >= length {
        return Err(Damage::Data);
    }
    column.truncate(length);
    Ok(Block { crc, row, column, counts })
}

/// The byte values that the block has.
fn values(bits: &mut Bits<'_>) -> Vec<u8> {
    let used = bits.take(16);
    let mut values = Vec::with_capacity(256);
    for high in (0..16).filter(|high| used >> (15 - high) & 1 == 1) {
        let these = bits.take(16);
        values.extend((0..16_u8).filter(|low| these >> (15 - low) & 1 == 1).map(|low| high << 4 | low));
    }
    values
}

/// The codes, and for each [`GROUP`] of symbols the number of its code. Lengths that make no code are only wrong where symbols
/// have them, to the library as well.
fn read_codes(bits: &mut Bits<'_>, alphabet: usize) -> Result<(Vec<Option<Codes>>, Vec<u8>), Damage> {
    let tables = bits.take(3) as usize;
    let count = bits.take(15) as usize;
    if !(2..=6).contains(&tables) || count == 0 || !(3..=MOST_SYMBOLS).contains(&alphabet) {
        return Err(Damage::Data);
    }
    let mut recent = [0, 1, 2, 3, 4, 5];
    let mut selectors = Vec::with_capacity(count);
    for _ in 0..count {
        let place = (0..tables).take_while(|_| bits.flag()).count();
        if place == tables || bits.has_overrun() {
            return Err(Damage::Data.or_cut(bits));
        }
        recent[..=place].rotate_right(1);
        selectors.push(recent[0]);
    }
    selectors.truncate(MOST_SELECTORS);
    let codes: Result<Vec<Option<Codes>>, Damage> = (0..tables).map(|_| read_code(bits, alphabet)).collect();
    Ok((codes?, selectors))
}

/// One code: the length of each symbol's, told by its difference from the last.
fn read_code(bits: &mut Bits<'_>, alphabet: usize) -> Result<Option<Codes>, Damage> {
    let mut lengths = [0_u8; MOST_SYMBOLS];
    let mut length = bits.take(5) as usize;
    for of in &mut lengths[..alphabet] {
        loop {
            if !(1..=LONGEST).contains(&length) || bits.has_overrun() {
                return Err(Damage::Data.or_cut(bits));
            }
            if !bits.flag() {
                break;
            }
            // Checked above: it is 1 at least.
            length = if bits.flag() { length - 1 } else { length + 1 };
        }
        *of = length as u8;
    }
    Ok(Codes::of(&lengths[..alphabet]))
}

/// Undoes prefix codes, moves to the front and runs; the number of bytes, and how often each is there.
fn read_symbols(
    bits: &mut Bits<'_>,
    codes: &[Option<Codes>],
    selectors: &[u8],
    front: &mut Front,
    column: &mut [u8],
) -> Result<(usize, [u32; 256]), Damage> {
    let end = front.length as u16 + 1;
    let mut counts = [0_u32; 256];
    let (mut length, mut run, mut weight) = (0_usize, 0_usize, 1_usize);
    for selector in selectors {
        if bits.has_overrun() {
            return Err(Damage::Cut);
        }
        // The selectors are below the number of codes.
        let code = codes.get(usize::from(*selector)).and_then(Option::as_ref).ok_or(Damage::Data)?;
        for _ in 0..GROUP {
            bits.refill();
            let symbol = code.take(bits).ok_or(Damage::Data).map_err(|damage| damage.or_cut(bits))?;
            if symbol <= 1 {
                run += weight << symbol;
                weight <<= 1;
                // A longer run fits into no block, and must not overflow.
                if weight > 1 << 21 {
                    return Err(Damage::Data);
                }
                continue;
            }
            if run > 0 {
                let byte = front.first();
                column.get_mut(length..length + run).ok_or(Damage::Data)?.fill(byte);
                counts[usize::from(byte)] += run as u32;
                length += run;
                (run, weight) = (0, 1);
            }
            if symbol == end {
                return if bits.has_overrun() { Err(Damage::Cut) } else { Ok((length, counts)) };
            }
            let byte = front.take(usize::from(symbol) - 1);
            *column.get_mut(length).ok_or(Damage::Data)? = byte;
            counts[usize::from(byte)] += 1;
            length += 1;
        }
    }
    Err(Damage::Data.or_cut(bits))
}

/// The list of byte values, the latest first. Most places asked for are among the first 16, which are one number.
struct Front {
    /// The first 16, the very first in the lowest byte.
    first: u128,
    /// The others.
    others: [u8; 240],
    /// How many values there are.
    length: usize,
}

impl Front {
    fn of(values: &[u8]) -> Self {
        let first = values.iter().take(16).rev().fold(0, |first, value| first << 8 | u128::from(*value));
        let mut others = [0; 240];
        others.iter_mut().zip(values.iter().skip(16)).for_each(|(other, value)| *other = *value);
        Self { first, others, length: values.len() }
    }

    fn first(&self) -> u8 {
        self.first as u8
    }

    /// Moves the value at a place from 1 to 255 to the front.
    #[inline]
    fn take(&mut self, place: usize) -> u8 {
        if place < 16 {
            let at = place as u32 * 8;
            let value = (self.first >> at) as u8;
            let before = self.first & !(u128::MAX << at);
            // In two steps, for `at + 8` may be all bits.
            let after = self.first >> at >> 8 << 8 << at;
            self.first = after | before << 8 | u128::from(value);
            return value;
        }
        let place = (place - 16).min(self.others.len() - 1);
        let value = self.others[place];
        self.others.copy_within(..place, 1);
        self.others[0] = (self.first >> 120) as u8;
        self.first = self.first << 8 | u128::from(value);
        value
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_front_is_a_list_that_moves(places in proptest::collection::vec(0_usize..256, 1..200), count in 1_usize..=256) {
            let values: Vec<u8> = (0..count).map(|value| (value * 7 % 256) as u8).collect();
            let (mut front, mut list) = (Front::of(&values), values);
            for place in places.into_iter().map(|place| place % count).filter(|place| *place > 0) {
                let value = list.remove(place);
                list.insert(0, value);
                prop_assert_eq!(front.take(place), value);
                prop_assert_eq!(front.first(), value);
            }
        }
    }
}
