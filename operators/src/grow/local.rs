//! One worker's part in growing: its rows of every node, counted, and sent down as the owners decide.
//!
//! Trees grow in groups that bound the memory. All workers hold equal lists of open nodes, because all apply the same
//! decisions; a worker without rows in a node says nothing about it. The owner of an open node follows from its place in
//! that list, so that nobody needs to be told.

use std::rc::Rc;

use super::bag::WeightedRow;
use super::cells::CellColumns;
use super::counter::CellCounter;
use super::growing::GrowingTree;
use super::histogram::HistogramBatch;
use super::layout::Layout;
use super::limits::GrowLimits;
use super::owner::Decision;
use super::subset::FeatureDealer;
use super::tasks::{QueuedTree, Tasks};
use super::traffic::{Traffic, bytes_of_decision};
use super::wire::{Encoding, Wire};
use crate::forest::{ClassCounts, Forest, ForestParams, Tree};
use crate::space::FeatureIndex;
use crate::table::BinnedRows;

/// Who grows: a worker among others, and the rows of all of them.
#[derive(Clone, Copy, Debug)]
pub struct Crew {
    /// Which worker this is, from 0.
    pub worker: u32,
    /// Number of workers, at least 1.
    pub workers: u32,
    /// Rows of all workers, held-out ones included.
    pub rows: u64,
    /// What growing may take.
    pub limits: GrowLimits,
}

/// A forest that has grown.
#[derive(Clone, Debug)]
pub struct Grown {
    /// Its place among those that the loop grows.
    pub task: usize,
    /// The forest, the same on each worker; `None` on all of them when it would have more bytes than
    /// [`GrowLimits::most_bytes`]. Nothing grows after that.
    pub forest: Option<Rc<Forest>>,
    /// What this worker says was sent since the forest before: all that was is the sum over forests and workers.
    pub traffic: Traffic,
}

/// A worker's state while forests grow.
#[derive(Debug)]
pub struct LocalGrower {
    data: Rc<BinnedRows>,
    cells: CellColumns,
    layout: Rc<Layout>,
    tasks: Rc<Tasks>,
    crew: Crew,
    /// Trees that were planted, of all in the queue.
    planted: u32,
    growing: Vec<GrowingTree>,
    /// Trees of forests that are not complete, with their bytes.
    grown: Vec<(Tree, u64)>,
    /// Forests that are.
    complete: usize,
    counter: CellCounter,
    /// One for each forest.
    dealers: Vec<FeatureDealer>,
    spare: Vec<WeightedRow>,
    traffic: Traffic,
    owners: Owners,
    /// Whether there were more nodes than there may be.
    overgrown: bool,
}

/// Deals nodes to workers in turn.
///
/// The workers of a process have numbers side by side, and the nodes of a round may be few: so the next one is far from the
/// last, and a round begins where the one before has ended, or the first hosts would hear all histograms.
#[derive(Debug)]
struct Owners {
    workers: u32,
    stride: u32,
    next: u32,
}

impl Owners {
    fn new(workers: u32) -> Self {
        let coprime = |stride: &u32| gcd(*stride, workers) == 1;
        // The golden section leaves no large gap between any first few.
        let golden = (u64::from(workers) * 618 / 1000).max(1) as u32;
        Self { workers, stride: (golden..=workers).find(coprime).unwrap_or(1), next: 0 }
    }

