//! What the benches share: the bundled flights, read once per bench program, and a worker to run a dataflow on.
//!
//! All rows are real, so that the benches meet the distributions that training meets: skewed routes, many early and few
//! very late flights. All of them are training rows here; nothing is held out. It measures nothing itself.

pub mod cost_model;
pub mod crew;
pub mod scale_runs;
pub mod scale_tables;
pub mod slow_wire;
pub mod travellers;

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, ensure};
use flightline_connectors::files::{self, Payload, Split, Stores};
use flightline_jobs::flight::decode::{RowSink, columns_to_read};
use flightline_jobs::flight::{Decoder, DelayClass, FlightBatch, FlightBatchBuilder, features};
use flightline_jobs::training::Preset;
use flightline_operators::flow::VecStream;
use flightline_operators::forest::ForestParams;
use flightline_operators::grow::{GrowInput, GrowLimits, Grown, Layout, Tasks, grow_forests};
use flightline_operators::identity::Seed;
use flightline_operators::settle::settle_keys;
use flightline_operators::space::{ColumnSummary, FeatureSpace};
use flightline_operators::table::{BinColumn, BinnedRows, Class, Day, LabelledRows, Role, RoledRows};
use timely::WorkerConfig;
use timely::communication::Allocator;
use timely::communication::allocator::thread::Thread;
use timely::dataflow::operators::{Inspect, ToStream};
use timely::worker::Worker;

/// The bundled flights, from whatever folder the benches are started.
pub const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/flights.parquet");

/// Where all chance in the benches comes from.
pub const SEED: Seed = Seed(1);

/// One file as one worker would read it alone.
#[derive(Debug)]
pub struct OneFile {
    stores: Stores,
    split: Split,
}

impl OneFile {
    /// Finds the file; the format is told by its name.
    ///
    /// # Errors
    /// No such file, or one of an unknown format, or an empty one.
    pub fn open(path: &str) -> anyhow::Result<Self> {
        let stores = Stores::new()?;
        let found = files::resolve(&stores, &[path.to_owned()], None)?;
        let split = files::plan(&found, 1).into_iter().flatten().next();
        Ok(Self { stores, split: split.with_context(|| format!("{path} is empty; fetch the bundled data anew"))? })
    }

