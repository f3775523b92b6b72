//! How growing a forest gets faster by more workers, processes and hosts, beside what the cost model says.
//!
//!     cargo build --release --workspace --bins
//!     cargo run --release -p flightline-bench --bin bench-scale -- [--input FILE] [--times N] [--preset NAME] [--rounds N]
//!     cargo run --release -p flightline-bench --bin bench-scale -- --fit
//!
//! Three rounds by default, on the bundled flights. Each trains the same rows by one worker and two, by two processes and
//! four on loopback, and by two hosts that are 0.5 ms and 5 ms apart (one way) with 1 Gbit/s each: network namespaces,
//! which need root, `ip` and `tc`; without them the last two are left out. All share the cores of this machine. `--times 10`
//! takes the file ten times. It ends with code 1 when two runs gave different models.
//!
//! `--fit` only measures the constants of this machine, and says with them what the model thinks of a billion rows on 20
//! machines.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::rc::Rc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use flightline_bench::cost_model::{Cost, Machine, Places, Work, cost, fit};
use flightline_bench::crew::repeated;
use flightline_bench::scale_runs::{Arrangement, BYTES_PER_SECOND, Told, Training, network};
use flightline_bench::scale_tables::{billion_rows, bytes_by_level, constants, head, line};
use flightline_bench::slow_wire::SlowWire;
use flightline_bench::{FLIGHTS, OneFile, Table};
use flightline_jobs::training::Preset;

/// Between two hosts, one way.
const APART: [Duration; 2] = [Duration::from_micros(500), Duration::from_millis(5)];

struct Flags {
    input: PathBuf,
    times: u32,
    preset: Preset,
    rounds: usize,
    only_fit: bool,
}

fn main() -> anyhow::Result<()> {
    let flags = flags()?;
    let flights = OneFile::open(&flags.input.to_string_lossy())?.flights()?;
    let mut table = Table::of(&flights, flags.preset)?;
    drop(flights);
    // As many as in the runs, since rows that don't fit into a cache take longer.
    table.binned = Rc::new(repeated(&table.binned, flags.times));
    let machine = fit::machine(&table)?;
    say(constants(&machine))?;
    if flags.only_fit {
        return say(billion_rows(&table, &machine));
    }
    measure(&flags, table, &machine)
}

fn measure(flags: &Flags, table: Table, machine: &Machine) -> anyhow::Result<()> {
    let (layout, params) = (table.layout.clone(), table.params.clone());
    // The runs need the memory.
    drop(table);
    let training = Training::new(&flags.input, flags.times, &format!("--preset {}", flags.preset))?;
    let lan = network(2)?;
    let cores = available_parallelism().context("the cores can't be counted")?.get() as f64;
    say(vec![format!("{cores} cores, which all share; {} rounds", flags.rounds)])?;
    if lan.is_none() {
        say(vec!["LEFT OUT: hosts apart, which are network namespaces; run this as root".to_owned()])?;
    }
    for delay in APART.iter().filter(|_| lan.is_some()) {
        let round_trip = SlowWire::round_trip(*delay)?.as_secs_f64() * 1e3;
        say(vec![format!("{delay:?} one way: a byte is answered after {round_trip:.2} ms")])?;
    }
    let arrangements = arrangements(lan.is_some());
    let mut runs: Vec<Vec<Told>> = arrangements.iter().map(|_| vec![]).collect();
    // In turn, so that what else the machine does meets all alike.
    for _ in 0..flags.rounds {
        for (arrangement, runs) in arrangements.iter().zip(&mut runs) {
            runs.push(training.run(*arrangement, lan.as_ref())?);
        }
    }
    let first = runs.iter().flatten().next().context("nothing was run")?.clone();
    let work = Work::new(first.train.rows as f64, (first.rows - first.train.rows) as f64, &layout, &params);
    say(vec![format!(
        "{} rows, {} of them to grow from; preset {}; one worker's memory {:.0} MB, {:.0} B a row",
        first.rows,
        first.train.rows,
        flags.preset,
        first.peak_memory_bytes as f64 / 1e6,
        first.peak_memory_bytes as f64 / first.rows as f64
    )])?;
    say(head())?;
    let (mut alone, mut costs, mut apart) = (None, Vec::<Cost>::new(), Vec::new());
    for (arrangement, runs) in arrangements.iter().zip(&runs) {
        let predicted = shared(cost(&work, &places(*arrangement), machine), *arrangement, cores);
        let growing = runs.iter().map(Told::growing).collect::<anyhow::Result<Vec<f64>>>()?;
        if let Some(delay) = arrangement.apart {
            let least = growing.iter().copied().fold(f64::INFINITY, f64::min);
            apart.push((delay.as_secs_f64(), least, predicted.rounds));
        }
        let (text, median) = line(*arrangement, growing, runs, alone, &predicted);
        alone = alone.or(Some(median));
        say(vec![text])?;
        costs.push(predicted);
    }
    if let [(near, soon, rounds), (far, late, _)] = apart[..] {
        let trips = (late - soon) / (far - near) / rounds;
        say(vec![format!("{trips:.1} trips from host to host a round, by what 5 ms took longer (least)")])?;
    }
    if let Some(place) = arrangements.iter().position(|arrangement| arrangement.processes == 2) {
        say(bytes_by_level(&runs[place], &costs[place]))?;
    }
    let others: Vec<&Told> = runs.iter().flatten().filter(|told| told.model != first.model).collect();
    ensure!(others.is_empty(), "{} runs gave other models than {}: {others:?}", others.len(), first.model);
    say(vec![format!("all {} runs gave the model {}", runs.iter().flatten().count(), first.model)])
}