    fn next(&mut self) -> usize {
        let owner = self.next;
        self.next = (owner + self.stride) % self.workers;
        owner as usize
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl LocalGrower {
    /// A grower over this worker's rows. `crew` is the same on each worker: it sets how many trees grow at once and who
    /// owns a node, and reaches no result.
    #[must_use]
    pub fn new(data: Rc<BinnedRows>, layout: Rc<Layout>, tasks: Rc<Tasks>, crew: Crew) -> Self {
        Self {
            cells: CellColumns::of(&data, &layout),
            counter: CellCounter::new(&layout),
            dealers: FeatureDealer::of_tasks(&tasks, layout.features()),
            crew,
            data,
            layout,
            tasks,
            planted: 0,
            growing: vec![],
            grown: vec![],
            complete: 0,
            spare: vec![],
            traffic: Traffic::default(),
            owners: Owners::new(crew.workers),
            overgrown: false,
        }
    }

    /// Gives `say` this worker's histograms of all open nodes. `false` when all forests are grown, or given up.
    pub fn count(&mut self, mut say: impl FnMut(HistogramBatch)) -> bool {
        if self.growing.is_empty() && !self.overgrown {
            self.start_group();
        }
        let (crew, traffic) = (self.crew, &mut self.traffic);
        // All open nodes are of one level.
        let level = self.growing.iter().flat_map(|tree| tree.open().first()).map(|open| open.index.depth()).next();
        let mut say = |batch: HistogramBatch| {
            if batch.owner != crew.worker {
                traffic.level(level.unwrap_or(0)).histogram_bytes += Wire::length(std::slice::from_ref(&batch)) as u64;
            }
            say(batch);
        };
        let mut batches: Vec<HistogramBatch> = (0..crew.workers).map(HistogramBatch::to).collect();
        for tree in &self.growing {
            for open in tree.open() {
                let owner = self.owners.next();
                if open.rows.is_empty() {
                    continue;
                }
                let of_task = tree.of_task();
                let subset = self.dealers[of_task.task].deal(of_task.tree, open.index);
                let batch = &mut batches[owner];
                let rows = tree.rows(open.rows.clone());
                self.counter.count(&self.cells, &self.layout, subset, rows, &mut batch.words);
                batch.end_node(tree.queued(), open.index);
                if batch.is_full() {
                    say(std::mem::replace(batch, HistogramBatch::to(owner as u32)));
                }
            }
        }
        batches.into_iter().filter(|batch| !batch.nodes.is_empty()).for_each(say);
        !self.growing.is_empty()
    }

    /// Applies the owners' decisions on all open nodes, in any order; returns how many of [`Tasks::levels`] that settles.
    pub fn decide(&mut self, mut decisions: Vec<Decision>) -> u64 {
        self.note(&decisions);
        decisions.sort_unstable_by_key(|decision| (decision.tree, decision.node));
        let mut decisions = decisions.into_iter().peekable();
        let mut levels = 0;
        for tree in &mut self.growing {
            let params = &self.tasks.forests()[tree.of_task().task].params;
            let (level, nodes) = tree.take_open();
            for open in nodes {
                let decision =
                    decisions.next_if(|decision| (decision.tree, decision.node) == (tree.queued(), open.index));
                match decision {
                    Some(decision) => tree.settle(open, decision, &self.data, params, &mut self.spare),
                    None => tree.settle_empty(open, ClassCounts::zero(self.layout.classes())),
                }
            }
            levels += if tree.open().is_empty() { u64::from(params.depth - level) + 1 } else { 1 };
        }
        if self.growing.iter().all(|tree| tree.open().is_empty()) {
            let finish = |tree: GrowingTree| {
                let bytes = tree.bytes();
                (tree.finish(), bytes)
            };
            self.grown.extend(self.growing.drain(..).map(finish));
        }
        // All workers hold equal trees, so all give up in the same round.
        if self.bytes() > self.crew.limits.most_bytes {
            self.overgrown = true;
            (self.growing, self.grown) = (vec![], vec![]);
        }
        levels
    }

    /// Bytes of all trees that are held.
    fn bytes(&self) -> u64 {
        let grown = self.grown.iter().map(|(_, bytes)| *bytes);
        grown.chain(self.growing.iter().map(GrowingTree::bytes)).sum()
    }

    /// The next forest that is complete or given up, if there is one. With it comes what this worker says was sent: its
    /// own histograms, and on worker 0 the decisions.
    pub fn next_grown(&mut self) -> Option<Grown> {
        let task = self.complete;
        let trees = self.tasks.forests().get(task)?.params.trees as usize;
        let forest = if self.overgrown {
            self.complete = self.tasks.forests().len();
            None
        } else {
            let rest = (self.grown.len() >= trees).then(|| self.grown.split_off(trees))?;
            let trees = std::mem::replace(&mut self.grown, rest).into_iter().map(|(tree, _)| tree).collect();
            self.complete += 1;
            Some(Rc::new(Forest { classes: self.layout.classes() as u8, trees }))
        };
        Some(Grown { task, forest, traffic: std::mem::take(&mut self.traffic) })
    }

    /// All workers hear all decisions: one says how many there were.
    fn note(&mut self, decisions: &[Decision]) {
        if self.crew.worker > 0 {
            return;
        }
        let others = u64::from(self.crew.workers - 1);
        for decision in decisions {
            let level = self.traffic.level(decision.node.depth());
            level.nodes += 1;
            level.decision_bytes += others * bytes_of_decision(decision);
        }
    }

    fn start_group(&mut self) {
        let mut room = self.crew.limits.bytes_at_once;
        while self.planted < self.tasks.trees() {
            let queued = QueuedTree(self.planted);
            let params = &self.tasks.forests()[self.tasks.locate(queued).task].params;
            let bytes = bytes_of_tree(&self.layout, params, self.crew);
            if bytes > room && !self.growing.is_empty() {
                break;
            }
            room = room.saturating_sub(bytes);
            self.growing.push(GrowingTree::plant(queued, &self.data, &self.tasks));
            self.planted += 1;
        }
    }
}

/// Bytes of a growing tree on a worker, about: a bag, and a histogram of every node of the largest level.
fn bytes_of_tree(layout: &Layout, params: &ForestParams, crew: Crew) -> u64 {
    let rows = crew.rows / u64::from(crew.workers);
    let features = u64::from(layout.features()).max(1);
    let competing = params.features_per_node.count(features as usize) as u64;
    let cells: u64 = (0..layout.features()).map(|feature| layout.cells(FeatureIndex(feature)) as u64).sum();
    let nodes = 1_u64 << params.depth.saturating_sub(1);
    // A node has no more filled cells than cells, and all of a level no more than rows, in each feature.
    let words = rows.min(nodes.saturating_mul(cells / features + 1)) * competing;
    4 * (rows + words) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_owns_as_many_nodes_and_few_nodes_are_far_apart() {
        for workers in 1..70 {
            let mut owners = Owners::new(workers);
            for _round in 0..3 {
                let mut owned = vec![0; workers as usize];
                (0..workers).for_each(|_| owned[owners.next()] += 1);
                assert!(owned.iter().all(|nodes| *nodes == 1), "{workers} workers own {owned:?}");
            }
        }
        // Twenty hosts of sixteen workers: the first twenty nodes once were all the first hosts'.
        let mut owners = Owners::new(320);
        let hosts: std::collections::BTreeSet<usize> = (0..20).map(|_| owners.next() / 16).collect();
        assert!(hosts.len() >= 13, "{hosts:?}");
    }
}
