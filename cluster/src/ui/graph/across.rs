//! Where places are across the picture.
//!
//! Each row is set so that its boxes stand as near as can be to their neighbours above and below, in the row's order and
//! without overlap: a least-squares fit of ascending numbers, which pooling neighbours solves exactly. At last arrows that go
//! over several rows are made straight where there is room.

use super::layers::Layers;

/// Between two places of a row.
const GAP: f64 = 26.0;
/// What a bend takes in its row.
pub(super) const BEND: f64 = 12.0;
/// How often all rows are set again.
const ROUNDS: usize = 120;
/// How much an arrow wants to be upright between two boxes, a box and a bend, and two bends (Gansner, 1993).
const UPRIGHT: [f64; 3] = [1.0, 2.0, 8.0];

/// The middle of each box and bend; `widths` are those of the boxes.
pub(super) fn middles(layers: &Layers, widths: &[f64]) -> Vec<f64> {
    let [above, below] = layers.neighbours();
    let is_bend = |place: usize| place >= widths.len();
    let width_of = |place: usize| widths.get(place).copied().unwrap_or(BEND);
    let weight = |one: usize, other: usize| UPRIGHT[usize::from(is_bend(one)) + usize::from(is_bend(other))];

    let mut middles = vec![0.0; layers.places];
    for row in &layers.rows {
        let mut x = 0.0;
        for place in row {
            middles[*place] = x + width_of(*place) / 2.0;
            x += width_of(*place) + GAP;
        }
    }
    let count = layers.rows.len();
    for round in 0..ROUNDS {
        for step in 0..count {
            let row = &layers.rows[if round % 2 == 0 { step } else { count - 1 - step }];
            let wishes: Vec<(f64, f64)> = row
                .iter()
                .map(|place| {
                    let joined = || above[*place].iter().chain(&below[*place]);
                    let weights: f64 = joined().map(|other| weight(*place, *other)).sum();
                    let sum: f64 = joined().map(|other| middles[*other] * weight(*place, *other)).sum();
                    if weights > 0.0 { (sum / weights, weights) } else { (middles[*place], 0.1) }
                })
                .collect();
            let of_row: Vec<f64> = row.iter().map(|place| width_of(*place)).collect();
            for (place, middle) in row.iter().zip(set_in_row(&wishes, &of_row)) {
                middles[*place] = middle;
            }
        }
    }

    straighten(layers, widths, &mut middles);
    middles
}

/// Puts the bends of each arrow below each other, as far as their neighbours in the rows leave room for that.
fn straighten(layers: &Layers, widths: &[f64], middles: &mut [f64]) {
    let width_of = |place: usize| widths.get(place).copied().unwrap_or(BEND);
    let (mut left_of, mut right_of) = (vec![None; layers.places], vec![None; layers.places]);
    for pair in layers.rows.iter().flat_map(|row| row.windows(2)) {
        if let [left, right] = *pair {
            (left_of[right], right_of[left]) = (Some(left), Some(right));
        }
    }
    for way in &layers.ways {
        let bends: Vec<usize> = way.iter().copied().filter(|place| *place >= widths.len()).collect();
        let mut begun = 0;
        while begun < bends.len() {
            let mut room = (f64::NEG_INFINITY, f64::INFINITY);
            let mut run = Vec::new();
            for &bend in &bends[begun..] {
                let apart = |other: usize| width_of(other) / 2.0 + GAP + width_of(bend) / 2.0;
                let from = left_of[bend].map_or(room.0, |other| room.0.max(middles[other] + apart(other)));
                let to = right_of[bend].map_or(room.1, |other| room.1.min(middles[other] - apart(other)));
                // By a hair: what stands as close as it may is not exactly there.
                if from > to + 1e-6 && !run.is_empty() {
                    break;
                }
                room = (from, to);
                run.push(bend);
            }
            let mean = run.iter().map(|bend| middles[*bend]).sum::<f64>() / run.len() as f64;
            for bend in &run {
                middles[*bend] = mean.min(room.1).max(room.0);
            }
            begun += run.len();
        }
    }
}

/// The middles of the places of a row: as near to what each wishes (with a weight) as can be, in order, and apart.
fn set_in_row(wishes: &[(f64, f64)], widths: &[f64]) -> Vec<f64> {
    // Less what is needed to its left, a place's middle only has to be no smaller than the one before.
    let mut offsets = Vec::with_capacity(widths.len());
    let mut offset = 0.0;
    for (at, width) in widths.iter().enumerate() {
        if at > 0 {
            offset += widths[at - 1] / 2.0 + GAP + width / 2.0;
        }
        offsets.push(offset);
    }
    // Blocks of places that stand as close as they may: their mean, weight, and number.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(wishes.len());
    for ((wish, weight), offset) in wishes.iter().zip(&offsets) {
        let mut block = (wish - offset, *weight, 1);
        while let Some(before) = blocks.pop_if(|before| before.0 > block.0) {
            let weight = before.1 + block.1;
            block = ((before.0 * before.1 + block.0 * block.1) / weight, weight, before.2 + block.2);
        }
        blocks.push(block);
    }
    let set = blocks.into_iter().flat_map(|(mean, _, number)| std::iter::repeat_n(mean, number));
    set.zip(offsets).map(|(mean, offset)| mean + offset).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_go_where_they_wish_and_share_what_several_want() {
        let wishes = [(0.0, 1.0), (500.0, 1.0), (500.0, 1.0)];
        let apart = GAP + 10.0;
        assert_eq!(set_in_row(&wishes, &[10.0; 3]), [0.0, 500.0 - apart / 2.0, 500.0 + apart / 2.0]);
        let heavy = set_in_row(&[(500.0, 1.0), (500.0, 3.0)], &[10.0; 2]);
        assert_eq!(heavy, [500.0 - apart * 0.75, 500.0 + apart * 0.25]);
    }

    proptest! {
        #[test]
        fn no_setting_that_keeps_places_apart_is_better(
            row in prop::collection::vec((-500.0_f64..500.0, 0.5_f64..5.0, 1.0_f64..100.0), 1..8),
            moved in prop::collection::vec(-20.0_f64..20.0, 8),
        ) {
            let wishes: Vec<(f64, f64)> = row.iter().map(|(wish, weight, _)| (*wish, *weight)).collect();
            let widths: Vec<f64> = row.iter().map(|(_, _, width)| *width).collect();
            let costs = |set: &[f64]| -> f64 {
                set.iter().zip(&wishes).map(|(at, (wish, weight))| weight * (at - wish).powi(2)).sum()
            };
            let apart = |set: &[f64]| {
                (1..set.len()).all(|at| set[at] - set[at - 1] >= (widths[at] + widths[at - 1]) / 2.0 + GAP - 1e-6)
            };
            let set = set_in_row(&wishes, &widths);
            prop_assert!(apart(&set), "{set:?}");
            let other: Vec<f64> = set.iter().zip(&moved).map(|(at, by)| at + by).collect();
            prop_assert!(!apart(&other) || costs(&other) >= costs(&set) - 1e-3);
        }
    }
}
