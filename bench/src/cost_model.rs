//! What growing a forest costs, from its size alone: seconds, bytes by level, rounds, and memory of a machine.
//!
//! Pure arithmetic. What depends on the machine stands in [`Machine`] and is measured by [`fit`]; what depends on the
//! trees, in [`shape`]. It knows two things of the rows: how many there are, and how many cells each feature has. Cells
//! are taken for equally likely, and workers for equally fast; transfer isn't thought to overlap with counting.

pub mod fit;
mod least_squares;
pub mod shape;
#[cfg(test)]
mod tests;

use flightline_operators::forest::ForestParams;
use flightline_operators::grow::{GrowLimits, Layout};
use flightline_operators::space::FeatureIndex;

use shape::{FeatureShape, LevelShape, levels};

/// Times that something goes from host to host, one after the other, before the next round can begin. Four follow from the
/// dataflow: histograms, word that all of them have arrived, decisions, word that all of those have. A fifth stands
/// for what `bench-scale` finds beyond them: `docs/scaling.md`.
pub const TRIPS_PER_ROUND: f64 = 5.0;

/// Rows and forest.
#[derive(Clone, Debug)]
pub struct Work {
    /// Rows that the forest is grown from, of all workers.
    pub rows: f64,
    /// Rows that are held in memory beside them, to judge it.
    pub held_out: f64,
    /// Each feature.
    pub features: Vec<FeatureShape>,
    /// Classes of the label.
    pub classes: f64,
    /// How the forest is grown.
    pub params: ForestParams,
}

impl Work {
    /// The work of a forest over so many rows of the feature space that `layout` is of.
    #[must_use]
    pub fn new(rows: f64, held_out: f64, layout: &Layout, params: &ForestParams) -> Self {
        let feature = |feature| FeatureShape {
            cells: layout.cells(FeatureIndex(feature)) as f64,
            set_bytes: layout.unseen(FeatureIndex(feature)).map(|last| 8.0 * (f64::from(last) / 64.0).ceil()),
        };
        let features = (0..layout.features()).map(feature).collect();
        Self { rows, held_out, features, classes: layout.classes() as f64, params: params.clone() }
    }

    /// Features that compete at a node.
    #[must_use]
    pub fn competing(&self) -> f64 {
        self.params.features_per_node.count(self.features.len()) as f64
    }

    /// Rows in the sample of a tree: Poisson(1) leaves out 1 / e of them.
    #[must_use]
    pub fn drawn(&self) -> f64 {
        if self.params.bagging { self.rows * (1.0 - (-1.0_f64).exp()) } else { self.rows }
    }
}

/// Who works, and what is between them.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Hosts, with a process each.
    pub hosts: f64,
    /// Workers of a process, with a core each.
    pub workers: f64,
    /// Seconds from host to host, one way.
    pub latency: f64,
    /// Bytes a second that a host can send.
    pub bytes_per_second: f64,
}

impl Places {
    /// Workers of all hosts.
    #[must_use]
    pub fn all_workers(&self) -> f64 {
        self.hosts * self.workers
    }
}

/// What a core needs, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine {
    /// For a row in a feature, to work out its cell, once.
    pub cell: f64,
    /// For a row, to draw its weight in a tree.
    pub draw: f64,
    /// For a drawn row in a feature, to count it: where the line over all levels begins, which the root itself may not meet.
    pub dense: f64,
    /// How much more of it there is on each level below: rows of a node lie further apart in memory.
    pub dense_deeper: f64,
    /// How much more, where only cells with rows are looked through.
    pub sparse: f64,
    /// For a drawn row, to move it to its child: where the line over all levels begins.
    pub partition: f64,
    /// How much more of it there is on each level below.
    pub partition_deeper: f64,
    /// For a word of a histogram that has all cells, to add it up.
    pub merge_dense: f64,
    /// The same for one that has those with rows.
    pub merge_sparse: f64,
    /// For a cell with rows of a node's feature, to look for a cut.
    pub cut: f64,
    /// For a byte, to write it and to read it, both sides together.
    pub wire: f64,
}

impl Machine {
    /// For a drawn row in a feature, to count it on a level.
    fn count(&self, level: f64) -> f64 {
        self.dense + self.dense_deeper * level
    }

    /// For a drawn row, to move it on a level.
    fn partition(&self, level: f64) -> f64 {
        self.partition + self.partition_deeper * level
    }
}

