//! Random choices that the same seed makes again.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A generator of random numbers: hashes of a counter.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, thrown: 0 }
    }

    /// Any number.
    pub(super) fn any(&mut self) -> u64 {
        self.thrown += 1;
        xxh3_64_with_seed(&self.thrown.to_le_bytes(), self.seed)
    }

    /// A number from 0 up to, not including, `end`; 0 if there is none.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.any().checked_rem(end).unwrap_or(0)
    }

    /// True once in `times` throws.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of some; `None` of nothing.
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let index = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        of.get(index).copied()
    }

    /// `length` letters.
    pub(super) fn letters(&mut self, length: u64) -> String {
        let letter = |number: u64| char::from(b'a' + u8::try_from(number).unwrap_or(0));
        (0..length).map(|_| letter(self.below(26))).collect()
    }
}
