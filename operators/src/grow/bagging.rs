//! How often a row stands in the sample of a tree.

use crate::forest::TreeIndex;
use crate::identity::{Purpose, RowKey, Seed};

/// Chances that a Poisson(1) number is at most 0, 1, 2, ..., as 64-bit fixed point: `2^64 / e x sum of 1 / i!`.
const POISSON_LIMITS: [u64; 12] = poisson_limits();

const fn poisson_limits() -> [u64; 12] {
    // 2^64 / e, rounded down; the rest of the sum stays below 2^64 in u128.
    const TWO_64_BY_E: u128 = 6_786_177_901_268_885_274;
    let mut limits = [0; 12];
    let (mut sum, mut term, mut i) = (0_u128, TWO_64_BY_E, 0_u128);
    while i < 12 {
        sum += term;
        limits[i as usize] = if sum > u64::MAX as u128 { u64::MAX } else { sum as u64 };
        i += 1;
        term /= i;
    }
    limits
}

/// The bagging weight of a row in a tree: Poisson(1), the bootstrap of a table too large to draw from (Oza and
/// Russell, "Online Bagging and Boosting", 2001). Integer arithmetic on a hash: the same on every machine.
#[must_use]
pub fn bagging_weight(seed: Seed, tree: TreeIndex, row: RowKey) -> u8 {
    let draw = seed.draw(Purpose::Bagging, [u64::from(tree.0), row.0]);
    // The limits ascend, so as many are passed as there are below the draw. Only 4 draws in 1,000 pass the first four,
    // and how many the others pass no branch could foretell.
    let (first, others) = POISSON_LIMITS.split_at(4);
    let passed = |limits: &[u64]| -> u8 { limits.iter().map(|limit| u8::from(draw >= *limit)).sum() };
    let of_first = passed(first);
    if usize::from(of_first) < first.len() { of_first } else { of_first + passed(others) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_follow_poisson_1() {
        let rows = 200_000_u64;
        let mut seen = [0_u64; 13];
        (0..rows).for_each(|row| seen[usize::from(bagging_weight(Seed(3), TreeIndex(1), RowKey(row)))] += 1);
        let (mut expected, e) = (rows as f64 / std::f64::consts::E, std::f64::consts::E);
        assert!(e > 2.7);
        for (weight, seen) in seen.iter().take(6).enumerate() {
            let tolerance = 5.0 * expected.sqrt() + 1.0;
            assert!((*seen as f64 - expected).abs() < tolerance, "weight {weight}: {seen} rows, not about {expected}");
            expected /= (weight + 1) as f64;
        }
    }
}