fn arrangements(with_hosts: bool) -> Vec<Arrangement> {
    let here = [(1, 1), (1, 2), (2, 1), (4, 1)];
    let here = here.map(|(processes, workers)| Arrangement { processes, workers, apart: None });
    let apart = APART.map(|delay| Arrangement { processes: 2, workers: 1, apart: Some(delay) });
    here.into_iter().chain(apart.into_iter().filter(|_| with_hosts)).collect()
}

/// On loopback, nothing takes time but the writing.
fn places(arrangement: Arrangement) -> Places {
    let Arrangement { processes, workers, apart } = arrangement;
    Places {
        hosts: processes.into(),
        workers: workers.into(),
        latency: apart.map_or(0.0, |delay| delay.as_secs_f64()),
        bytes_per_second: if apart.is_some() { BYTES_PER_SECOND } else { f64::INFINITY },
    }
}

/// What it costs where there are fewer cores than workers.
fn shared(cost: Cost, arrangement: Arrangement, cores: f64) -> Cost {
    let times = (f64::from(arrangement.processes * arrangement.workers) / cores).max(1.0);
    Cost { compute: cost.compute * times, writing: cost.writing * times, ..cost }
}

fn flags() -> anyhow::Result<Flags> {
    let mut flags = Flags { input: FLIGHTS.into(), times: 1, preset: Preset::Seed, rounds: 3, only_fit: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--fit" {
            flags.only_fit = true;
            continue;
        }
        let value =
            words.next().with_context(|| format!("{word} needs a value, or isn't known: see the head of the file"))?;
        let number = || value.parse::<u32>().ok().filter(|number| *number > 0);
        let number = || number().with_context(|| format!("{word} {value}: that is no number above zero"));
        match word.as_str() {
            "--input" => flags.input = value.into(),
            "--times" => flags.times = number()?,
            "--rounds" => flags.rounds = number()? as usize,
            "--preset" => flags.preset = value.parse().map_err(anyhow::Error::msg)?,
            _ => bail!("{word} isn't known: there are --input, --times, --preset, --rounds and --fit"),
        }
    }
    Ok(flags)
}

fn say(lines: Vec<String>) -> anyhow::Result<()> {
    stdout().write_all(format!("{}\n", lines.join("\n")).as_bytes()).context("standard output is closed")
}
