//! Who a row is, wherever and however often it is read.
//!
//! A row's [`RowIdentity`] is a hash of its canonical values, so it does not depend on file, format, order or worker.
//! Equal rows are told apart by their count alone: the k-th copy of an identity has its own [`RowKey`]. Which of two
//! equal rows is called the first can't be seen from outside, so any worker may number the copies.
//!
//! Every random choice of training (bagging weights, held-out share, samples, feature subsets) is a hash of such a
//! key with the seed and a purpose, never the state of a generator: no order of work can reach it.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// 128-bit hash of a row's canonical values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowIdentity(pub u128);

/// Number of a copy among equal rows, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CopyNumber(pub u32);

/// 64-bit key of one copy of one row: the same for any number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowKey(pub u64);

impl RowIdentity {
    /// The key of this row's `copy`.
    #[must_use]
    #[inline]
    pub fn key(self, copy: CopyNumber) -> RowKey {
        RowKey(xxh3_64_with_seed(&self.0.to_le_bytes(), u64::from(copy.0)))
    }
}

/// Seed of a training run: another seed gives another forest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(pub u64);

/// What a random number is for; two purposes never share one.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum Purpose {
    /// The bagging weight of a row in a tree.
    Bagging = 1,
    /// The feature subset of a node.
    FeatureSubset = 2,
    /// Which rows or days are held out.
    HoldOut = 3,
    /// Which rows stand for all in the quantiles of a numeric feature.
    QuantileSample = 4,
    /// Which training rows become golden.
    Golden = 5,
    /// Which known days' rows are the companion of a hold-out of last days.
    Companion = 6,
    /// Which training rows judge the trees that do not know them.
    OutOfBag = 7,
    /// Which rows tell the importance of features, and how their values are shuffled.
    Permutation = 8,
    /// Which fold a training row, or all of its day, belongs to.
    Fold = 9,
    /// Which candidates of a search are tried.
    Search = 10,
}

impl Seed {
    /// A uniform 64-bit number for `purpose`, a function of the seed and `parts` alone.
    #[must_use]
    #[inline]
    pub fn draw<const N: usize>(self, purpose: Purpose, parts: [u64; N]) -> u64 {
        const { assert!(N <= 6, "there is room for six parts") };
        let mut bytes = [0_u8; 64];
        let (slots, _) = bytes.as_chunks_mut::<8>();
        slots[0] = self.0.to_le_bytes();
        slots[1] = (purpose as u64).to_le_bytes();
        for (slot, part) in slots[2..].iter_mut().zip(parts) {
            *slot = part.to_le_bytes();
        }
        xxh3_64(&bytes[..(2 + N) * 8])
    }
}

/// A share of all, as a limit on a uniform 64-bit number: `draw < limit` holds for that share of the rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// A share from 0 to below 1; `None` for anything else.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (0.0..1.0).contains(&share).then_some(Self(share))
    }

    /// The share as a number from 0 to below 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Whether a uniform number falls into the share.
    #[must_use]
    #[inline]
    pub fn holds(self, draw: u64) -> bool {
        // 2^-53 steps: every share and every quotient below is exact in f64.
        ((draw >> 11) as f64) * (1.0 / (1_u64 << 53) as f64) < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_holds_about_its_part_of_uniform_numbers() {
        let share = Share::new(0.2).unwrap();
        let seed = Seed(7);
        let held = (0..100_000_u64).filter(|row| share.holds(seed.draw(Purpose::HoldOut, [*row]))).count();
        assert!((19_500..20_500).contains(&held), "{held} of 100,000 rows held out by a share of 0.2");
    }

    #[test]
    fn purposes_parts_and_seeds_give_different_numbers() {
        let numbers = [
            Seed(1).draw(Purpose::Bagging, [1, 2]),
            Seed(1).draw(Purpose::Bagging, [2, 1]),
            Seed(1).draw(Purpose::Golden, [1, 2]),
            Seed(2).draw(Purpose::Bagging, [1, 2]),
            Seed(1).draw(Purpose::Bagging, [1, 2, 0]),
        ];
        let distinct: std::collections::BTreeSet<u64> = numbers.into_iter().collect();
        assert_eq!(distinct.len(), numbers.len());
    }
}
