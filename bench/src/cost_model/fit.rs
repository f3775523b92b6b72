//! The constants of a machine, measured: a few small forests on real rows, grown phase by phase.
//!
//! A constant is a number of nanoseconds for something that the model counts, so what it counts wrongly is in the constant,
//! too. Times are a processor's, of one thread alone: cores that share a memory are slower together.

use std::hint::black_box;
use std::rc::Rc;

use anyhow::Context;
use flightline_operators::forest::{ForestParams, TreeIndex};
use flightline_operators::grow::{Crew, HistogramBatch, LocalGrower, bagging_weight};

use super::shape::levels;
use super::{Machine, Work};
use crate::Table;
use crate::crew::{grow_by_crew, processor_seconds};

/// Trees of each forest.
const TREES: u32 = 3;
/// Deep enough for nodes that have few rows beside their cells.
const DEEP: u8 = 13;
/// Workers of the crews: of one, and of several whose histograms are added up.
const CREWS: [u32; 2] = [1, 4];

/// An equation with two unknowns: `x` times the first and `y` times the second is `seconds`.
#[derive(Clone, Copy, Debug)]
struct Equation {
    x: f64,
    y: f64,
    seconds: f64,
}

/// Measures the constants on the rows of `table`.
///
/// # Errors
/// The operating system doesn't tell processor times, or there are no rows.
pub fn machine(table: &Table) -> anyhow::Result<Machine> {
    let (mut counts, mut owns, mut moves) = (vec![], vec![], vec![]);
    let draw = draw(table)?;
    let mut cell = f64::INFINITY;
    let preset = ForestParams { trees: TREES, ..(*table.params).clone() };
    for params in [preset.clone(), ForestParams { depth: DEEP, min_rows: 10, bagging: true, ..preset }] {
        let rows = table.binned.len() as f64;
        let work = Work::new(rows, 0.0, &table.layout, &params);
        let params = Rc::new(params);
        for workers in CREWS {
            let run = grow_by_crew(&table.binned, &table.layout, &params, workers)?;
            let (trees, workers) = (f64::from(TREES), f64::from(workers));
            cell = cell.min(run.start / rows / work.features.len() as f64);
            let drawing = if work.params.bagging { trees * rows * draw } else { 0.0 };
            let of_root = |level| if level == 0 { drawing } else { 0.0 };
            let shapes = levels(&work, workers);
            for (level, (seconds, shape)) in run.levels.iter().zip(&shapes).enumerate() {
                let x = trees * work.competing() * shape.dense_rows;
                let y = trees * work.competing() * shape.sparse_rows;
                counts.push(Equation { x, y, seconds: seconds.count - of_root(level) });
                owns.push(Equation { x: trees * workers * shape.words, y: trees * shape.filled, seconds: seconds.own });
                if level + 1 < shapes.len() {
                    moves.push(Equation { x: trees * shape.rows, y: 0.0, seconds: seconds.settle });
                }
            }
        }
    }
    let ([dense, sparse], [merge, cut], [partition, _]) = (solve(&counts), solve(&owns), solve(&moves));
    let wire = wire(table)?;
    Ok(nanoseconds(Machine { cell, draw, dense, sparse, partition, merge, cut, wire }))
}

fn nanoseconds(seconds: Machine) -> Machine {
    let Machine { cell, draw, dense, sparse, partition, merge, cut, wire } = seconds;
    let [cell, draw, dense, sparse, partition, merge, cut, wire] =
        [cell, draw, dense, sparse, partition, merge, cut, wire].map(|seconds| seconds * 1e9);
    Machine { cell, draw, dense, sparse, partition, merge, cut, wire }
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

/// Seconds to write a byte of a histogram and to read it, as timely does both.
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
            let written = bincode::serialize(batch).context("a histogram can't be written")?;
            bytes += written.len();
            black_box(bincode::deserialize::<HistogramBatch>(&written).context("a histogram can't be read")?);
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
