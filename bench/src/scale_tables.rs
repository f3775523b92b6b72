//! The tables of `bench-scale`: what was measured beside what the model says.

use flightline_jobs::training::Preset;
use flightline_operators::identity::Seed;

use crate::Table;
use crate::cost_model::{Cost, Machine, Places, Work, cost, row_bytes};
use crate::scale_runs::{Arrangement, Told};

/// Machines of the question that nobody here can measure, with what each of them has.
const BIG: Places = Places { hosts: 20.0, workers: 16.0, latency: 0.1e-3, bytes_per_second: 10e9 / 8.0 };
/// Its rows, of which as many are held out as by default.
const BILLION: f64 = 1e9;

/// The constants of a machine.
#[must_use]
pub fn constants(machine: &Machine) -> Vec<String> {
    let Machine { cell, draw, dense, dense_deeper, sparse, partition, partition_deeper, .. } = machine;
    let Machine { merge_dense, merge_sparse, cut, wire, .. } = machine;
    vec![
        "nanoseconds of a core here:".to_owned(),
        format!("  cell {cell:.2} a row and feature, once; draw {draw:.2} a row and tree"),
        format!(
            "  count {dense:.2}, {dense_deeper:.2} more a level, {sparse:.2} more where sparse, a drawn row and feature"
        ),
        format!("  partition {partition:.2}, {partition_deeper:.2} more a level, a drawn row"),
        format!(
            "  merge {merge_dense:.2} dense, {merge_sparse:.2} sparse, a word; cut {cut:.2} a filled cell; wire {wire:.2} a byte"
        ),
    ]
}

/// The head of the table whose lines are [`line()`]s.
#[must_use]
pub fn head() -> Vec<String> {
    vec![format!(
        "{:<20} {:>8} {:>8} {:>8} {:>8} {:>9} | {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>9} {:>9}",
        "seconds of growing",
        "least",
        "median",
        "most",
        "of all",
        "speed-up",
        "compute",
        "writing",
        "transfer",
        "waiting",
        "model",
        "ratio",
        "MB a host",
        "rounds"
    )]
}

/// One arrangement: its line, and the median of its seconds. `alone` is the median of one worker, for the speed-up.
#[must_use]
pub fn line(
    arrangement: Arrangement,
    mut growing: Vec<f64>,
    runs: &[Told],
    alone: Option<f64>,
    cost: &Cost,
) -> (String, f64) {
    growing.sort_by(f64::total_cmp);
    let mut walls: Vec<f64> = runs.iter().map(|told| told.wall_seconds).collect();
    walls.sort_by(f64::total_cmp);
    let median = middle(&growing);
    let (least, most) = (growing.first().copied().unwrap_or(0.0), growing.last().copied().unwrap_or(0.0));
    let Cost { compute, writing, transfer, waiting, bytes_per_host, rounds, .. } = cost;
    let text = format!(
        "{:<20} {least:>8.2} {median:>8.2} {most:>8.2} {:>8.2} {:>9.2} | {compute:>8.2} {writing:>8.2} {transfer:>8.2} \
         {waiting:>8.2} {:>8.2} {:>7.2} {:>9.1} {rounds:>9.0}",
        arrangement.name(),
        middle(&walls),
        alone.unwrap_or(median) / median,
        cost.seconds(),
        median / cost.seconds(),
        bytes_per_host / 1e6,
    );
    (text, median)
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// Bytes that were sent for each level, beside the model's; for runs of one arrangement.
#[must_use]
pub fn bytes_by_level(runs: &[Told], cost: &Cost) -> Vec<String> {
    let mut lines =
        vec!["kB between two processes, by level: histograms, decisions; in brackets the model's".to_owned()];
    let Some(told) = runs.first().filter(|told| !told.levels.is_empty()) else {
        lines.push("  this `train` doesn't say".to_owned());
        return lines;
    };
    let model = cost.histogram_bytes.iter().zip(&cost.decision_bytes);
    for (level, (told, (histograms, decisions))) in told.levels.iter().zip(model).enumerate() {
        lines.push(format!(
            "  {level:>2}: {:>7} nodes {:>10.1} ({:.1}) {:>9.1} ({:.1})",
            told.nodes,
            told.histogram_bytes as f64 / 1e3,
            histograms / 1e3,
            told.decision_bytes as f64 / 1e3,
            decisions / 1e3,
        ));
    }
    lines
}

/// What the model says of a billion rows of the features of `table`, on one such machine and on 20.
#[must_use]
pub fn billion_rows(table: &Table, machine: &Machine) -> Vec<String> {
    let mut lines = vec![format!(
        "a billion rows, machines of {} cores, {} Gbit/s and {} ms one way:",
        BIG.workers,
        BIG.bytes_per_second * 8.0 / 1e9,
        BIG.latency * 1e3
    )];
    for preset in Preset::ALL {
        for hosts in [1.0, 5.0, 20.0, 80.0] {
            let params = preset.params(Seed(1));
            let work = Work::new(0.8 * BILLION, 0.2 * BILLION, &table.layout, &params);
            let said = cost(&work, &Places { hosts, ..BIG }, machine);
            lines.push(format!(
                "  {:<9} {hosts:>3} machines: {:>7.1} s = compute {:>6.1} + writing {:>5.1} + transfer {:>5.1} + waiting {:>5.1}; \
                 {:>8.1} GB sent and {:>6.1} GB of memory a machine ({} B a row), {} rounds",
                preset.name(),
                said.seconds(),
                said.compute,
                said.writing,
                said.transfer,
                said.waiting,
                said.bytes_per_host / 1e9,
                said.memory_per_host / 1e9,
                row_bytes(&work),
                said.rounds,
            ));
        }
    }
    lines
}