    /// Bytes of the file as it is stored.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.split.file().size
    }

    /// Hands out the file in pieces, of the columns that flights need, without looking at a row. Returns how many.
    ///
    /// # Errors
    /// A damaged file, or what `take` says.
    pub fn read(&self, mut take: impl FnMut(&Payload) -> anyhow::Result<()>) -> anyhow::Result<u64> {
        let columns = columns_to_read(FlightBatchBuilder::NEEDED);
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let (mut pieces, mut taken) = (0, Ok(()));
        files::read(&self.stores, &self.split, Some(&columns), &mut |payload| {
            pieces += 1;
            taken = take(&payload);
            if taken.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        taken.map(|()| pieces)
    }

    /// Reads and decodes the file into `sink`, as `train` does.
    ///
    /// # Errors
    /// A damaged file, or one that can't hold flights.
    pub fn decode<S: RowSink>(&self, sink: &mut S) -> anyhow::Result<()> {
        let mut decoder = Decoder::new();
        self.read(|payload| Ok(decoder.decode(payload, sink)?))?;
        Ok(())
    }

    /// All flights of the file.
    ///
    /// # Errors
    /// As [`OneFile::decode`].
    pub fn flights(&self) -> anyhow::Result<FlightBatch> {
        let mut flights = FlightBatchBuilder::default();
        self.decode(&mut flights)?;
        Ok(flights.finish())
    }
}

/// The bundled flights with the features and parameters of a preset, through all stages up to growing.
#[derive(Clone, Debug)]
pub struct Table {
    /// The rows with their settled keys; all are training rows.
    pub roled: Rc<RoledRows>,
    /// Exact bins of all features.
    pub space: Rc<FeatureSpace>,
    /// The places of the cells of `space`.
    pub layout: Rc<Layout>,
    /// The rows in bins.
    pub binned: Rc<BinnedRows>,
    /// The preset's parameters with [`SEED`].
    pub params: Rc<ForestParams>,
}

impl Table {
    /// Labels, settles and bins `flights` for `preset`.
    ///
    /// # Errors
    /// Flights that don't come out of the stages row by row, which would be a bug of theirs.
    pub fn of(flights: &FlightBatch, preset: Preset) -> anyhow::Result<Self> {
        let rows = Rc::new(labelled(flights, preset));
        let keys = on_one_worker(Arc::clone(&flights.identities), settle_keys).pop();
        let keys = keys.context("settling gave no keys")?;
        ensure!(keys.len() == rows.len(), "{} rows were settled as {}", rows.len(), keys.len());
        let summaries = rows.features.iter().map(|column| ColumnSummary::of(column, |_| true));
        let space = FeatureSpace { features: summaries.map(|summary| summary.bins()).collect() };
        let roled = Rc::new(RoledRows { roles: vec![Role::Train; rows.len()], blocks: Vec::new(), rows, keys });
        let [binned] = BinnedRows::by_role(Rc::clone(&roled), &space, [Role::Train]);
        Ok(Self {
            layout: Rc::new(Layout::new(&space, DelayClass::COUNT)),
            binned: Rc::new(binned),
            roled,
            space: Rc::new(space),
            params: Rc::new(preset.params(SEED)),
        })
    }

    /// What one worker that has all rows brings to the growing of a forest.
    #[must_use]
    pub fn grow_input(&self) -> GrowInput {
        let rows_everywhere = self.binned.len() as u64;
        let tasks = Rc::new(Tasks::one(ForestParams::clone(&self.params)));
        let limits = GrowLimits::default();
        GrowInput { rows: Rc::clone(&self.binned), layout: Rc::clone(&self.layout), tasks, rows_everywhere, limits }
    }

    /// Grows the preset's forest on one worker; `None` would be a bug of the dataflow.
    #[must_use]
    pub fn grow(&self) -> Option<Grown> {
        on_one_worker(self.grow_input(), |input| grow_forests(input, |_| ())).pop()
    }
}

fn labelled(flights: &FlightBatch, preset: Preset) -> LabelledRows {
    let delays = &flights.arrival_delays;
    let class = |row| Class(DelayClass::of(*delays.get(row)).index() as u8);
    LabelledRows {
        features: features::columns(&preset.features(), &flights.columns),
        classes: (0..flights.len()).map(class).collect(),
        days: flights.columns.dates.derive(|date| Day(date.days())),
    }
}

/// Every `step`th row, which is at least 1, from row `first` on.
#[must_use]
pub fn every_nth(all: &BinnedRows, first: usize, step: usize) -> BinnedRows {
    let column = |column: &BinColumn| match column {
        BinColumn::Narrow(bins) => BinColumn::Narrow(bins.iter().copied().skip(first).step_by(step).collect()),
        BinColumn::Wide(bins) => BinColumn::Wide(bins.iter().copied().skip(first).step_by(step).collect()),
    };
    BinnedRows {
        columns: all.columns.iter().map(column).collect(),
        classes: all.classes.iter().copied().skip(first).step_by(step).collect(),
        keys: all.keys.iter().copied().skip(first).step_by(step).collect(),
        blocks: Vec::new(),
    }
}

/// Runs a dataflow over one record on one worker, on the calling thread; returns what comes out.
pub fn on_one_worker<A: Clone + 'static, R: Clone + 'static>(
    input: A,
    dataflow: impl for<'scope> FnOnce(VecStream<'scope, u64, A>) -> VecStream<'scope, u64, R>,
) -> Vec<R> {
    let allocator = Allocator::Thread(Thread::default());
    let mut worker = Worker::new(WorkerConfig::default(), allocator, None);
    let results: Rc<RefCell<Vec<R>>> = Rc::default();
    let seen = Rc::clone(&results);
    worker.dataflow::<u64, _, _>(|scope| {
        let output = dataflow(Some(input).to_stream(scope));
        output.inspect(move |result| seen.borrow_mut().push(result.clone()));
    });
    while worker.has_dataflows() {
        worker.step_or_park(None);
    }
    results.take()
}
