//! Small helpers to draw pictures as inline SVG: text, bars, lines, dots and axes, coloured by the page's style sheet.
//!
//! All pictures are [`WIDTH`] units wide, about as wide as a phone, so that text keeps its size everywhere. Everything
//! that is text goes through maud, which escapes it.

use maud::{Markup, html};

use super::text::clip;

/// Width of every picture, in units of its own.
pub(super) const WIDTH: f64 = 360.0;

/// Units that a character of a picture's text takes, on the safe side.
pub(super) const CHARACTER: f64 = 7.0;

/// Where text stands relative to its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A rectangle.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A coordinate to a tenth of a unit: more can't be seen.
fn at(coordinate: f64) -> f64 {
    if coordinate.is_finite() { (coordinate * 10.0).round() / 10.0 } else { 0.0 }
}

/// A picture with a title and a description for those who can't see it; `id` must be unique on the page.
pub(super) fn picture(id: &str, title: &str, description: &str, height: f64, body: &Markup) -> Markup {
    let (title_id, description_id) = (format!("{id}-title"), format!("{id}-description"));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", at(height))) role="img" xmlns="http://www.w3.org/2000/svg"
            aria-labelledby=(format!("{title_id} {description_id}")) {
            title id=(title_id) { (title) }
            desc id=(description_id) { (description) }
            (body)
        }
    }
}

/// Text at a point of its base line.
pub(super) fn text(x: f64, y: f64, anchor: Anchor, class: &str, text: &str) -> Markup {
    html! { text x=(at(x)) y=(at(y)) text-anchor=(anchor.name()) class=(class) { (text) } }
}

/// Text that is clipped to some units; all of it shows when pointed at.
pub(super) fn label(x: f64, y: f64, units: f64, anchor: Anchor, class: &str, label: &str) -> Markup {
    let clipped = clip(label, (units / CHARACTER).max(1.0) as usize);
    html! {
        text x=(at(x)) y=(at(y)) text-anchor=(anchor.name()) class=(class) {
            (clipped)
            @if clipped != label { title { (label) } }
        }
    }
}

/// A filled rectangle; `hint` shows when pointed at.
pub(super) fn rectangle(area: Area, class: &str, hint: &str) -> Markup {
    let (width, height) = (at(area.width.max(0.0)), at(area.height.max(0.0)));
    html! {
        rect x=(at(area.x)) y=(at(area.y)) width=(width) height=(height) rx="1.5" class=(class) {
            @if !hint.is_empty() { title { (hint) } }
        }
    }
}

/// A straight line.
pub(super) fn line(from: (f64, f64), to: (f64, f64), class: &str) -> Markup {
    html! { line x1=(at(from.0)) y1=(at(from.1)) x2=(at(to.0)) y2=(at(to.1)) class=(class) {} }
}

/// Straight lines from point to point.
pub(super) fn path(points: &[(f64, f64)], class: &str) -> Markup {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", at(*x), at(*y))).collect();
    html! { polyline points=(points.join(" ")) class=(class) {} }
}

/// A dot; `hint` shows when pointed at.
pub(super) fn dot(x: f64, y: f64, radius: f64, class: &str, hint: &str) -> Markup {
    html! { circle cx=(at(x)) cy=(at(y)) r=(at(radius)) class=(class) { title { (hint) } } }
}

/// From two to six round numbers from 0 to the first that is no smaller than `largest`.
pub(super) fn ticks(largest: f64) -> Vec<f64> {
    if !(largest.is_finite() && largest > 0.0) {
        return vec![0.0, 1.0];
    }
    let magnitude = 10_f64.powf((largest / 5.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * magnitude);
    let step = steps.into_iter().find(|step| step * 5.0 >= largest * (1.0 - 1e-9)).unwrap_or(largest);
    let count = (largest / step * (1.0 - 1e-9)).ceil() as u32;
    (0..=count).map(|tick| f64::from(tick) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round_and_reach_the_largest_value() {
        assert_eq!(ticks(0.41), [0.0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.5]);
        assert_eq!(ticks(81_837.0), [0.0, 20_000.0, 40_000.0, 60_000.0, 80_000.0, 100_000.0]);
        assert_eq!(ticks(1.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks(0.0), [0.0, 1.0]);
    }

    #[test]
    fn text_is_escaped_and_what_is_clipped_can_still_be_read() {
        let drawn = label(0.0, 0.0, 40.0, Anchor::End, "name", "<script>alert(1)</script>").into_string();
        assert!(drawn.contains("\">&lt;scr"), "{drawn}");
        assert!(drawn.contains("<title>&lt;script&gt;alert(1)&lt;/script&gt;</title>") && !drawn.contains("<script"));
        assert!(dot(f64::NAN, 1.25, 2.0, "dot", "a\"b").into_string().contains("cx=\"0\" cy=\"1.3\""));
    }

    proptest! {
        #[test]
        fn there_are_few_ticks_and_the_last_is_enough(largest in 1e-9_f64..1e15) {
            let ticks = ticks(largest);
            prop_assert!((2..=6).contains(&ticks.len()));
            prop_assert!(ticks[ticks.len() - 1] >= largest * (1.0 - 1e-6));
        }
    }
}
