//! Growing a forest level by level over rows that stay where they are.
//!
//! Each worker counts its own rows into sparse integer histograms; a node's owner adds them up, chooses the best
//! split and tells all. Integer sums and one fixed formula for the gain make the forest a function of the rows,
//! the parameters and the seed alone. [`best_split`] and [`LocalGrower`] are the pure cores; [`grow_forest`] is the
//! timely shell with the loop.

mod bagging;
pub mod gain;
mod histogram;
mod local;
mod order;
mod shell;
mod split;
mod subset;
#[cfg(test)]
mod tests;

pub use bagging::bagging_weight;
pub use histogram::{Cell, NodeHistogram, merge_cells};
pub use local::{Decision, LocalGrower};
pub use order::principal_places;
#[cfg(test)]
pub(crate) use shell::grow_alone;
pub use shell::{GrowInput, grow_forest};
pub use split::{Layout, best_split};
pub use subset::feature_subset;
