//! Puts boxes into layers so that arrows go down, and orders each layer so that few arrows cross (Sugiyama, 1981).
//!
//! An arrow that closes a cycle is turned round for this, and marked. An arrow that goes over several layers has a *bend* in
//! each layer between: a box without size, so that arrows have places of their own and run around boxes.

/// How often the order of all layers is tried to be bettered. More changes little.
const SWEEPS: usize = 12;

/// The most boxes and bends. Beyond, a picture would show nothing but lines.
pub(super) const MOST_PLACES: usize = 3000;

/// Boxes (first) and bends in their layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layers {
    /// Boxes and bends of each layer, from left to right.
    pub(super) rows: Vec<Vec<usize>>,
    /// Of each arrow: the places that it goes through, from the upper box to the lower.
    pub(super) ways: Vec<Vec<usize>>,
    /// Of each arrow: whether it goes up, against its way.
    pub(super) turned: Vec<bool>,
    /// How many boxes and bends there are.
    pub(super) places: usize,
}

/// The layers of so many boxes with arrows between them; arrows from a box to itself have no way. `None` if that would be
/// more than [`MOST_PLACES`].
pub(super) fn layers(boxes: usize, arrows: &[(usize, usize)]) -> Option<Layers> {
    if boxes > MOST_PLACES {
        return None;
    }
    let turned = turned(boxes, arrows);
    let down: Vec<(usize, usize)> =
        arrows.iter().zip(&turned).map(|(&(from, to), &turned)| if turned { (to, from) } else { (from, to) }).collect();
    let layer = longest_paths(boxes, &down);
    let bends: usize = down.iter().map(|&(from, to)| (layer[to] - layer[from]).saturating_sub(1)).sum();
    if boxes + bends > MOST_PLACES {
        return None;
    }
    let mut rows = vec![Vec::new(); layer.iter().max().map_or(0, |deepest| deepest + 1)];
    for (place, layer) in layer.iter().enumerate() {
        rows[*layer].push(place);
    }
    let mut places = boxes;
    let mut ways = Vec::with_capacity(down.len());
    for &(from, to) in &down {
        let mut way = vec![from];
        for row in rows.iter_mut().take(layer[to]).skip(layer[from] + 1) {
            row.push(places);
            way.push(places);
            places += 1;
        }
        way.push(to);
        ways.push(if from == to { Vec::new() } else { way });
    }
    let mut layers = Layers { rows, ways, turned, places };
    layers.uncross();
    Some(layers)
}

/// Which arrows close a cycle when boxes are visited in depth, in their order.
fn turned(boxes: usize, arrows: &[(usize, usize)]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnTheWay,
        Done,
    }
    let mut of_box = vec![Vec::new(); boxes];
    for (arrow, &(from, _)) in arrows.iter().enumerate() {
        of_box[from].push(arrow);
    }
    let mut seen = vec![Seen::No; boxes];
    let mut turned = vec![false; arrows.len()];
    for root in 0..boxes {
        if seen[root] != Seen::No {
            continue;
        }
        seen[root] = Seen::OnTheWay;
        let mut way = vec![(root, 0)];
        while let Some((at, next)) = way.last_mut() {
            let Some(&arrow) = of_box[*at].get(*next) else {
                seen[*at] = Seen::Done;
                way.pop();
                continue;
            };
            *next += 1;
            let to = arrows[arrow].1;
            match seen[to] {
                Seen::OnTheWay => turned[arrow] = arrows[arrow].0 != to,
                Seen::Done => {}
                Seen::No => {
                    seen[to] = Seen::OnTheWay;
                    way.push((to, 0));
                }
            }
        }
    }
    turned
}

/// The layer of each box: below all those from which an arrow comes; a box without any stands just above the first to
/// which it gives.
fn longest_paths(boxes: usize, arrows: &[(usize, usize)]) -> Vec<usize> {
    let mut waits_for = vec![0_usize; boxes];
    let mut below = vec![Vec::new(); boxes];
    for &(from, to) in arrows.iter().filter(|(from, to)| from != to) {
        waits_for[to] += 1;
        below[from].push(to);
    }
    let is_first: Vec<bool> = waits_for.iter().map(|count| *count == 0).collect();
    let mut layer = vec![0_usize; boxes];
    let mut ready: Vec<usize> = (0..boxes).filter(|at| is_first[*at]).collect();
    while let Some(at) = ready.pop() {
        for &to in &below[at] {
            layer[to] = layer[to].max(layer[at] + 1);
            waits_for[to] -= 1;
            if waits_for[to] == 0 {
                ready.push(to);
            }
        }
    }
    for at in (0..boxes).filter(|at| is_first[*at]) {
        if let Some(nearest) = below[at].iter().map(|to| layer[*to]).min() {
            layer[at] = nearest.saturating_sub(1);
        }
    }
    layer
}

impl Layers {
    /// For each place those that it is joined with in the row above, and in the row below.
    pub(super) fn neighbours(&self) -> [Vec<Vec<usize>>; 2] {
        let (mut above, mut below) = (vec![Vec::new(); self.places], vec![Vec::new(); self.places]);
        for step in self.ways.iter().flat_map(|way| way.windows(2)) {
            if let [upper, lower] = *step {
                below[upper].push(lower);
                above[lower].push(upper);
            }
        }
        [above, below]
    }

