//! Where boxes stand and how arrows run, from their layers and from where they are across the picture.

use super::across::{BEND, middles};
use super::layers::layers;

/// Between two rows.
const ROW_GAP: f64 = 46.0;
/// Around everything.
const MARGIN: f64 = 14.0;
/// How far beside its box an arrow to itself goes.
const LOOP: f64 = 16.0;

/// How large a box is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where a box stands: its upper left corner, and its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) size: Size,
}

/// How an arrow runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Route {
    /// From the box where it begins to the box where it ends.
    pub(super) points: Vec<(f64, f64)>,
    /// Whether it goes up: back to where it can come from.
    pub(super) goes_back: bool,
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layout {
    pub(super) boxes: Vec<Place>,
    pub(super) routes: Vec<Route>,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Place {
    pub(super) fn middle(self) -> f64 {
        self.x + self.size.width / 2.0
    }

    pub(super) fn bottom(self) -> f64 {
        self.y + self.size.height
    }
}

/// Lays out boxes with arrows between them; `None` if there are too many for a picture.
pub(super) fn layout(sizes: &[Size], arrows: &[(usize, usize)]) -> Option<Layout> {
    if sizes.is_empty() {
        return Some(Layout::default());
    }
    let layers = layers(sizes.len(), arrows)?;
    let [above, below] = layers.neighbours();
    let widths: Vec<f64> = sizes.iter().map(|size| size.width).collect();
    let width_of = |place: usize| widths.get(place).copied().unwrap_or(BEND);
    let mut middles = middles(&layers, &widths);
    let left = (0..layers.places).map(|place| middles[place] - width_of(place) / 2.0).fold(f64::INFINITY, f64::min);
    let shift = if left.is_finite() { MARGIN - left } else { 0.0 };
    for middle in &mut middles {
        *middle += shift;
    }
    let heights: Vec<f64> = layers
        .rows
        .iter()
        .map(|row| row.iter().filter_map(|place| sizes.get(*place)).map(|size| size.height).fold(0.0, f64::max))
        .collect();
    let mut tops = Vec::with_capacity(layers.rows.len());
    let mut y = MARGIN;
    for height in &heights {
        tops.push(y);
        y += height + ROW_GAP;
    }
    let mut row_of = vec![0; layers.places];
    for (row, places) in layers.rows.iter().enumerate() {
        for place in places {
            row_of[*place] = row;
        }
    }
    let boxes: Vec<Place> = sizes
        .iter()
        .enumerate()
        .map(|(at, size)| {
            let row = row_of[at];
            Place { x: middles[at] - size.width / 2.0, y: tops[row] + (heights[row] - size.height) / 2.0, size: *size }
        })
        .collect();

    // Arrows leave and enter a box side by side, in the order of where they come from and go to.
    let along = |place: usize, others: &[usize], other: usize| {
        let mut sorted: Vec<f64> = others.iter().map(|place| middles[*place]).collect();
        sorted.sort_by(f64::total_cmp);
        let rank = sorted.iter().position(|middle| *middle >= middles[other]).unwrap_or(0);
        boxes[place].x + boxes[place].size.width * (rank as f64 + 1.0) / (sorted.len() as f64 + 1.0)
    };
    let routes = layers.ways.iter().zip(&layers.turned).zip(arrows).map(|((way, turned), (from, _))| {
        let points = match way[..] {
            [first, second, .., before, last] | [first, second @ before, last] => {
                let mut points = vec![(along(first, &below[first], second), boxes[first].bottom())];
                for bend in &way[1..way.len() - 1] {
                    let top = tops[row_of[*bend]];
                    points.extend([(middles[*bend], top), (middles[*bend], top + heights[row_of[*bend]])]);
                }
                points.push((along(last, &above[last], before), boxes[last].y));
                points
            }
            [first, last] => vec![
                (along(first, &below[first], last), boxes[first].bottom()),
                (along(last, &above[last], first), boxes[last].y),
            ],
            _ => round_itself(boxes[*from]),
        };
        let points = if *turned { points.into_iter().rev().collect() } else { points };
        Route { points, goes_back: *turned || way.is_empty() }
    });
    let routes: Vec<Route> = routes.collect();
    let right = boxes.iter().map(|place| place.x + place.size.width);
    let right = right.chain(routes.iter().flat_map(|route| route.points.iter().map(|point| point.0)));
    let width = right.fold(0.0, f64::max) + MARGIN;
    let height = y - ROW_GAP + MARGIN;
    Some(Layout { boxes, routes, width, height })
}

/// Out of the right side of a box and into it again.
fn round_itself(place: Place) -> Vec<(f64, f64)> {
    let (right, quarter) = (place.x + place.size.width, place.size.height / 4.0);
    vec![
        (right, place.y + 3.0 * quarter),
        (right + LOOP, place.y + 3.0 * quarter),
        (right + LOOP, place.y + quarter),
        (right, place.y + quarter),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOX: Size = Size { width: 100.0, height: 40.0 };

    fn overlap(one: Place, other: Place) -> bool {
        let apart = 1e-6;
        one.x + one.size.width > other.x + apart
            && other.x + other.size.width > one.x + apart
            && one.bottom() > other.y + apart
            && other.bottom() > one.y + apart
    }

    #[test]
    fn a_chain_is_straight_and_a_fork_is_even() {
        let chain = layout(&[BOX; 3], &[(0, 1), (1, 2)]).unwrap();
        assert!(chain.boxes.iter().all(|place| place.x == MARGIN), "{chain:?}");
        assert!((chain.width - (BOX.width + 2.0 * MARGIN)).abs() < 1e-9);
        let fork = layout(&[BOX; 3], &[(0, 1), (0, 2)]).unwrap();
        let middle = (fork.boxes[1].middle() + fork.boxes[2].middle()) / 2.0;
        assert!((fork.boxes[0].middle() - middle).abs() < 1.0, "{fork:?}");
    }

    #[test]
    fn an_arrow_to_itself_and_one_back_are_told_apart() {
        let layout = layout(&[BOX; 2], &[(0, 1), (1, 0), (1, 1)]).unwrap();
        assert_eq!(layout.routes.iter().map(|route| route.goes_back).collect::<Vec<_>>(), [false, true, true]);
        let back = &layout.routes[1].points;
        assert!(back[0].1 > back[back.len() - 1].1, "it goes up: {back:?}");
        assert!(layout.routes[2].points.iter().all(|point| point.0 < layout.width));
    }

    #[test]
    fn an_empty_scope_is_an_empty_picture() {
        assert_eq!(layout(&[], &[]), Some(Layout::default()));
    }

    proptest! {
        #[test]
        fn no_boxes_overlap_all_is_in_the_picture_and_arrows_go_down(
            sizes in prop::collection::vec((10.0_f64..200.0, 10.0_f64..80.0), 1..30),
            arrows in prop::collection::vec((0_usize..30, 0_usize..30), 0..60),
        ) {
            let sizes: Vec<Size> = sizes.into_iter().map(|(width, height)| Size { width, height }).collect();
            let arrows: Vec<_> = arrows.into_iter().map(|(from, to)| (from % sizes.len(), to % sizes.len())).collect();
            let laid = layout(&sizes, &arrows).unwrap();
            prop_assert_eq!(&laid, &layout(&sizes, &arrows).unwrap(), "equal graphs give equal pictures");
            for (at, place) in laid.boxes.iter().enumerate() {
                prop_assert!(place.x >= 0.0 && place.y >= 0.0);
                prop_assert!(place.x + place.size.width <= laid.width && place.bottom() <= laid.height);
                for other in &laid.boxes[..at] {
                    prop_assert!(!overlap(*place, *other), "{place:?} and {other:?}");
                }
            }
            for (route, (from, to)) in laid.routes.iter().zip(&arrows) {
                let ends = (route.points[0].1, route.points[route.points.len() - 1].1);
                let is_right = from == to || if route.goes_back { ends.0 > ends.1 } else { ends.0 < ends.1 };
                prop_assert!(is_right, "{:?}", ends);
                prop_assert!(route.points.iter().all(|(x, y)| (0.0..=laid.width).contains(x) && (0.0..=laid.height).contains(y)));
                let heights: Vec<f64> = route.points.iter().map(|point| point.1).collect();
                prop_assert!(from == to || route.goes_back || heights.is_sorted(), "{heights:?}");
            }
        }

        #[test]
        fn bends_of_an_arrow_run_beside_boxes(
            arrows in prop::collection::vec((0_usize..20, 0_usize..20), 0..40),
        ) {
            let arrows: Vec<_> = arrows.into_iter().filter(|(from, to)| from < to).collect();
            let laid = layout(&[BOX; 20], &arrows).unwrap();
            for route in &laid.routes {
                for pair in route.points[1..route.points.len() - 1].chunks(2) {
                    prop_assert_eq!(pair[0].0, pair[1].0, "straight through a row");
                    for place in &laid.boxes {
                        let beside = pair[0].0 <= place.x || pair[0].0 >= place.x + place.size.width;
                        prop_assert!(beside || place.bottom() <= pair[0].1 || place.y >= pair[1].1);
                    }
                }
            }
        }
    }
}
