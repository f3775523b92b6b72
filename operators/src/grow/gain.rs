//! The one formula for the gain of a split.
//!
//! Counts come as integers; all arithmetic is f64, in the fixed order of the classes, without fused operations, and
//! the logarithm is `libm`'s: the same bits on every machine. A gain is in rows: the rows of the parent times its
//! impurity, less the same of both children.

use crate::forest::Impurity;

/// Rows times impurity of a node with these rows per class.
///
/// Gini: `N - sum(n^2) / N`. Entropy: `N ln N - sum(n ln n)`, in nats.
#[must_use]
pub fn weighted_impurity(impurity: Impurity, counts: &[u64]) -> f64 {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return 0.0;
    }
    let total = total as f64;
    match impurity {
        Impurity::Gini => {
            let mut squares = 0.0;
            for count in counts {
                let count = *count as f64;
                squares += count * count;
            }
            total - squares / total
        }
        Impurity::Entropy => {
            let mut sum = total * libm::log(total);
            for count in counts.iter().filter(|count| **count > 0) {
                let count = *count as f64;
                sum -= count * libm::log(count);
            }
            sum
        }
    }
}

/// The decrease of weighted impurity by a split; it is positive when the split tells the classes apart at all.
#[must_use]
pub fn gain(impurity: Impurity, parent: f64, left: &[u64], right: &[u64]) -> f64 {
    parent - weighted_impurity(impurity, left) - weighted_impurity(impurity, right)
}

/// The least gain, relative to the rows of the node, that is not taken for rounding.
pub const LEAST_RELATIVE_GAIN: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_split_gains_all_impurity_and_a_useless_one_nothing() {
        for impurity in [Impurity::Gini, Impurity::Entropy] {
            let parent = weighted_impurity(impurity, &[8, 8]);
            assert_eq!(gain(impurity, parent, &[8, 0], &[0, 8]), parent);
            assert!(gain(impurity, parent, &[4, 4], &[4, 4]).abs() < 1e-9);
        }
        assert_eq!(weighted_impurity(Impurity::Gini, &[8, 8]), 8.0);
    }
}
