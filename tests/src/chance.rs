//! Chance that can be had again: seeds of random tests are printed, and can be given.

use std::hash::{BuildHasher, RandomState};

/// The environment variable that sets the seed.
const VARIABLE: &str = "FLIGHTLINE_TEST_SEED";

/// A source of chance (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A fresh source for a test; another one every time, unless `FLIGHTLINE_TEST_SEED` gives the seed. The seed is
    /// printed, and cargo shows what a test printed when it fails.
    #[must_use]
    pub fn new() -> Self {
        let given = std::env::var(VARIABLE).ok();
        let seed = match &given {
            Some(text) => text.parse().unwrap_or_else(|_| panic!("{VARIABLE} is {text:?}, but must be a whole number")),
            None => RandomState::new().hash_one("a fresh key every time"),
        };
        println!("to have this run's chance again: {VARIABLE}={seed}");
        Self(seed)
    }

    /// Another source, whose numbers have nothing to do with those that this one gives: for a thread, say.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.next_number())
    }

    /// Any number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// An index below `length`, which must not be 0.
    pub fn below(&mut self, length: usize) -> usize {
        // The bias is far below what a test could notice.
        (self.next_number() % length as u64) as usize
    }

    /// Puts the items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_all_items_and_depends_on_the_seed_alone() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..100).collect();
            Chance(seed).shuffle(&mut items);
            items
        };
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
        let mut sorted = shuffled(7);
        assert_ne!(sorted, (0..100).collect::<Vec<_>>());
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}
