//! The shape of a tree that nobody has grown yet: nodes and rows of each level, and what their histograms hold.
//!
//! Every split is taken to send a quarter of its rows one way and three quarters the other, and every node that may split
//! by its rows to split. So a level has nodes of `level + 1` sizes, as many of each as the binomial coefficient says. Trees
//! on flights come near that in the middle, and end somewhat sooner.

use flightline_operators::grow::{CELLS_PER_ROW, MOST_WEIGHT};

use super::Work;

/// The share of a node's rows that goes to its smaller child.
const SMALLER: f64 = 0.25;

/// Rows of a node from which on a cell that has some takes two words: 2^16 by the largest weight.
const LONG_ROWS: f64 = 65_536.0 / MOST_WEIGHT as f64;

/// What a feature is to the model.
#[derive(Clone, Copy, Debug)]
pub struct FeatureShape {
    /// Bins by classes.
    pub cells: f64,
    /// Bytes of a set of its categories; none for a numeric feature.
    pub set_bytes: Option<f64>,
}

/// A level of one tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct LevelShape {
    /// Nodes that are decided about.
    pub nodes: f64,
    /// Drawn rows in them, of all workers.
    pub rows: f64,
    /// Of these, for one feature, those in nodes of which only cells with rows are looked through.
    pub sparse_rows: f64,
    /// Words of one worker's histograms of all nodes, where all cells are told.
    pub dense_words: f64,
    /// And where only those with rows are.
    pub sparse_words: f64,
    /// Cells with rows of all workers together, of all nodes and competing features.
    pub filled: f64,
    /// Bytes of a decision.
    pub decision_bytes: f64,
}

/// All levels on which nodes are decided about, the root's first.
#[must_use]
pub fn levels(work: &Work, workers: f64) -> Vec<LevelShape> {
    let depth = u32::from(work.params.depth.max(1));
    let shapes = (0..depth).map(|level| of_level(work, workers, level));
    shapes.take_while(|level| level.nodes > 0.0).collect()
}

fn of_level(work: &Work, workers: f64, level: u32) -> LevelShape {
    let least = 2.0 * f64::from(work.params.min_rows);
    let mut shape = LevelShape { decision_bytes: decision_bytes(work), ..LevelShape::default() };
    let mut nodes = 1.0;
    for smaller in 0..=level {
        let rows = work.drawn() * SMALLER.powi(smaller as i32) * (1.0 - SMALLER).powi((level - smaller) as i32);
        if level == 0 || rows >= least {
            shape.add(work, workers, nodes, rows);
        }
        nodes = nodes * f64::from(level - smaller) / f64::from(smaller + 1);
    }
    shape
}

impl LevelShape {
    /// Words of one worker's histograms of all nodes.
    #[must_use]
    pub fn words(&self) -> f64 {
        self.dense_words + self.sparse_words
    }

    /// So many nodes of so many rows each.
    fn add(&mut self, work: &Work, workers: f64, nodes: f64, rows: f64) {
        self.nodes += nodes;
        self.rows += nodes * rows;
        let (of_worker, competing) = (rows / workers, work.competing());
        // A node asks each feature as often as any other.
        let share = 1.0 / work.features.len().max(1) as f64;
        for feature in &work.features {
            let cells = feature.cells;
            let asked = share * competing * nodes;
            if of_worker * CELLS_PER_ROW as f64 >= cells {
                self.dense_words += asked * (cells + 1.0);
            } else {
                self.sparse_rows += share * nodes * rows;
                let per_cell = if of_worker < LONG_ROWS { 1.0 } else { 2.0 };
                self.sparse_words += asked * (per_cell * filled(cells, of_worker) + 1.0);
            }
            self.filled += asked * filled(cells, rows);
        }
    }
}

/// How many of so many cells get a row.
fn filled(cells: f64, rows: f64) -> f64 {
    cells * (1.0 - (-rows / cells).exp())
}

/// Tree, node, counts, and a split with the counts of its left side, as they are written.
fn decision_bytes(work: &Work) -> f64 {
    let counts = 8.0 + 8.0 * work.classes;
    let rules = work.features.iter().map(|feature| feature.set_bytes.map_or(2.0, |bytes| 8.0 + bytes));
    let rule = rules.sum::<f64>() / work.features.len().max(1) as f64;
    12.0 + counts + 1.0 + (2.0 + 4.0 + rule + 8.0 + counts)
}
