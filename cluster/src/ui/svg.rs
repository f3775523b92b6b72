//! Small helpers to draw pictures as inline SVG, coloured by the style sheet alone. All text goes through maud, which
//! escapes it.

use maud::{Markup, html};

/// A coordinate to a tenth of a unit: more can't be seen.
pub(super) fn at(coordinate: f64) -> f64 {
    if coordinate.is_finite() { (coordinate * 10.0).round() / 10.0 } else { 0.0 }
}

/// A point as a path writes it.
pub(super) fn point((x, y): (f64, f64)) -> String {
    format!("{} {}", at(x), at(y))
}

/// Straight lines from point to point, as the data of a path.
pub(super) fn line_through(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().copied().map(point).collect();
    if points.is_empty() { String::new() } else { format!("M{}", points.join("L")) }
}

/// A horizontal bar: each part is a share of it from its left end, the later ones above the earlier, with its class.
pub(super) fn bar(parts: &[(f64, &str)], label: &str) -> Markup {
    html! {
        svg.bar viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label=(label) {
            @for (share, class) in parts {
                rect class=(class) x="0" y="0" height="1" width=(at(share.clamp(0.0, 1.0) * 100.0)) {}
            }
        }
    }
}

/// From two to six round numbers from 0 to the first that is no smaller than `largest`.
pub(super) fn ticks(largest: f64) -> Vec<f64> {
    if !(largest.is_finite() && largest > 0.0) {
        return vec![0.0, 1.0];
    }
    let magnitude = 10_f64.powf((largest / 4.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * magnitude);
    let step = steps.into_iter().find(|step| step * 4.0 >= largest * (1.0 - 1e-9)).unwrap_or(largest);
    let count = (largest / step * (1.0 - 1e-9)).ceil().max(1.0) as u32;
    (0..=count).map(|tick| f64::from(tick) * step).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bar_never_leaves_its_place_and_its_label_is_escaped() {
        let drawn = bar(&[(7.0, "taken"), (-1.0, "used"), (f64::NAN, "used")], "\"><script>").into_string();
        assert!(drawn.contains("width=\"100\"") && drawn.contains("width=\"0\""), "{drawn}");
        assert!(!drawn.contains("<script"), "{drawn}");
        assert_eq!(line_through(&[(0.0, 1.26), (2.0, f64::INFINITY)]), "M0 1.3L2 0");
    }

    proptest! {
        #[test]
        fn there_are_few_ticks_and_the_last_is_enough(largest in 1e-9_f64..1e15) {
            let ticks = ticks(largest);
            prop_assert!((2..=6).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(ticks[ticks.len() - 1] >= largest * (1.0 - 1e-6));
        }
    }
}