    /// Orders the rows so that few arrows cross: each place goes to the mean of its neighbours, row by row, down and up.
    fn uncross(&mut self) {
        let [above, below] = self.neighbours();
        let mut best = (self.crossings(&below), self.rows.clone());
        for sweep in 0..SWEEPS {
            let goes_down = sweep % 2 == 0;
            let depth = self.rows.len();
            for step in 1..depth {
                let (row, beside, joined) =
                    if goes_down { (step, step - 1, &above) } else { (depth - 1 - step, depth - step, &below) };
                let at = positions(&self.rows[beside], self.places);
                let own = positions(&self.rows[row], self.places);
                self.rows[row].sort_by(|one, other| {
                    let wish = |place: usize| mean(&joined[place], &at).unwrap_or(own[place]);
                    wish(*one).total_cmp(&wish(*other))
                });
            }
            let crossings = self.crossings(&below);
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
            }
        }
        self.rows = best.1;
    }

    /// How many pairs of arrows cross.
    fn crossings(&self, below: &[Vec<usize>]) -> usize {
        let mut crossings = 0;
        for pair in self.rows.windows(2) {
            let [upper, lower] = pair else { continue };
            let at = positions(lower, self.places);
            let mut ends: Vec<f64> = Vec::new();
            for place in upper {
                let mut own: Vec<f64> = below[*place].iter().map(|to| at[*to]).collect();
                crossings += own.iter().map(|end| ends.iter().filter(|earlier| *earlier > end).count()).sum::<usize>();
                ends.append(&mut own);
            }
        }
        crossings
    }
}

/// Where each place of a row stands in it.
fn positions(row: &[usize], places: usize) -> Vec<f64> {
    let mut at = vec![0.0; places];
    for (position, place) in (0_u32..).zip(row) {
        at[*place] = f64::from(position);
    }
    at
}

#[allow(clippy::cast_precision_loss, reason = "a place has few neighbours")]
fn mean(joined: &[usize], at: &[f64]) -> Option<f64> {
    (!joined.is_empty()).then(|| joined.iter().map(|place| at[*place]).sum::<f64>() / joined.len() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arrows_are_uncrossed_where_that_is_possible() {
        // 0 and 1 above, 2 and 3 below, joined crosswise.
        let layers = layers(4, &[(0, 3), (1, 2)]).unwrap();
        let [_, below] = layers.neighbours();
        assert_eq!(layers.crossings(&below), 0, "{layers:?}");
    }

    #[test]
    fn a_loop_is_turned_where_it_closes() {
        let layers = layers(3, &[(0, 1), (1, 2), (2, 1), (1, 1)]).unwrap();
        assert_eq!(layers.turned, [false, false, true, false]);
        assert_eq!(layers.rows, [[0], [1], [2]]);
        assert_eq!(layers.ways[3], [0; 0]);
    }

    #[test]
    fn a_source_stands_beside_where_it_is_needed() {
        let layers = layers(5, &[(0, 1), (1, 2), (2, 3), (4, 3)]).unwrap();
        assert!(layers.rows[2].contains(&4), "{layers:?}");
    }

    #[test]
    fn what_nobody_could_read_is_not_drawn() {
        assert_eq!(layers(MOST_PLACES + 1, &[]), None);
        let chain: Vec<_> = (0..299).map(|at| (at, at + 1)).chain((0..280).map(|at| (at, 299))).collect();
        assert_eq!(layers(300, &chain), None);
        assert_eq!(layers(0, &[]), Some(Layers::default()));
    }

    proptest! {
        #[test]
        fn each_place_is_in_one_row_and_ways_go_from_row_to_row(
            boxes in 1_usize..40,
            arrows in prop::collection::vec((0_usize..40, 0_usize..40), 0..80),
        ) {
            let arrows: Vec<_> = arrows.into_iter().map(|(from, to)| (from % boxes, to % boxes)).collect();
            let layers = layers(boxes, &arrows).unwrap();
            let mut row_of = vec![None; layers.places];
            for (row, places) in layers.rows.iter().enumerate() {
                for place in places {
                    prop_assert!(row_of[*place].replace(row).is_none());
                }
            }
            prop_assert!(row_of.iter().all(Option::is_some));
            for ((way, turned), (from, to)) in layers.ways.iter().zip(&layers.turned).zip(&arrows) {
                let ends = if *turned { (*to, *from) } else { (*from, *to) };
                if from == to {
                    prop_assert!(way.is_empty());
                } else {
                    prop_assert_eq!((way[0], way[way.len() - 1]), ends);
                }
                for step in way.windows(2) {
                    prop_assert_eq!(row_of[step[1]].unwrap(), row_of[step[0]].unwrap() + 1);
                }
            }
        }

        #[test]
        fn without_a_cycle_nothing_is_turned(arrows in prop::collection::vec((0_usize..20, 0_usize..20), 0..60)) {
            let arrows: Vec<_> = arrows.into_iter().filter(|(from, to)| from < to).collect();
            prop_assert!(layers(20, &arrows).unwrap().turned.iter().all(|turned| !turned));
        }
    }
}