/// What it comes to.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// Bytes of histograms by level, between all workers.
    pub histogram_bytes: Vec<f64>,
    /// Bytes of decisions by level, between all workers.
    pub decision_bytes: Vec<f64>,
    /// Bytes that a host sends to others.
    pub bytes_per_host: f64,
    /// Levels of groups of trees.
    pub rounds: f64,
    /// Seconds that each core counts, adds up and moves.
    pub compute: f64,
    /// Seconds that each core writes and reads messages.
    pub writing: f64,
    /// Seconds that a host's bytes are on the wire.
    pub transfer: f64,
    /// Seconds of latency.
    pub waiting: f64,
    /// Bytes of memory on a host for what growing holds: rows, bags, and histograms on their way.
    pub memory_per_host: f64,
}

impl Cost {
    /// All seconds, one after the other.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.compute + self.writing + self.transfer + self.waiting
    }
}

/// What growing costs.
#[must_use]
pub fn cost(work: &Work, places: &Places, machine: &Machine) -> Cost {
    let (workers, trees, competing) = (places.all_workers(), f64::from(work.params.trees), work.competing());
    let at_once = trees_at_once(work, workers);
    let levels = levels(work, workers);
    let mut cost = Cost { rounds: (trees / at_once).ceil() * levels.len() as f64, ..Cost::default() };
    let draw = if work.params.bagging { machine.draw } else { 0.0 };
    let mut nanoseconds = work.rows / workers * (trees * draw + work.features.len() as f64 * machine.cell);
    let mut most_words = 0.0_f64;
    for (depth, level) in levels.iter().enumerate() {
        let LevelShape { nodes, rows, sparse_rows, dense_words, sparse_words, filled, decision_bytes } = level;
        let words = level.words();
        cost.histogram_bytes.push(trees * (workers - 1.0) * (4.0 * words + 16.0 * nodes));
        cost.decision_bytes.push(trees * (workers - 1.0) * nodes * decision_bytes);
        let is_last = depth + 1 >= usize::from(work.params.depth);
        let moved = if is_last { 0.0 } else { *rows };
        nanoseconds += trees / workers
            * (competing * (rows * machine.count(depth as f64) + sparse_rows * machine.sparse)
                + moved * machine.partition(depth as f64)
                + workers * (dense_words * machine.merge_dense + sparse_words * machine.merge_sparse)
                + filled * machine.cut);
        most_words = most_words.max(words);
    }
    let sent: f64 = cost.histogram_bytes.iter().chain(&cost.decision_bytes).sum();
    // Of the other workers of a message, those of other hosts.
    let abroad = if workers > 1.0 { (workers - places.workers) / (workers - 1.0) } else { 0.0 };
    cost.bytes_per_host = sent * abroad / places.hosts;
    cost.compute = nanoseconds / 1e9;
    cost.writing = cost.bytes_per_host * machine.wire / places.workers / 1e9;
    cost.transfer = cost.bytes_per_host / places.bytes_per_second;
    cost.waiting = if places.hosts > 1.0 { cost.rounds * TRIPS_PER_ROUND * places.latency } else { 0.0 };
    // What a worker says of its rows, and what it hears of its nodes: as much.
    let in_flight = 2.0 * 4.0 * at_once * most_words;
    let of_rows = row_bytes(work) * (work.rows + work.held_out) / workers + 4.0 * at_once * work.drawn() / workers;
    cost.memory_per_host = places.workers * (of_rows + in_flight);
    cost
}

/// Bytes of a row while trees grow: key, class, and for each feature its bin and its cell.
#[must_use]
pub fn row_bytes(work: &Work) -> f64 {
    let width = |limit: f64, number: f64| if number <= limit { 1.0 } else { 2.0 };
    let of_feature =
        |feature: &FeatureShape| width(256.0, feature.cells / work.classes) + 2.0 * width(65_536.0, feature.cells);
    9.0 + work.features.iter().map(of_feature).sum::<f64>()
}

/// As the grower has it.
fn trees_at_once(work: &Work, workers: f64) -> f64 {
    let rows = (work.rows + work.held_out) / workers;
    let cells: f64 = work.features.iter().map(|feature| feature.cells).sum();
    let features = work.features.len().max(1) as f64;
    let nodes = 2.0_f64.powi(i32::from(work.params.depth.saturating_sub(1)));
    let words = rows.min(nodes * (cells / features + 1.0)) * work.competing();
    (GrowLimits::BYTES_AT_ONCE as f64 / (4.0 * (rows + words) + 1.0)).floor().clamp(1.0, f64::from(work.params.trees))
}
