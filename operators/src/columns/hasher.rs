//! A fast hasher for look-ups in dictionaries: short names, and numbers by their bits.
//!
//! Each word is folded in by one 128-bit multiplication, of which both halves count, so that the low zeros of an `f64` cost
//! nothing. The key is fixed. No result may depend on a hash or on the order of a map; what must stay the same for ever is
//! hashed by XXH3 instead (`identity`).

use std::hash::{BuildHasherDefault, Hasher};

/// A hasher with a fixed key: a process may iterate such a map only where the order can't reach a result.
pub type StableHasher = BuildHasherDefault<FoldHasher>;

/// Odd, and with bits as even as chance would have them: the digits of pi and of e.
const START: u64 = 0x243F_6A88_85A3_08D3;
const FACTOR: u64 = 0xB7E1_5162_8AED_2A6B;

/// The state of a hash: a word for all that it has seen.
#[derive(Clone, Copy, Debug)]
pub struct FoldHasher(u64);

impl Default for FoldHasher {
    fn default() -> Self {
        Self(START)
    }
}

impl FoldHasher {
    #[inline]
    const fn fold(&mut self, word: u64) {
        let product = ((self.0 ^ word) as u128).wrapping_mul(FACTOR as u128);
        // Turned, so that a word that happens to make the state zero does not make it forget those before.
        self.0 = (product as u64 ^ (product >> 64) as u64).rotate_left(23);
    }
}

impl Hasher for FoldHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.fold(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            // With the length: a name and the same name with a zero after it are two.
            self.fold(u64::from_le_bytes(last) ^ ((rest.len() as u64) << 56));
        }
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.fold(number.into());
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.fold(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.fold(number);
    }

    #[inline]
    fn write_u128(&mut self, number: u128) {
        self.fold(number as u64);
        self.fold((number >> 64) as u64);
    }

    #[inline]
    fn write_i32(&mut self, number: i32) {
        self.fold(number as u32 as u64);
    }

    #[inline]
    fn write_i64(&mut self, number: i64) {
        self.fold(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, Hash};

    use super::*;
    use crate::columns::Number;

    /// Fullest of 4,096 buckets by the low and by the high bits, which are those that a hash map uses.
    fn fullest(values: impl Iterator<Item = impl Hash>) -> [usize; 2] {
        let (mut low, mut high) = (vec![0; 4096], vec![0; 4096]);
        for value in values {
            let hash = StableHasher::default().hash_one(value);
            low[hash as usize % 4096] += 1;
            high[(hash >> 52) as usize] += 1;
        }
        [low, high].map(|buckets: Vec<usize>| buckets.into_iter().max().unwrap_or(0))
    }

    #[test]
    fn buckets_fill_evenly_for_numbers_names_and_pairs() {
        // 16 to a bucket on average: 50 in one would be one chance in 10^9.
        let names = || (0..65_536).map(|number: u32| number.to_string());
        for (what, fullest) in [
            ("numbers", fullest((0..65_536).map(Number::from))),
            ("names", fullest(names())),
            ("padded names", fullest(names().map(|name| format!("{name:0>8}")))),
            ("pairs", fullest((0..65_536_u32).map(|number| (number / 256, number % 256)))),
        ] {
            assert!(fullest.iter().all(|rows| *rows < 50), "{what}: {fullest:?}");
        }
    }

    #[test]
    fn similar_values_have_hashes_of_their_own() {
        let names = ["", "A", "A\0", "AA", "AAAAAAAA", "AAAAAAAA\0", "AAAAAAAAA"];
        let hashes: HashSet<u64> = names.iter().map(|name| StableHasher::default().hash_one(name)).collect();
        assert_eq!(hashes.len(), names.len());
    }
}
