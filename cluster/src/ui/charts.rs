//! Charts of the last minutes: lines over time, drawn as inline SVG. Pure functions of the samples.
//!
//! All charts are [`WIDTH`] units wide, about as wide as a phone, so that text keeps its size everywhere. A value that is no
//! number makes a gap. Where there are more lines than eyes can tell apart, those that end highest are drawn and the rest is
//! counted.

use maud::{Markup, html};

use super::svg::{at, line_through, ticks};
use super::words::{clean, clip, clock, counted};
use crate::ids::Moment;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 132.0;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BELOW: f64 = 20.0;

/// So many lines a chart has at most.
const MOST_LINES: usize = 6;

/// A chart's words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    pub(super) title: &'a str,
    /// What the numbers are of, as in `answers/s`.
    pub(super) unit: &'a str,
    /// What a line is called when there are more than are drawn: `partition`.
    pub(super) line: &'a str,
}

/// One line: its name, and a value for each moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

impl Line {
    fn last(&self) -> f64 {
        self.values.iter().rev().copied().find(|value| value.is_finite()).unwrap_or(0.0)
    }
}

/// A chart as a figure. `show` writes a number.
pub(super) fn chart(words: Words<'_>, moments: &[Moment], lines: Vec<Line>, show: impl Fn(f64) -> String) -> Markup {
    let all = lines.len();
    let lines = highest(lines);
    let largest = lines.iter().flat_map(|line| &line.values).copied().filter(|value| value.is_finite());
    let ticks = ticks(largest.fold(0.0, f64::max));
    let top = ticks.last().copied().unwrap_or(1.0);
    let y_of = |value: f64| TOP + HEIGHT * (1.0 - value / top);
    let ends = (moments.first().copied(), moments.last().copied());
    html! {
        figure.chart {
            figcaption {
                h3 { (words.title) }
                span.unit { (words.unit) }
            }
            svg viewBox=(format!("0 0 {WIDTH} {}", TOP + HEIGHT + BELOW)) role="img" aria-label=(describe(words, &lines, &show)) {
                @for tick in &ticks {
                    line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(at(y_of(*tick))) y2=(at(y_of(*tick))) {}
                    text.tick x=(LEFT - 6.0) y=(at(y_of(*tick) + 3.5)) text-anchor="end" { (show(*tick)) }
                }
                @if let (Some(first), Some(last)) = ends {
                    text.tick x=(LEFT) y=(TOP + HEIGHT + 15.0) { (clock(first)) }
                    text.tick x=(WIDTH - RIGHT) y=(TOP + HEIGHT + 15.0) text-anchor="end" { (clock(last)) " UTC" }
                } @else {
                    text.tick x=(LEFT + (WIDTH - LEFT - RIGHT) / 2.0) y=(TOP + HEIGHT / 2.0) text-anchor="middle" { "nothing measured yet" }
                }
                @for (number, line) in lines.iter().enumerate() {
                    path class=(format!("line line-{number}")) d=(path(moments, &line.values, y_of)) {}
                }
            }
            ul.legend {
                @for (number, line) in lines.iter().enumerate() {
                    li {
                        svg.key viewBox="0 0 14 4" aria-hidden="true" { path class=(format!("line line-{number}")) d="M0 2H14" {} }
                        (clip(&clean(&line.name), 24)) " " b { (show(line.last())) }
                    }
                }
                @if all > lines.len() { li { "and " (counted((all - lines.len()) as u64, words.line)) " with less" } }
            }
        }
    }
}

/// The lines that end highest, in the order in which they came.
fn highest(lines: Vec<Line>) -> Vec<Line> {
    if lines.len() <= MOST_LINES {
        return lines;
    }
    let mut numbered: Vec<(usize, Line)> = lines.into_iter().enumerate().collect();
    numbered.sort_by(|one, other| other.1.last().total_cmp(&one.1.last()).then(one.0.cmp(&other.0)));
    numbered.truncate(MOST_LINES);
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, line)| line).collect()
}

/// What the chart shows, for those who don't see it.
fn describe(words: Words<'_>, lines: &[Line], show: impl Fn(f64) -> String) -> String {
    let now: Vec<String> = lines.iter().map(|line| format!("{} {}", clean(&line.name), show(line.last()))).collect();
    format!(
        "{} in {}: {}",
        words.title,
        words.unit,
        if now.is_empty() { "nothing yet".to_owned() } else { now.join(", ") }
    )
}

