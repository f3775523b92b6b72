//! Which forests one loop grows: the parameters of each, and the rows that it may see.
//!
//! The trees of all forests stand in one queue, those of a forest side by side, and go by their place in it. What a tree
//! becomes follows from its number in its own forest, so no forest depends on those that grow beside it.

use serde::{Deserialize, Serialize};

use crate::folds::FoldSplit;
use crate::forest::{ForestParams, TreeIndex};

/// A forest to grow.
#[derive(Clone, Debug)]
pub struct ForestTask {
    /// Its parameters.
    pub params: ForestParams,
    /// Which of the rows it sees; all where there is no fold.
    pub fold: Option<FoldSplit>,
}

/// Place of a tree in the queue of all trees, from 0. In a queue of one forest it is the tree's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueuedTree(pub u32);

/// The forests that one loop grows, in order; the same on each worker.
#[derive(Clone, Debug)]
pub struct Tasks {
    tasks: Vec<ForestTask>,
    /// The place in the queue where the trees of each begin.
    starts: Vec<u32>,
}

/// A tree of the queue: its forest, and its number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TreeOfTask {
    pub(super) task: usize,
    pub(super) tree: TreeIndex,
}

impl Tasks {
    /// These forests, each with at least one tree.
    #[must_use]
    pub fn new(tasks: Vec<ForestTask>) -> Self {
        let starts = tasks.iter().scan(0, |next, task| {
            let start = *next;
            *next += task.params.trees;
            Some(start)
        });
        Self { starts: starts.collect(), tasks }
    }

    /// One forest from all rows.
    #[must_use]
    pub fn one(params: ForestParams) -> Self {
        Self::new(vec![ForestTask { params, fold: None }])
    }

    /// The forests.
    #[must_use]
    pub fn forests(&self) -> &[ForestTask] {
        &self.tasks
    }

    /// Trees of all forests.
    #[must_use]
    pub fn trees(&self) -> u32 {
        self.tasks.iter().map(|task| task.params.trees).sum()
    }

    /// Levels of all trees together: the units of work that growing tells of.
    #[must_use]
    pub fn levels(&self) -> u64 {
        self.tasks.iter().map(|task| u64::from(task.params.trees) * (u64::from(task.params.depth) + 1)).sum()
    }

    /// Whose tree it is that stands at a place of the queue.
    pub(super) fn locate(&self, queued: QueuedTree) -> TreeOfTask {
        let task = self.starts.partition_point(|start| *start <= queued.0).saturating_sub(1);
        TreeOfTask { task, tree: TreeIndex(queued.0 - self.starts[task]) }
    }
}
