//! Several workers that grow a forest in one thread, without a dataflow: what each phase of each level costs, and what
//! would travel.
//!
//! The cores are those of `train`, so bytes and rounds are the true ones; times are those of the processor, so that a
//! busy machine disturbs them little. Nothing is written to a wire, and nobody waits for anybody.

use std::fs;
use std::rc::Rc;
use std::thread;

use anyhow::Context;
use flightline_operators::forest::ForestParams;
use flightline_operators::grow::{Crew, Decision, HistogramBatch, Layout, LocalGrower, NodeOwner, Traffic};
use flightline_operators::identity::RowKey;
use flightline_operators::table::{BinColumn, BinnedRows};

/// Seconds of a processor for one level of all trees, all workers together.
#[derive(Clone, Copy, Debug, Default)]
pub struct LevelSeconds {
    /// Rows into histograms; at the root also the drawing of the samples.
    pub count: f64,
    /// Histograms of all workers into decisions.
    pub own: f64,
    /// Rows to the children of their node.
    pub settle: f64,
}

/// What growing by such a crew took.
#[derive(Clone, Debug)]
pub struct CrewRun {
    /// Seconds of a processor until the first level: each row's cells are worked out.
    pub start: f64,
    /// The root's level first.
    pub levels: Vec<LevelSeconds>,
    /// Levels of groups of trees.
    pub rounds: u64,
    /// Bytes by level.
    pub traffic: Traffic,
}

/// Grows a forest over `rows`, of which each worker has an even share.
///
/// # Errors
/// The operating system doesn't say how long a thread was at work: it must be Linux.
pub fn grow_by_crew(
    rows: &BinnedRows,
    layout: &Rc<Layout>,
    params: &Rc<ForestParams>,
    workers: u32,
) -> anyhow::Result<CrewRun> {
    let everywhere = rows.len() as u64;
    let grower = |worker: u32| {
        let share = |worker: u32| (everywhere * u64::from(worker) / u64::from(workers)) as usize;
        let mine = Rc::new(part(rows, share(worker), share(worker + 1)));
        LocalGrower::new(mine, Rc::clone(layout), Rc::clone(params), Crew { worker, workers, rows: everywhere })
    };
    let begun = processor_seconds()?;
    let mut growers: Vec<LocalGrower> = (0..workers).map(grower).collect();
    let start = processor_seconds()? - begun;
    let mut owner = NodeOwner::new(Rc::clone(layout), Rc::clone(params));
    let (mut levels, mut rounds) = (Vec::<LevelSeconds>::new(), 0);
    loop {
        let mut batches: Vec<Vec<HistogramBatch>> = (0..workers).map(|_| vec![]).collect();
        let begun = processor_seconds()?;
        let mut open = false;
        for grower in &mut growers {
            open = grower.count(|batch| batches[batch.owner as usize].push(batch));
        }
        if !open {
            break;
        }
        let counted = processor_seconds()?;
        let decisions: Vec<Decision> = batches.iter().flat_map(|batches| owner.decide(batches)).collect();
        let decided = processor_seconds()?;
        let level = decisions.first().map_or(0, |decision| usize::from(decision.node.depth()));
        for grower in &mut growers {
            grower.decide(decisions.clone());
        }
        let settled = processor_seconds()?;
        rounds += 1;
        levels.resize(levels.len().max(level + 1), LevelSeconds::default());
        levels[level].count += counted - begun;
        levels[level].own += decided - counted;
        levels[level].settle += settled - decided;
    }
    let mut traffic = Traffic::default();
    growers.into_iter().for_each(|grower| traffic.merge(&grower.finish().1));
    Ok(CrewRun { start, levels, rounds, traffic })
}

fn part(rows: &BinnedRows, from: usize, to: usize) -> BinnedRows {
    let column = |column: &BinColumn| match column {
        BinColumn::Narrow(bins) => BinColumn::Narrow(bins[from..to].to_vec()),
        BinColumn::Wide(bins) => BinColumn::Wide(bins[from..to].to_vec()),
    };
    BinnedRows {
        columns: rows.columns.iter().map(column).collect(),
        classes: rows.classes[from..to].to_vec(),
        keys: rows.keys[from..to].to_vec(),
    }
}

/// The rows so many times, each time with other keys, so that samples don't draw them alike.
#[must_use]
pub fn repeated(rows: &BinnedRows, times: u32) -> BinnedRows {
    let times = times as usize;
    let column = |column: &BinColumn| match column {
        BinColumn::Narrow(bins) => BinColumn::Narrow(bins.repeat(times)),
        BinColumn::Wide(bins) => BinColumn::Wide(bins.repeat(times)),
    };
    let key = |(number, key): (usize, RowKey)| RowKey(key.0.wrapping_add(number as u64));
    BinnedRows {
        columns: rows.columns.iter().map(column).collect(),
        classes: rows.classes.repeat(times),
        keys: rows.keys.repeat(times).into_iter().enumerate().map(key).collect(),
    }
}

/// For how long a processor has been at work for this thread.
///
/// # Errors
/// The operating system doesn't say.
pub fn processor_seconds() -> anyhow::Result<f64> {
    const PATH: &str = "/proc/thread-self/schedstat";
    // The account of a thread is settled when another one could have its turn.
    thread::yield_now();
    let text = fs::read_to_string(PATH).with_context(|| format!("can't read {PATH}: run this on Linux"))?;
    let nanoseconds = text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    Ok(nanoseconds.with_context(|| format!("{PATH} doesn't begin with nanoseconds: {text:?}"))? as f64 / 1e9)
}
