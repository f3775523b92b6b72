//! `forest.parquet`: a row per node, for people with a notebook, and the whole forest, for us.
//!
//! Trees follow each other, and in a tree the nodes stand in heap order (the root is 1, the children of `i` are `2i` and
//! `2i + 1`). The columns:
//!
//! | column | of each node |
//! |---|---|
//! | `tree`, `node`, `depth` | its place; the root has depth 0 |
//! | `kind` | `leaf`, `threshold` or `categories` |
//! | `feature` | the name of the feature that is asked; null for a leaf |
//! | `threshold` | rows with a value of at most this go left; null unless that is the question |
//! | `left_categories` | exactly these go left, all others right, those that the model never saw as well |
//! | `right_categories` | exactly these go right, all others left, those that the model never saw as well |
//! | `left`, `right` | the nodes below; null for a leaf |
//! | `counts` | training rows of each class, with their bagging weights |
//! | `gain` | decrease of impurity by the split, in rows; null for a leaf |
//! | `prediction`, `probabilities` | the node's answer, smoothed as the model's parameters say |
//! | `last_left_bin`, `left_bins`, `right_bins` | the question again, in bins: what we read back |
//!
//! Of `left_categories` and `right_categories` one is given and the other null: the one without the unseen categories, so
//! that the question is told exactly by a short list. The same forest gives the same bytes.

mod columns;
mod read;
mod write;

pub(super) use read::read_forest;
pub(super) use write::write_forest;

#[cfg(test)]
mod tests;
