//! The confusion matrix as a heat map: each row of cells is a class, shaded by the shares of its rows.

use flightline_operators::evaluate::Quality;
use maud::{Markup, html};

use super::{Figure, Table};
use crate::report::TrainingReport;
use crate::report::figures::{count, counted, share, whole_percent};
use crate::report::svg::{Anchor, Area, CHARACTER, WIDTH, picture, rectangle, text};
use crate::report::text::wrap;

const LEFT: f64 = 92.0;
const TOP: f64 = 62.0;
const TALLEST: f64 = 58.0;
const LINE: f64 = 13.0;

/// More classes than these leave no room for their names: their numbers stand in.
const MOST_NAMED: usize = 5;

/// The matrix of the rows that show the quality.
pub(super) fn figure(report: &TrainingReport) -> Figure {
    let (judged, quality) = report.shown();
    let names: Vec<String> = (0..quality.classes.len()).map(|class| report.class_name(class)).collect();
    let title = "What is taken for what";
    let caption = format!(
        "Shares of each class’s rows, by the class that the model says, on {judged}.{}",
        worst(quality, &names)
    );
    let (drawing, height) = drawing(quality, &names);
    let cells = |(actual, name): (usize, &String)| {
        std::iter::once(name.clone()).chain(quality.confusion[actual].iter().map(|rows| count(*rows))).collect()
    };
    Figure {
        title,
        drawing: picture("confusion", title, &caption, height, &drawing),
        caption,
        table: Table {
            header: std::iter::once("Actual ↓ said →".to_owned()).chain(names.iter().cloned()).collect(),
            rows: names.iter().enumerate().map(cells).collect(),
        },
    }
}

/// The confusion that costs its class the largest share of rows.
fn worst(quality: &Quality, names: &[String]) -> String {
    let classes = 0..quality.classes.len();
    let pairs = classes.clone().flat_map(|actual| classes.clone().map(move |said| (actual, said)));
    let lost = |(actual, said): (usize, usize)| {
        share(quality.confusion[actual][said] as f64, quality.classes[actual].rows as f64)
    };
    let wrong = pairs.filter(|(actual, said)| actual != said && quality.confusion[*actual][*said] > 0);
    let worst = wrong.map(|pair| (pair, lost(pair))).max_by(|a, b| a.1.total_cmp(&b.1));
    worst.map_or_else(String::new, |((actual, said), share)| {
        format!(" Most often, “{}” is taken for “{}”: {}.", names[actual], names[said], whole_percent(share))
    })
}

fn drawing(quality: &Quality, names: &[String]) -> (Markup, f64) {
    let cell = (WIDTH - LEFT) / names.len().max(1) as f64;
    let height = cell.min(TALLEST);
    let bottom = TOP + height * names.len() as f64;
    let lines = |class: usize, units: f64| {
        let named = if names.len() > MOST_NAMED { class.to_string() } else { names[class].clone() };
        let mut lines = wrap(&named, (units / CHARACTER) as usize);
        lines.truncate(4);
        lines
    };
    let body = html! {
        (text(LEFT - 8.0, 12.0, Anchor::End, "faint", "actual ↓ said →"))
        @for class in 0..names.len() {
            @let (x, above) = (LEFT + (class as f64 + 0.5) * cell, lines(class, cell));
            @for (place, words) in above.iter().rev().enumerate() {
                (text(x, TOP - 7.0 - place as f64 * LINE, Anchor::Middle, "name", words))
            }
            @let (y, beside) = (TOP + (class as f64 + 0.5) * height, lines(class, LEFT - 8.0));
            @let first = y + 4.0 - (beside.len().saturating_sub(1)) as f64 * LINE / 2.0;
            @for (place, words) in beside.iter().enumerate() {
                (text(LEFT - 8.0, first + place as f64 * LINE, Anchor::End, "name", words))
            }
            @for (said, rows) in quality.confusion[class].iter().enumerate() {
                @let part = share(*rows as f64, quality.classes[class].rows as f64);
                @let x = LEFT + said as f64 * cell;
                @let area = Area { x: x + 1.0, y: y - height / 2.0 + 1.0, width: cell - 2.0, height: height - 2.0 };
                @let hint = format!("{} taken for {}: {}", names[class], names[said], counted(*rows, "row"));
                g class=(format!("heat heat-{:.0}", part * 10.0)) {
                    (rectangle(area, if said == class { "cell hit" } else { "cell" }, &hint))
                    @if names.len() <= 9 {
                        (text(x + cell / 2.0, y + 4.5, Anchor::Middle, "share", &whole_percent(part)))
                    }
                }
            }
        }
    };
    (body, bottom + 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_worst_confusion_is_named_by_its_share_and_a_perfect_model_has_none() {
        let mut quality = sample::quality(200, 50);
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        quality.confusion = vec![vec![0; 4]; 4];
        (quality.confusion[0][0], quality.classes[0].rows) = (10, 10);
        assert_eq!(worst(&quality, &names), "");
        (quality.confusion[1][2], quality.classes[1].rows) = (1, 2);
        (quality.confusion[2][3], quality.classes[2].rows) = (40, 100);
        assert_eq!(worst(&quality, &names), " Most often, “b” is taken for “c”: 50%.");
    }

    #[test]
    fn many_classes_are_numbered_instead_of_named() {
        let mut quality = sample::quality(200, 50);
        quality.classes = vec![quality.classes[0]; 12];
        quality.confusion = vec![vec![3; 12]; 12];
        let names: Vec<String> = (0..12).map(|class| format!("name-{class}")).collect();
        let drawn = drawing(&quality, &names).0.into_string();
        assert!(drawn.contains(">11</text>") && !drawn.contains(">name-11</text>"));
        assert_eq!(drawn.matches("<rect").count(), 144);
    }
}
