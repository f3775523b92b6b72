//! The constants of a machine, measured: a few small forests on real rows, grown phase by phase.
//!
//! A constant is a number of nanoseconds for something that the model counts, so what it counts wrongly is in the constant,
//! too. Times are a processor's, of one thread alone: cores that share a memory are slower together.

use std::hint::black_box;
use std::rc::Rc;

use anyhow::Context;
use flightline_operators::forest::{ForestParams, TreeIndex};
use flightline_operators::grow::wire::{Encoding, Wire};
use flightline_operators::grow::{Crew, HistogramBatch, LocalGrower, bagging_weight};

use super::shape::{LevelShape, levels};
use super::{Machine, Work};
use crate::Table;
use crate::crew::{LevelSeconds, grow_by_crew, processor_seconds};

/// Trees of each forest.
const TREES: u32 = 3;
/// Deep enough for nodes that have few rows beside their cells.
const DEEP: u8 = 13;
/// Workers of a crew, beside one alone, so many that to add up their histograms takes long enough to be seen.
const CREW: u32 = 16;

/// An equation with two unknowns: `x` times the first and `y` times the second is `seconds`.
#[derive(Clone, Copy, Debug)]
struct Equation {
    x: f64,
    y: f64,
    seconds: f64,
}

/// What one forest grown by one crew took, level by level, beside the shapes that the model gives it.
struct Grown {
    of_start: f64,
    levels: Vec<(LevelSeconds, LevelShape)>,
}

/// Measures the constants on the rows of `table`.
///
/// # Errors
/// The operating system doesn't tell processor times, or there are no rows.
pub fn machine(table: &Table) -> anyhow::Result<Machine> {
    let rows = table.binned.len() as f64;
    let (trees, features) = (f64::from(TREES), f64::from(table.layout.features()));
    let draw = draw(table)?;
    let mut cell = f64::INFINITY;
    let (mut counts, mut merges, mut owns, mut moves) = (vec![], vec![], vec![], vec![]);
    let preset = ForestParams { trees: TREES, ..(*table.params).clone() };
    for params in [preset.clone(), ForestParams { depth: DEEP, min_rows: 10, bagging: true, ..preset }] {
        let competing = params.features_per_node.count(usize::from(table.layout.features())) as f64;
        let mut drawing = if params.bagging { trees * rows * draw } else { 0.0 };
        let params = Rc::new(params);
        let alone = grown(table, &params, 1)?;
        let many = grown(table, &params, CREW)?;
        cell = cell.min(alone.of_start / rows / features);
        let last = alone.levels.len().saturating_sub(1);
        for (level, ((one, shape), (more, shapes))) in alone.levels.iter().zip(&many.levels).enumerate() {
            for (seconds, shape) in [(one, shape), (more, shapes)] {
                let of_rows = |rows: f64| trees * competing * rows;
                let (x, y) = (of_rows(shape.dense_rows), of_rows(shape.sparse_rows));
                counts.push(Equation { x, y, seconds: seconds.count - drawing });
            }
            drawing = 0.0;
            let parts = f64::from(CREW);
            // To look for cuts takes a crew as long as one worker: the rest is for adding up.
            merges.push(Equation {
                x: trees * (parts * shapes.dense_words - shape.dense_words),
                y: trees * (parts * shapes.sparse_words - shape.sparse_words),
                seconds: more.own - one.own,
            });
            owns.push((*one, *shape));
            if level < last {
                moves.push(Equation { x: trees * shape.rows, y: 0.0, seconds: one.settle });
            }
        }
    }
    let ([dense, sparse], [merge_dense, merge_sparse]) = (solve(&counts), solve(&merges));
    let cutting = |(seconds, shape): &(LevelSeconds, LevelShape)| {
        let merging = trees * (shape.dense_words * merge_dense + shape.sparse_words * merge_sparse);
        Equation { x: trees * shape.filled, y: 0.0, seconds: seconds.own - merging }
    };
    let [cut, _] = solve(&owns.iter().map(cutting).collect::<Vec<_>>());
    let [partition, _] = solve(&moves);
    let wire = wire(table)?;
    let seconds = [cell, draw, dense, sparse, partition, merge_dense, merge_sparse, cut, wire];
    let [cell, draw, dense, sparse, partition, merge_dense, merge_sparse, cut, wire] =
        seconds.map(|seconds| seconds * 1e9);
    Ok(Machine { cell, draw, dense, sparse, partition, merge_dense, merge_sparse, cut, wire })
}

