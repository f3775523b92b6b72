//! Least squares with unknowns that are not below zero, by coordinate descent.

/// Rounds over all unknowns. Equations of a few unknowns that resemble each other settle within a fraction of these.
const ROUNDS: usize = 20_000;

/// An equation: each unknown times its factor, all added up, is `seconds`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Equation<const N: usize> {
    pub(super) factors: [f64; N],
    pub(super) seconds: f64,
}

/// The unknowns that leave the least squares. One that no equation has is zero.
pub(super) fn solve<const N: usize>(equations: &[Equation<N>]) -> [f64; N] {
    let sum = |of: &dyn Fn(&Equation<N>) -> f64| equations.iter().map(of).sum::<f64>();
    // Of one length, so that large numbers don't drown small ones.
    let lengths: [f64; N] = std::array::from_fn(|a| sum(&|equation| equation.factors[a].powi(2)).sqrt());
    let scaled =
        |equation: &Equation<N>, a: usize| if lengths[a] > 0.0 { equation.factors[a] / lengths[a] } else { 0.0 };
    let products: [[f64; N]; N] =
        std::array::from_fn(|a| std::array::from_fn(|b| sum(&|equation| scaled(equation, a) * scaled(equation, b))));
    let of_seconds: [f64; N] = std::array::from_fn(|a| sum(&|equation| scaled(equation, a) * equation.seconds));
    let mut unknowns = [0.0; N];
    for _ in 0..ROUNDS {
        for a in 0..N {
            let others: f64 = (0..N).filter(|b| *b != a).map(|b| products[a][b] * unknowns[b]).sum();
            unknowns[a] = (of_seconds[a] - others).max(0.0);
        }
    }
    std::array::from_fn(|a| if lengths[a] > 0.0 { unknowns[a] / lengths[a] } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn equations(rows: &[[f64; 3]], of: impl Fn(&[f64; 3]) -> f64) -> Vec<Equation<3>> {
        rows.iter().map(|factors| Equation { factors: *factors, seconds: of(factors) }).collect()
    }

    #[test]
    fn none_is_below_zero_and_none_comes_from_nothing() {
        let rows = [[1.0, 2.0, 0.0], [5.0, 1.0, 0.0], [3.0, 9.0, 0.0], [0.0, 4.0, 0.0]];
        let [x, y, z] = solve(&equations(&rows, |[x, y, _]| 3.0 * x - 0.5 * y));
        assert!((x - 88.0 / 35.0).abs() < 1e-9 && y == 0.0 && z == 0.0, "{x} {y} {z}");
        assert_eq!(solve::<3>(&[]), [0.0; 3]);
    }

    #[test]
    fn what_resembles_each_other_is_told_apart() {
        let rows: Vec<[f64; 3]> = (0..13).map(f64::from).map(|level| [1e6, 1e6 * level, 1e3 * level * level]).collect();
        let [x, y, z] = solve(&equations(&rows, |[x, y, z]| 0.3 * x + 0.2 * y + 5.0 * z));
        assert!((x - 0.3).abs() < 1e-6 && (y - 0.2).abs() < 1e-6 && (z - 5.0).abs() < 1e-3, "{x} {y} {z}");
    }

    proptest! {
        #[test]
        fn what_equations_are_made_of_is_found(
            unknowns: [u8; 3],
            rows in proptest::collection::vec(proptest::array::uniform3(0_u32..1_000_000), 12..20),
        ) {
            let unknowns = unknowns.map(f64::from);
            let rows: Vec<[f64; 3]> = rows.into_iter().map(|row| row.map(f64::from)).collect();
            let found = solve(&equations(&rows, |row| row.iter().zip(unknowns).map(|(x, y)| x * y).sum()));
            for (found, unknown) in found.iter().zip(unknowns) {
                prop_assert!((found - unknown).abs() < 1e-6 * (1.0 + unknown), "{found} is {unknown}");
            }
        }
    }
}
