//! How fast a model that `train` has saved answers: batches from bins, batches from values as a file or a client has them,
//! and one flight alone.
//!
//!     cargo build --release -p flightline-bench --bin bench-predict
//!     target/release/bench-predict MODELS FLIGHTS
//!
//! MODELS is a folder with a current model, FLIGHTS a file of flights. One line of JSON says rows per second with one thread
//! and with two, and microseconds per lone flight. `bench/peers/predict` runs it beside other programs.

use std::hint::black_box;
use std::io::Write;
use std::thread;
use std::time::Instant;

use flightline_bench::OneFile;
use flightline_jobs::answer::{Question, Serving};
use flightline_jobs::flight::{FlightBatch, FlightDate, FlightFacts, features};
use flightline_jobs::model::Registry;
use flightline_operators::columns::Number;
use flightline_operators::forest::FlatForest;
use flightline_operators::identity::CopyNumber;
use flightline_operators::space::FeatureIndexer;
use flightline_operators::table::BinColumn;
use serde_json::json;

/// Rows of a batch at least: the file's flights are repeated until there are so many.
const ROWS: usize = 200_000;

/// Flights that are asked one after the other.
const ALONE: usize = 20_000;

/// Every figure is the median of so many runs.
const RUNS: usize = 5;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [models, flights] = arguments.as_slice() else {
        anyhow::bail!("name a folder of models and a file of flights: bench-predict MODELS FLIGHTS");
    };
    let registry = Registry::in_folder(models);
    let model = registry.read(&registry.need_current()?)?;
    let flights = OneFile::open(flights)?.flights()?;
    let columns = binned(&model, &flights);
    let forest = FlatForest::new(model.forest(), model.params().smoothing);
    let serving = Serving::start(model)?;
    let raw = Raw::of(&flights);
    // Larger batches from values would be new pages of memory for each.
    let at_once = forest.rows_at_once();
    let rate = |threads, work: &(dyn Fn(usize, usize) + Sync)| rate(threads, raw.len(), at_once, work);
    let in_bins = |from, to| drop(black_box(forest.probabilities(&columns, from..to)));
    let from_values = |from, to| drop(black_box(serving.judge(&raw.facts(from, to))));
    let line = json!({
        "rows": raw.len(),
        "binned_rows_per_second": [rate(1, &in_bins), rate(2, &in_bins)],
        "raw_rows_per_second": [rate(1, &from_values), rate(2, &from_values)],
        "one_microseconds": one(&raw, |flight| drop(black_box(serving.judge(&[flight])))),
        "one_answer_microseconds": one_answer(&serving, &flights),
    });
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// Flights as a program has them that has just read them: a value each, no dictionary.
struct Raw {
    dates: Vec<FlightDate>,
    carriers: Vec<Box<str>>,
    flight_numbers: Vec<Box<str>>,
    origins: Vec<Box<str>>,
    dests: Vec<Box<str>>,
    departure_delays: Vec<f64>,
    distances: Vec<f64>,
}

impl Raw {
    fn of(flights: &FlightBatch) -> Self {
        let columns = &flights.columns;
        let rows: Vec<usize> = repeated(flights.len()).collect();
        let names = |of: fn(FlightFacts<'_>) -> &str| rows.iter().map(|row| of(columns.facts(*row)).into()).collect();
        Self {
            dates: rows.iter().map(|row| columns.facts(*row).date).collect(),
            carriers: names(|flight| flight.carrier),
            flight_numbers: names(|flight| flight.flight_number),
            origins: names(|flight| flight.origin),
            dests: names(|flight| flight.dest),
            departure_delays: rows.iter().map(|row| columns.facts(*row).departure_delay.get()).collect(),
            distances: rows.iter().map(|row| columns.facts(*row).distance.get()).collect(),
        }
    }

    fn len(&self) -> usize {
        self.dates.len()
    }

    fn facts(&self, from: usize, to: usize) -> Vec<FlightFacts<'_>> {
        (from..to).map(|row| self.flight(row)).collect()
    }

    fn flight(&self, row: usize) -> FlightFacts<'_> {
        let number = |value: f64| Number::new(value).unwrap_or_else(|| Number::from(0));
        FlightFacts {
            date: self.dates[row],
            carrier: &self.carriers[row],
            flight_number: &self.flight_numbers[row],
            origin: &self.origins[row],
            dest: &self.dests[row],
            departure_delay: number(self.departure_delays[row]),
            distance: number(self.distances[row]),
        }
    }
}

/// Row numbers of the file, again and again, until there are [`ROWS`].
fn repeated(rows: usize) -> impl Iterator<Item = usize> {
    (0..ROWS.div_ceil(rows.max(1)) * rows).map(move |row| row % rows)
}

fn binned(model: &flightline_jobs::model::Model, flights: &FlightBatch) -> Vec<BinColumn> {
    let values = features::columns(&model.schema().features, &flights.columns);
    let columns = model.space().features.iter().zip(&values);
    let column = |(bins, values)| {
        let [of_file] = FeatureIndexer::new(bins).bins(values, [flights.len()], |_| Some(0));
        let rows = repeated(flights.len());
        match of_file {
            BinColumn::Narrow(bins) => BinColumn::Narrow(rows.map(|row| bins[row]).collect()),
            BinColumn::Wide(bins) => BinColumn::Wide(rows.map(|row| bins[row]).collect()),
        }
    };
    columns.map(column).collect()
}

/// Rows per second with so many threads, which share the rows evenly and take so many at once.
fn rate(threads: usize, rows: usize, at_once: usize, work: &(dyn Fn(usize, usize) + Sync)) -> f64 {
    let seconds = median(|| {
        thread::scope(|scope| {
            for thread in 0..threads {
                let (from, to) = (rows * thread / threads, rows * (thread + 1) / threads);
                scope.spawn(move || (from..to).step_by(at_once).for_each(|at| work(at, to.min(at + at_once))));
            }
        });
    });
    rows as f64 / seconds
}

/// Microseconds from one flight's values to its probabilities.
fn one(raw: &Raw, work: impl Fn(FlightFacts<'_>)) -> f64 {
    let step = raw.len() / ALONE;
    median(|| (0..ALONE).for_each(|number| work(raw.flight(number * step)))) * 1e6 / ALONE as f64
}

/// Microseconds from one question to its answer, as the stream asks when a request comes alone.
fn one_answer(serving: &Serving, flights: &FlightBatch) -> f64 {
    let step = (flights.len() / ALONE).max(1);
    let question = |row| {
        let request = flights.request(row, CopyNumber(0));
        vec![Question { request, distance: Some(flights.columns.facts(row).distance) }]
    };
    let asked: Vec<Vec<Question>> = (0..flights.len()).step_by(step).map(question).collect();
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let questions = asked.clone();
            let mut answers = Vec::with_capacity(questions.len());
            let started = Instant::now();
            questions.into_iter().for_each(|question| answers.push(serving.answer(question)));
            started.elapsed().as_secs_f64() * 1e6 / asked.len() as f64
        })
        .collect();
    runs.sort_unstable_by(f64::total_cmp);
    runs[RUNS / 2]
}

/// The median seconds of [`RUNS`] runs, after one that warms up.
fn median(work: impl Fn()) -> f64 {
    work();
    let mut runs: Vec<f64> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64()
        })
        .collect();
    runs.sort_unstable_by(f64::total_cmp);
    runs[RUNS / 2]
}
