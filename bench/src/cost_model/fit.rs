//! The constants of a machine, measured: a few small forests on real rows, grown phase by phase.
//!
//! A constant is a number of nanoseconds for something that the model counts, so what it counts wrongly is in the constant,
//! too. Times are a processor's, of one thread alone: cores that share a memory are slower together.

use std::hint::black_box;
use std::rc::Rc;

use anyhow::Context;
use flightline_operators::forest::{ForestParams, TreeIndex};
use flightline_operators::grow::wire::{Encoding, Wire};
use flightline_operators::grow::{Crew, GrowInput, HistogramBatch, LocalGrower, bagging_weight};

use super::least_squares::{Equation, solve};
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
    // What the first forest takes from the system, the others find ready, as trees of a training run do.
    grown(table, &Rc::new(preset.clone()), 1)?;
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
                let factors = [shape.rows, shape.rows * level as f64, shape.sparse_rows];
                let factors = factors.map(|rows| trees * competing * rows);
                counts.push(Equation { factors, seconds: seconds.count - drawing });
            }
            drawing = 0.0;
            let parts = f64::from(CREW);
            // To look for cuts takes a crew as long as one worker: the rest is for adding up.
            let words =
                [parts * shapes.dense_words - shape.dense_words, parts * shapes.sparse_words - shape.sparse_words];
            merges.push(Equation { factors: words.map(|words| trees * words), seconds: more.own - one.own });
            owns.push((*one, *shape));
            if level < last {
                let factors = [trees * shape.rows, trees * shape.rows * level as f64];
                moves.push(Equation { factors, seconds: one.settle });
            }
        }
    }
    let [dense, dense_deeper, sparse] = solve(&counts);
    let [merge_dense, merge_sparse] = solve(&merges);
    let cutting = |(seconds, shape): &(LevelSeconds, LevelShape)| {
        let merging = trees * (shape.dense_words * merge_dense + shape.sparse_words * merge_sparse);
        Equation { factors: [trees * shape.filled], seconds: seconds.own - merging }
    };
    let [cut] = solve(&owns.iter().map(cutting).collect::<Vec<_>>());
    let [partition, partition_deeper] = solve(&moves);
    let wire = wire(table)?;
    let nanoseconds = |seconds: f64| seconds * 1e9;
    Ok(Machine {
        cell: nanoseconds(cell),
        draw: nanoseconds(draw),
        dense: nanoseconds(dense),
        dense_deeper: nanoseconds(dense_deeper),
        sparse: nanoseconds(sparse),
        partition: nanoseconds(partition),
        partition_deeper: nanoseconds(partition_deeper),
        merge_dense: nanoseconds(merge_dense),
        merge_sparse: nanoseconds(merge_sparse),
        cut: nanoseconds(cut),
        wire: nanoseconds(wire),
    })
}

fn grown(table: &Table, params: &Rc<ForestParams>, workers: u32) -> anyhow::Result<Grown> {
    let run = grow_by_crew(&table.binned, &table.layout, params, workers)?;
    let work = Work::new(table.binned.len() as f64, 0.0, &table.layout, params);
    let shapes = levels(&work, f64::from(workers));
    Ok(Grown { of_start: run.start, levels: run.levels.into_iter().zip(shapes).collect() })
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
    let GrowInput { rows, layout, tasks, rows_everywhere, limits } = table.grow_input();
    let crew = Crew { worker: 0, workers: 1, rows: rows_everywhere, limits };
    let mut grower = LocalGrower::new(rows, layout, tasks, crew);
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