fn grown(table: &Table, params: &Rc<ForestParams>, workers: u32) -> anyhow::Result<Grown> {
    let run = grow_by_crew(&table.binned, &table.layout, params, workers)?;
    let work = Work::new(table.binned.len() as f64, 0.0, &table.layout, params);
    let shapes = levels(&work, f64::from(workers));
    Ok(Grown { of_start: run.start, levels: run.levels.into_iter().zip(shapes).collect() })
}

/// Least squares over two unknowns, neither below zero.
fn solve(equations: &[Equation]) -> [f64; 2] {
    let sum = |of: fn(&Equation) -> f64| equations.iter().map(of).sum::<f64>();
    let (xx, yy, xy) = (sum(|e| e.x * e.x), sum(|e| e.y * e.y), sum(|e| e.x * e.y));
    let (xt, yt) = (sum(|e| e.x * e.seconds), sum(|e| e.y * e.seconds));
    let alone = |product: f64, square: f64| if square > 0.0 { (product / square).max(0.0) } else { 0.0 };
    let determinant = xx * yy - xy * xy;
    if determinant > 1e-9 * xx * yy {
        let both = [(xt * yy - yt * xy) / determinant, (yt * xx - xt * xy) / determinant];
        if both.iter().all(|unknown| *unknown >= 0.0) {
            return both;
        }
    }
    // One of them explains nothing: the other one, whichever explains more.
    let (x, y) = (alone(xt, xx), alone(yt, yy));
    if x * xt >= y * yt { [x, 0.0] } else { [0.0, y] }
}

/// Seconds to draw the weight of a row.
fn draw(table: &Table) -> anyhow::Result<f64> {
    let begun = processor_seconds()?;
    for tree in 0..TREES {
        let weight = |key| u64::from(bagging_weight(table.params.seed, TreeIndex(tree), key));
        black_box(table.binned.keys.iter().copied().map(weight).sum::<u64>());
    }
    Ok((processor_seconds()? - begun) / f64::from(TREES) / table.binned.len().max(1) as f64)
}

/// Seconds to write a byte of a histogram and to read it, as the exchange does both.
fn wire(table: &Table) -> anyhow::Result<f64> {
    let crew = Crew { worker: 0, workers: 1, rows: table.binned.len() as u64 };
    let params = Rc::clone(&table.params);
    let mut grower = LocalGrower::new(Rc::clone(&table.binned), Rc::clone(&table.layout), params, crew);
    let mut batches: Vec<HistogramBatch> = Vec::new();
    grower.count(|batch| batches.push(batch));
    let (begun, mut bytes) = (processor_seconds()?, 0);
    // About 50 MB, so that a clock of milliseconds tells it.
    while bytes < 50 << 20 {
        let before = bytes;
        for batch in &batches {
            let mut written = Vec::new();
            Wire::write(std::slice::from_ref(batch), &mut written).context("a histogram can't be written")?;
            bytes += written.len();
            black_box(Wire::read(&written).context("a histogram can't be read")?);
        }
        anyhow::ensure!(bytes > before, "there are no rows to measure with");
    }
    Ok((processor_seconds()? - begun) / bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equations(of: impl Fn(f64, f64) -> f64) -> Vec<Equation> {
        let pairs = [(1.0, 2.0), (5.0, 1.0), (3.0, 9.0), (0.0, 4.0)];
        pairs.into_iter().map(|(x, y)| Equation { x, y, seconds: of(x, y) }).collect()
    }

    #[test]
    fn two_unknowns_are_found_and_none_is_below_zero() {
        let [x, y] = solve(&equations(|x, y| 3.0 * x + 0.5 * y));
        assert!((x - 3.0).abs() < 1e-9 && (y - 0.5).abs() < 1e-9);
        let [x, y] = solve(&equations(|x, y| 3.0 * x - 0.5 * y));
        assert!(x > 2.0 && y == 0.0, "{x} {y}");
        assert_eq!(solve(&[]), [0.0; 2]);
    }
}
