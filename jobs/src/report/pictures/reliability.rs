//! Reliability diagrams: for each class, how often it comes true by how probable the model called it.

use flightline_operators::evaluate::{CalibrationPoint, Quality};
use maud::{Markup, html};

use super::{Figure, Table};
use crate::report::TrainingReport;
use crate::report::figures::{count, counted, percent, share};
use crate::report::svg::{Anchor, Area, WIDTH, dot, line, path, picture, rectangle, text};
use crate::report::text::wrap;
use crate::report::words::heading;

const PANELS_BESIDE: usize = 2;
const LEFT: f64 = 32.0;
const SIDE: f64 = 132.0;
const PITCH_X: f64 = (WIDTH - LEFT - SIDE) / (PANELS_BESIDE - 1) as f64;
const PITCH_Y: f64 = SIDE + 72.0;
const TOP: f64 = 54.0;
const LINE: f64 = 13.0;

/// Characters of a class's name above its diagram, on each of two lines.
const NAME_COLUMNS: usize = 20;

/// One diagram per class, of the test rows and, hollow, of the companion.
pub(super) fn figure(report: &TrainingReport) -> Figure {
    let title = "Calibration";
    let (judged, quality) = report.shown();
    let beside = report.companion.as_ref().filter(|_| report.test.is_some());
    let caption = format!(
        "Of the flights to which the model gives a class with some probability, the share that are of it. On the diagonal \
         the two are equal; below it, the model is too sure. Larger dots have more rows. On {judged}, the mean distance \
         is {}.",
        percent(quality.calibration_error)
    );
    let classes = quality.calibration.len();
    let first = report.test.as_ref().map_or(judged, |test| heading(test.kind));
    let body = html! {
        (dot(6.0, 8.0, 4.5, "point first", first))
        (text(16.0, 12.0, Anchor::Start, "name", first))
        @if let Some(beside) = beside {
            (dot(146.0, 8.0, 4.5, "point hollow", heading(beside.kind)))
            (text(156.0, 12.0, Anchor::Start, "name", heading(beside.kind)))
        }
        @for class in 0..classes {
            @let x = LEFT + (class % PANELS_BESIDE) as f64 * PITCH_X;
            @let y = TOP + (class / PANELS_BESIDE) as f64 * PITCH_Y;
            @for (place, words) in wrap(&report.class_name(class), NAME_COLUMNS).iter().take(2).rev().enumerate() {
                (text(x, y - 8.0 - place as f64 * LINE, Anchor::Start, "name", words))
            }
            (frame(x, y, class % PANELS_BESIDE == 0, class + PANELS_BESIDE >= classes))
            @if let Some(points) = beside.and_then(|beside| beside.quality.calibration.get(class)) {
                (curve(x, y, points, "hollow"))
            }
            (curve(x, y, &quality.calibration[class], "first"))
        }
    };
    let height = TOP + classes.div_ceil(PANELS_BESIDE) as f64 * PITCH_Y - 34.0;
    Figure {
        title,
        drawing: picture("calibration", title, &caption, height, &body),
        caption,
        table: table(report, quality),
    }
}

/// The square of one diagram, with its diagonal.
fn frame(x: f64, y: f64, leftmost: bool, lowest: bool) -> Markup {
    html! {
        (rectangle(Area { x, y, width: SIDE, height: SIDE }, "frame", ""))
        @for (part, name) in [(0.0, "0%"), (0.5, "50%"), (1.0, "100%")] {
            (line((x + part * SIDE, y), (x + part * SIDE, y + SIDE), "grid"))
            (line((x, y + part * SIDE), (x + SIDE, y + part * SIDE), "grid"))
            (text(x + part * SIDE, y + SIDE + 13.0, Anchor::Middle, "tick", name))
            @if leftmost { (text(x - 4.0, y + (1.0 - part) * SIDE + 3.5, Anchor::End, "tick", name)) }
        }
        (line((x, y + SIDE), (x + SIDE, y), "diagonal"))
        @if lowest { (text(x + SIDE / 2.0, y + SIDE + 28.0, Anchor::Middle, "faint", "predicted →, observed ↑")) }
    }
}

fn curve(x: f64, y: f64, points: &[CalibrationPoint], class: &str) -> Markup {
    let most = points.iter().map(|point| point.rows).max().unwrap_or(0) as f64;
    let place = |point: &CalibrationPoint| {
        (x + share(point.predicted, 1.0) * SIDE, y + SIDE - share(point.observed, 1.0) * SIDE)
    };
    let places: Vec<(f64, f64)> = points.iter().map(place).collect();
    html! {
        (path(&places, &format!("curve {class}")))
        @for ((x, y), point) in places.iter().zip(points) {
            @let radius = 1.8 + 3.8 * share(point.rows as f64, most).sqrt();
            @let (predicted, observed) = (percent(point.predicted), percent(point.observed));
            @let hint = format!("predicted {predicted}, observed {observed}, {}", counted(point.rows, "row"));
            (dot(*x, *y, radius, &format!("point {class}"), &hint))
        }
    }
}

fn table(report: &TrainingReport, quality: &Quality) -> Table {
    let rows = quality.calibration.iter().enumerate().flat_map(|(class, points)| {
        let cells = move |point: &CalibrationPoint| {
            vec![report.class_name(class), percent(point.predicted), percent(point.observed), count(point.rows)]
        };
        points.iter().map(cells)
    });
    Table { header: ["Class", "predicted", "observed", "rows"].map(str::to_owned).into(), rows: rows.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn there_is_a_dot_for_every_point_and_none_leaves_its_square() {
        let mut report = sample::report();
        let points = |report: &TrainingReport| {
            let of = |quality: &Quality| quality.calibration.iter().map(Vec::len).sum::<usize>();
            let judged = report.test.iter().chain(&report.companion);
            judged.map(|judged| of(&judged.quality) + 1).sum::<usize>()
        };
        let drawn = |report: &TrainingReport| figure(report).drawing.into_string().matches("<circle").count();
        assert_eq!(drawn(&report), points(&report));
        report.companion = None;
        assert_eq!(drawn(&report), points(&report));
        let odd = [CalibrationPoint { rows: 1, predicted: 7.0, observed: -3.0 }];
        let curve = curve(10.0, 20.0, &odd, "first").into_string();
        assert!(curve.contains(&format!("cx=\"{}\" cy=\"{}\"", 10.0 + SIDE, 20.0 + SIDE)), "{curve}");
    }
}
