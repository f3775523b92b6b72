//! Horizontal bars: one or a few for each name, the figure behind each bar.

use maud::{Markup, html};

use super::{Figure, Table};
use crate::report::figures::share;
use crate::report::svg::{Anchor, Area, CHARACTER, WIDTH, label, line, picture, rectangle, text, ticks};

/// Name and colour class of what one bar of each group shows.
pub(super) struct Series(pub(super) &'static str, pub(super) &'static str);

/// The bars of one name, one per series.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// A picture of bars.
pub(super) struct Bars {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) series: Vec<Series>,
    pub(super) groups: Vec<Group>,
    /// The value of a bar as wide as can be; the largest value when there is none.
    pub(super) largest: Option<f64>,
    pub(super) format: fn(f64) -> String,
}

/// Units for the figure behind the longest bar.
const FIGURE: f64 = 58.0;
const LEGEND: f64 = 26.0;

impl Bars {
    /// The bars as a picture with its table, whose first heading is `names`.
    pub(super) fn figure(&self, caption: String, names: &str) -> Figure {
        let cells = |group: &Group| {
            let figures = group.values.iter().map(|value| (self.format)(*value));
            std::iter::once(group.name.clone()).chain(figures).collect()
        };
        let series = self.series.iter().map(|series| series.0.to_owned());
        Figure {
            title: self.title,
            drawing: self.drawing(&caption),
            caption,
            table: Table {
                header: std::iter::once(names.to_owned()).chain(series).collect(),
                rows: self.groups.iter().map(cells).collect(),
            },
        }
    }

    /// A lone series has its names beside the bars; several have them above, and a legend.
    fn drawing(&self, description: &str) -> Markup {
        let grouped = self.series.len() > 1;
        let longest = self.groups.iter().map(|group| group.name.chars().count()).max().unwrap_or(0);
        let (left, top) =
            if grouped { (0.0, LEGEND) } else { ((longest as f64 * CHARACTER + 8.0).min(WIDTH / 3.0), 0.0) };
        let (thickness, gap, heading) = if grouped { (11.0, 3.0, 18.0) } else { (14.0, 0.0, 0.0) };
        let between = if grouped { 14.0 } else { 8.0 };
        let pitch = heading + self.series.len() as f64 * (thickness + gap) + between;
        let bottom = top + self.groups.len() as f64 * pitch;
        let scale = WIDTH - left - FIGURE;
        let values = self.groups.iter().flat_map(|group| &group.values).copied();
        let largest = self.largest.unwrap_or_else(|| values.fold(0.0, f64::max));
        let grid: Vec<f64> = ticks(largest).into_iter().filter(|tick| *tick <= largest).collect();
        let body = html! {
            @if grouped { (self.legend()) }
            @for tick in &grid {
                @let x = left + share(*tick, largest) * scale;
                (line((x, top), (x, bottom - between / 2.0), "grid"))
            }
            @for (number, group) in self.groups.iter().enumerate() {
                @let y = top + number as f64 * pitch;
                @if grouped {
                    (label(0.0, y + 12.0, WIDTH, Anchor::Start, "name", &group.name))
                } @else {
                    (label(left - 8.0, y + thickness - 3.0, left - 8.0, Anchor::End, "name", &group.name))
                }
                @for (place, (value, series)) in group.values.iter().zip(&self.series).enumerate() {
                    @let y = y + heading + place as f64 * (thickness + gap);
                    @let width = share(*value, largest) * scale;
                    @let figure = (self.format)(*value);
                    @let hint = format!("{}: {} {figure}", group.name, series.0);
                    (rectangle(Area { x: left, y, width, height: thickness }, series.1, &hint))
                    (text(left + width + 5.0, y + thickness - (thickness - 9.0) / 2.0, Anchor::Start, "value", &figure))
                }
            }
        };
        picture(self.id, self.title, description, bottom, &body)
    }

    fn legend(&self) -> Markup {
        let mut x = 0.0;
        let place = |series: &Series| {
            let place = x;
            x += 16.0 + series.0.chars().count() as f64 * CHARACTER + 14.0;
            place
        };
        let places: Vec<f64> = self.series.iter().map(place).collect();
        html! {
            @for (x, series) in places.iter().zip(&self.series) {
                (rectangle(Area { x: *x, y: 1.0, width: 11.0, height: 11.0 }, series.1, ""))
                (text(x + 16.0, 11.0, Anchor::Start, "name", series.0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bar_leaves_the_picture(
            values in proptest::collection::vec(any::<f64>(), 1..20),
            largest in proptest::option::of(any::<f64>()),
        ) {
            let groups = values.iter().map(|value| Group { name: "n".repeat(90), values: vec![*value] }).collect();
            let (series, format): (_, fn(f64) -> String) = (vec![Series("s", "first")], |_| String::new());
            let bars = Bars { id: "b", title: "t", series, groups, largest, format };
            let drawing = bars.drawing("d").into_string();
            for width in drawing.split(" width=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
                prop_assert!((0.0..=WIDTH - FIGURE).contains(&width.parse::<f64>().unwrap()), "{}", width);
            }
        }
    }
}
