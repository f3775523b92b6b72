//! A set of small numbers that is filled in any order and read in ascending order, again and again.
//!
//! A bitmap under a bitmap of its words: an insertion is two writes, and reading costs steps for the numbers that are
//! there and one for each 4,096 that could be.

/// A set of numbers below a limit.
#[derive(Debug)]
pub(super) struct Touched {
    /// A bit for each number.
    numbers: Vec<u64>,
    /// A bit for each word of `numbers` that is not zero.
    words: Vec<u64>,
}

impl Touched {
    pub(super) fn up_to(limit: usize) -> Self {
        let words = limit.div_ceil(64);
        Self { numbers: vec![0; words], words: vec![0; words.div_ceil(64)] }
    }

    pub(super) fn insert(&mut self, number: usize) {
        let word = number / 64;
        self.numbers[word] |= 1 << (number % 64);
        self.words[word / 64] |= 1 << (word % 64);
    }

    /// Empties the set, telling each number, ascending.
    pub(super) fn drain(&mut self, mut each: impl FnMut(usize)) {
        for (place, words) in self.words.iter_mut().enumerate() {
            for word in (Bits { bits: std::mem::take(words), base: place * 64 }) {
                (Bits { bits: std::mem::take(&mut self.numbers[word]), base: word * 64 }).for_each(&mut each);
            }
        }
    }
}

/// The places of the bits of a word, counted from `base`.
#[derive(Clone, Copy, Debug)]
struct Bits {
    bits: u64,
    base: usize,
}

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.bits == 0 {
            return None;
        }
        let place = self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(self.base + place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_sorted_set_that_can_be_used_again(
            first in prop::collection::vec(0_usize..9000, 0..60), second in prop::collection::vec(0_usize..9000, 0..60),
        ) {
            let mut touched = Touched::up_to(9000);
            for numbers in [first, second] {
                numbers.iter().for_each(|number| touched.insert(*number));
                let expected: Vec<usize> = numbers.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
                let mut drained = Vec::new();
                touched.drain(|number| drained.push(number));
                prop_assert_eq!(drained, expected);
            }
        }
    }
}