/// A line through the values that are numbers, with a gap for each run of others.
#[allow(clippy::cast_precision_loss, reason = "minutes in milliseconds are small numbers")]
fn path(moments: &[Moment], values: &[f64], y_of: impl Fn(f64) -> f64) -> String {
    let (Some(first), Some(last)) = (moments.first(), moments.last()) else { return String::new() };
    let whole = last.0.saturating_sub(first.0).max(1) as f64;
    let x_of = |moment: Moment| LEFT + (WIDTH - LEFT - RIGHT) * moment.0.saturating_sub(first.0) as f64 / whole;
    let points: Vec<Option<(f64, f64)>> = moments
        .iter()
        .zip(values)
        .map(|(moment, value)| value.is_finite().then(|| (x_of(*moment), y_of(value.max(0.0)))))
        .collect();
    let runs = points.split(Option::is_none).map(|run| run.iter().flatten().copied().collect::<Vec<_>>());
    runs.map(|run| match run[..] {
        // A lone point is a short stroke, or nobody would see it.
        [(x, y)] => line_through(&[(x - 0.8, y), (x + 0.8, y)]),
        _ => line_through(&run),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::words::short;
    use super::*;

    const WORDS: Words<'_> = Words { title: "Lag", unit: "requests", line: "partition" };

    fn drawn(moments: &[u64], lines: &[&[f64]]) -> String {
        let moments: Vec<Moment> = moments.iter().copied().map(Moment).collect();
        let lines = lines
            .iter()
            .enumerate()
            .map(|(number, values)| Line { name: format!("<{number}>"), values: values.to_vec() });
        chart(WORDS, &moments, lines.collect(), short).into_string()
    }

    #[test]
    fn a_line_goes_from_left_to_right_and_higher_is_up() {
        let path = path(&[Moment(0), Moment(10)], &[0.0, 4.0], |value| TOP + HEIGHT * (1.0 - value / 4.0));
        assert_eq!(path, format!("M{LEFT} {}L{} {TOP}", TOP + HEIGHT, WIDTH - RIGHT));
    }

    #[test]
    fn what_is_no_number_makes_a_gap() {
        let moments = [0, 1, 2, 3, 4].map(Moment);
        let path = path(&moments, &[1.0, 2.0, f64::NAN, f64::INFINITY, 1.0], |value| value);
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert!(!path.contains("NaN") && !path.contains("inf"));
    }

    #[test]
    fn before_anything_is_measured_the_chart_has_its_size_and_says_so() {
        let empty = drawn(&[], &[]);
        assert!(empty.contains("nothing measured yet") && empty.contains("viewBox=\"0 0 340 160\""), "{empty}");
        assert!(drawn(&[1, 2], &[&[1.0, 2.0]]).contains("viewBox=\"0 0 340 160\""));
    }

    #[test]
    fn of_many_lines_the_highest_are_drawn_and_the_rest_is_counted() {
        let values: Vec<[f64; 1]> = (0..9).map(|number| [f64::from(number)]).collect();
        let lines: Vec<&[f64]> = values.iter().map(|values| &values[..]).collect();
        let many = drawn(&[1], &lines);
        assert!(many.contains("and 3 partitions with less") && !many.contains("&lt;2&gt;"), "{many}");
        assert!(many.find("&lt;3&gt;") < many.find("&lt;8&gt;") && !many.contains("<3>"));
    }

    proptest! {
        #[test]
        fn a_line_stays_in_the_picture(values in prop::collection::vec(0.0_f64..1e12, 1..50)) {
            let moments: Vec<Moment> = (0..values.len() as u64).map(Moment).collect();
            let top = ticks(values.iter().copied().fold(0.0, f64::max)).pop().unwrap();
            let path = path(&moments, &values, |value| TOP + HEIGHT * (1.0 - value / top));
            for point in path.split(['M', 'L']).filter(|point| !point.is_empty()) {
                let (x, y) = point.split_once(' ').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                prop_assert!((LEFT - 1.0..=WIDTH).contains(&x) && (TOP - 0.1..=TOP + HEIGHT + 0.1).contains(&y), "{}", point);
            }
        }
    }
}
