//! Columns side by side, for any number of workers.

use maud::html;

use super::{Figure, Table};
use crate::report::TrainingReport;
use crate::report::figures::{count, counted, percent, share};
use crate::report::svg::{Anchor, Area, WIDTH, line, picture, rectangle, text, ticks};

const HEIGHT: f64 = 150.0;
const TOP: f64 = 10.0;
const LEFT: f64 = 58.0;
const BELOW: f64 = 22.0;

/// How many rows each worker read.
pub(super) fn rows_per_worker(report: &TrainingReport) -> Figure {
    let rows = &report.rows.per_worker;
    let title = "Rows read per worker";
    let caption = caption(rows);
    let largest = rows.iter().copied().max().unwrap_or(0) as f64;
    let grid = ticks(largest);
    let top = grid.last().copied().unwrap_or(1.0);
    let pitch = (WIDTH - LEFT) / rows.len() as f64;
    let every = rows.len().div_ceil(12);
    let body = html! {
        @for tick in &grid {
            @let y = TOP + HEIGHT * (1.0 - share(*tick, top));
            (line((LEFT, y), (WIDTH, y), "grid"))
            (text(LEFT - 6.0, y + 4.0, Anchor::End, "value", &count(tick.round() as u64)))
        }
        @for (worker, rows) in rows.iter().enumerate() {
            @let height = HEIGHT * share(*rows as f64, top);
            @let (width, x) = ((pitch * 0.72).min(48.0), LEFT + (worker as f64 + 0.5) * pitch);
            @let area = Area { x: x - width / 2.0, y: TOP + HEIGHT - height, width, height };
            (rectangle(area, "first", &format!("worker {worker}: {}", counted(*rows, "row"))))
            @if worker.is_multiple_of(every) {
                (text(x, TOP + HEIGHT + 16.0, Anchor::Middle, "value", &worker.to_string()))
            }
        }
    };
    Figure {
        title,
        drawing: picture("workers", title, &caption, TOP + HEIGHT + BELOW, &body),
        caption,
        table: Table {
            header: ["Worker", "rows"].map(str::to_owned).into(),
            rows: rows.iter().enumerate().map(|(worker, rows)| vec![worker.to_string(), count(*rows)]).collect(),
        },
    }
}

/// Says how evenly the rows were shared out.
fn caption(rows: &[u64]) -> String {
    let mean = rows.iter().sum::<u64>() as f64 / rows.len().max(1) as f64;
    let farthest = rows.iter().map(|rows| (*rows as f64 - mean).abs()).fold(0.0, f64::max);
    match rows.len() {
        1 => "One worker read all rows.".to_owned(),
        workers => {
            format!("{workers} workers; none is further than {} from an equal share.", percent(share(farthest, mean)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caption_says_how_even_the_shares_are() {
        assert_eq!(caption(&[90, 110]), "2 workers; none is further than 10.0% from an equal share.");
        assert_eq!(caption(&[7]), "One worker read all rows.");
        assert!(caption(&[0, 0]).contains("0.0%"));
    }
}
