//! The one formula for the gain of a split.
//!
//! Counts are whole numbers, as `f64`, which holds them exactly below 2^53; all arithmetic is in the fixed order of the
//! classes, without fused operations, and the logarithm is `libm`'s: the same bits on every machine. A gain is in rows:
//! the rows of the parent times its impurity, less the same of both children.

use crate::forest::Impurity;

/// Rows times impurity of a node with these rows per class. A class without rows changes no bit of it.
///
/// Gini: `N - sum(n^2) / N`. Entropy: `N ln N - sum(n ln n)`, in nats.
#[must_use]
pub fn weighted_impurity(impurity: Impurity, counts: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    if total == 0.0 {
        return 0.0;
    }
    match impurity {
        Impurity::Gini => {
            let mut squares = 0.0;
            for count in counts {
                squares += count * count;
            }
            total - squares / total
        }
        Impurity::Entropy => {
            let mut sum = total * libm::log(total);
            for count in counts.iter().filter(|count| **count > 0.0) {
                sum -= count * libm::log(*count);
            }
            sum
        }
    }
}

/// The decrease of weighted impurity by a split; it is positive when the split tells the classes apart at all.
#[must_use]
pub fn gain(impurity: Impurity, parent: f64, left: &[f64], right: &[f64]) -> f64 {
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
            let parent = weighted_impurity(impurity, &[8.0, 8.0]);
            assert_eq!(gain(impurity, parent, &[8.0, 0.0], &[0.0, 8.0]), parent);
            assert!(gain(impurity, parent, &[4.0, 4.0], &[4.0, 4.0]).abs() < 1e-9);
        }
        assert_eq!(weighted_impurity(Impurity::Gini, &[8.0, 8.0]), 8.0);
    }
}
