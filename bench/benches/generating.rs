//! Making rows, on one thread: a row group of Parquet and as many JSON lines, from the number of a row to bytes in memory.
//!
//! `generate` runs this on all cores, and says its own rate, which has the disk in it.

use std::hint::black_box;

use anyhow::Context;
use criterion::{Criterion, Throughput};
use flightline_bench::{FLIGHTS, OneFile, SEED};
use flightline_connectors::files::Compression;
use flightline_jobs::generating::{Encoder, Flights, Form, HistoryBuilder, RowSeed};

/// Rows of a row group.
const ROWS: u64 = 128 << 10;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut history = HistoryBuilder::default();
    OneFile::open(FLIGHTS)?.decode(&mut history)?;
    let flights = Flights::new(history.finish().context("the bundled data has no flights")?, RowSeed(SEED.0));
    let mut group = criterion.benchmark_group("generate");
    group.sample_size(20).throughput(Throughput::Elements(ROWS));
    group.bench_function("rows", |bencher| {
        bencher.iter(|| {
            for row in 0..ROWS {
                black_box(flights.flight(row));
            }
        });
    });
    for (name, form) in [("parquet", Form::Parquet), ("json_lines", Form::JsonLines(Compression::None))] {
        let encoder = Encoder::new(form)?;
        group.bench_function(name, |bencher| bencher.iter(|| encoder.encode(&flights, 0..ROWS)));
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
