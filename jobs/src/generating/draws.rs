//! Random numbers that can be had in any order: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
//! generators", 2014), whose k-th number is a mix of `start + k * GAMMA`. Each row has a stretch of its own.

/// Seed of generated rows: another seed gives other rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowSeed(pub u64);

/// The odd fraction of the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Numbers that a row may take.
const PER_ROW: u64 = 4;

/// The numbers of one row, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Draws(u64);

impl Draws {
    /// Those of a row.
    pub(super) const fn of_row(seed: RowSeed, row: u64) -> Self {
        // Mixed, so that near seeds begin far from each other.
        Self(mix(seed.0.wrapping_add(GAMMA)).wrapping_add(row.wrapping_mul(PER_ROW).wrapping_mul(GAMMA)))
    }

    /// A number from 0 up to, not including, `end`: the high half of a product (Lemire, "Fast random integer generation in an
    /// interval", 2019). The bias is below `end` / 2^64.
    pub(super) const fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        ((mix(self.0) as u128 * end as u128) >> 64) as u64
    }
}

/// SplitMix64's mix: one to one, and every bit of the result depends on every bit of the number.
pub(super) const fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_paper() {
        // The first numbers of the published program with the state 0.
        let mut state = 0_u64;
        let mut next = || {
            state = state.wrapping_add(GAMMA);
            mix(state)
        };
        assert_eq!([next(), next(), next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }

    #[test]
    fn rows_do_not_share_numbers_and_seeds_differ() {
        let of = |seed, row| {
            let mut draws = Draws::of_row(RowSeed(seed), row);
            [(); PER_ROW as usize].map(|()| draws.below(u64::MAX))
        };
        let mut all: Vec<u64> = (0..8).flat_map(|seed| (0..500).flat_map(move |row| of(seed, row))).collect();
        let number = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), number);
    }

    #[test]
    fn numbers_below_an_end_are_even() {
        let mut counts = [0_u32; 7];
        for row in 0..70_000 {
            counts[Draws::of_row(RowSeed(3), row).below(7) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    }
}
