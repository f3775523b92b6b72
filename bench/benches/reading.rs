//! From the bytes of a file to checked rows in columns: JSON lines, plain and as bzip2, and Parquet.
//!
//! `read` is our reader alone: lines cut into blocks, or columns decompressed by the `parquet` crate. `read_and_decode`
//! is the whole way, with every value checked, the row's identity hashed and its values coded. `row_by_row` is that way for a
//! Parquet file of which every row needs a second look.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use bzip2::write::BzEncoder;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use flightline_bench::{FLIGHTS, OneFile};
use flightline_jobs::flight::counts::BadReason;
use flightline_jobs::flight::decode::RowSink;
use flightline_jobs::flight::raw::RawRow;
use flightline_jobs::flight::{Column, Flight, FlightBatchBuilder, ReadCounts, TrainingRow};
use serde_json::Value;

/// Rows written as JSON lines: 10 MB, more than most caches hold.
const JSON_ROWS: usize = 40_000;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = tempfile::tempdir()?;
    json_lines(&mut criterion, &folder.path().join("flights.jsonl"))?;
    bzip2(&mut criterion, folder.path())?;
    parquet(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn json_lines(criterion: &mut Criterion, path: &Path) -> anyhow::Result<()> {
    write_json_lines(path)?;
    let file = OneFile::open(path.to_str().context("the folder for temporary files has a name that is no UTF-8")?)?;
    let mut group = criterion.benchmark_group("json_lines");
    read_and_decode(&mut group, &file, JSON_ROWS)?;
    // The peer gets its text for free and checks nothing: it makes a tree of values of every line, no more.
    let text = std::fs::read(path)?;
    group.bench_function("serde_json_value", |bencher| {
        bencher.iter(|| {
            let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            lines.filter(|line| black_box(serde_json::from_slice::<Value>(line)).is_ok()).count()
        });
    });
    group.finish();
    Ok(())
}

/// The lines of [`json_lines`], which must have been written, packed as `extract` packs.
fn bzip2(criterion: &mut Criterion, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join("flights.jsonl.bz2");
    let mut encoder = BzEncoder::new(File::create(&path)?, bzip2::Compression::best());
    encoder.write_all(&std::fs::read(folder.join("flights.jsonl"))?)?;
    encoder.finish()?;
    let file = OneFile::open(path.to_str().context("the folder for temporary files has a name that is no UTF-8")?)?;
    let mut group = criterion.benchmark_group("bzip2");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    read_and_decode(&mut group, &file, JSON_ROWS)?;
    group.finish();
    Ok(())
}

fn parquet(criterion: &mut Criterion) -> anyhow::Result<()> {
    let file = OneFile::open(FLIGHTS)?;
    let rows = file.flights()?.len();
    let mut group = criterion.benchmark_group("parquet");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    read_and_decode(&mut group, &file, rows)?;
    group.bench_function("row_by_row", |bencher| bencher.iter(|| file.decode(&mut RowByRow::default())));
    group.finish();
    Ok(())
}

/// Takes nothing by columns.
#[derive(Default)]
struct RowByRow(FlightBatchBuilder);

impl RowSink for RowByRow {
    const NEEDED: &'static [Column] = FlightBatchBuilder::NEEDED;

    fn take(&mut self, row: &RawRow<'_>) -> Result<(), BadReason> {
        self.0.take(row)
    }

    fn counts(&mut self) -> &mut ReadCounts {
        self.0.counts()
    }
}

fn read_and_decode(group: &mut BenchmarkGroup<'_, WallTime>, file: &OneFile, rows: usize) -> anyhow::Result<()> {
    let decoded = file.flights()?.len();
    ensure!(decoded == rows, "{decoded} rows are good, of {rows}");
    group.throughput(Throughput::ElementsAndBytes { elements: rows as u64, bytes: file.bytes() });
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            file.read(|payload| {
                black_box(payload);
                Ok(())
            })
        });
    });
    group.bench_function("read_and_decode", |bencher| bencher.iter(|| file.flights()));
    Ok(())
}

/// Writes the first of the bundled flights as `extract` would.
fn write_json_lines(path: &Path) -> anyhow::Result<()> {
    let mut sink =
        JsonLines { out: BufWriter::new(File::create(path)?), counts: ReadCounts::default(), outcome: Ok(()) };
    OneFile::open(FLIGHTS)?.decode(&mut sink)?;
    sink.outcome?;
    sink.out.flush()?;
    Ok(())
}

/// Writes the first [`JSON_ROWS`] rows that it is offered.
struct JsonLines {
    out: BufWriter<File>,
    counts: ReadCounts,
    outcome: anyhow::Result<()>,
}

impl JsonLines {
    fn write(&mut self, flight: &Flight<'_>) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.out, &TrainingRow::from(flight))?;
        Ok(self.out.write_all(b"\n")?)
    }
}

impl RowSink for JsonLines {
    const NEEDED: &'static [Column] = FlightBatchBuilder::NEEDED;

    fn take(&mut self, row: &RawRow<'_>) -> Result<(), BadReason> {
        if self.counts.good < JSON_ROWS as u64 && self.outcome.is_ok() {
            self.outcome = self.write(&Flight::from_raw(row)?);
            self.counts.good += 1;
        }
        Ok(())
    }

    fn counts(&mut self) -> &mut ReadCounts {
        &mut self.counts
    }
}
