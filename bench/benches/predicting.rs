//! Batch prediction: class probabilities of rows in bins, by the forests of two presets.
//!
//! Training judges whole batches, which keep one tree in the cache; a batch of one is a lone request on the stream.

use std::hint::black_box;

use anyhow::Context;
use criterion::{BenchmarkId, Criterion, Throughput};
use flightline_bench::{FLIGHTS, OneFile, Table};
use flightline_jobs::training::Preset;
use flightline_operators::forest::FlatForest;

/// Rows predicted in one iteration, spread over the whole file.
const ROWS: usize = 32 * 4096;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let flights = OneFile::open(FLIGHTS)?.flights()?;
    let mut group = criterion.benchmark_group("probabilities");
    group.sample_size(20).throughput(Throughput::Elements(ROWS as u64));
    for preset in [Preset::Seed, Preset::Accurate] {
        let table = Table::of(&flights, preset)?;
        let forest = table.grow().and_then(|grown| grown.forest).context("the dataflow gave no forest")?;
        let flat = FlatForest::new(&forest, table.params.smoothing);
        for batch in [4096, 1] {
            let starts = spread(table.binned.len(), batch);
            group.bench_function(BenchmarkId::new(preset.name(), format!("batch_of_{batch}")), |bencher| {
                bencher.iter(|| {
                    for start in &starts {
                        black_box(flat.probabilities(&table.binned.columns, *start..*start + batch));
                    }
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// Where batches begin so that [`ROWS`] rows come evenly from all of `rows`: the file is sorted by day, and the rows of
/// a few days alone would take few ways through a tree.
fn spread(rows: usize, batch: usize) -> Vec<usize> {
    let batches = ROWS / batch;
    (0..batches).map(|number| number * (rows - batch) / batches).collect()
}
