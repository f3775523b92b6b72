//! Cross-validation, and the search for the parameters that it likes best.
//!
//! Every candidate is judged by each fold of the training rows ([`crate::folds`]) in one dataflow, over the one binned
//! set that the final forest will grow from. Candidates that differ only in number of trees, depth or smoothing are one
//! *family*: of it the largest forest grows once a fold, and the others are cut out of it ([`crate::forest::ForestSize`]).
//! A forest is judged where the rows are, as soon as it is complete, and dropped; sums travel, no rows.
//!
//! Which candidate is best follows from integer sums, so it is the same for any number of workers. The search has no
//! clock: it ends when all that was asked is done.

mod grid;
mod judge;
mod outcome;
mod plan;
mod shell;
#[cfg(test)]
mod tests;

pub use grid::Grid;
pub use outcome::{Outcome, best};
pub use plan::SearchPlan;
pub use shell::{Searched, search};
