//! Growing forests level by level over rows that stay where they are.
//!
//! Each worker counts its own rows into integer histograms; a node's owner adds them up, chooses the best split and
//! tells all. Integer sums and one fixed formula for the gain make the forest a function of the rows, the parameters and
//! the seed alone. [`LocalGrower`] and [`NodeOwner`] are the pure cores; [`grow_forests`] is the timely shell with the
//! loop.

mod bag;
mod bagging;
mod cells;
mod counter;
pub mod gain;
mod growing;
mod histogram;
mod layout;
mod limits;
mod local;
mod merge;
mod order;
mod owner;
mod shell;
mod split;
mod subset;
mod tasks;
#[cfg(test)]
mod tests;
mod touched;
mod traffic;
pub mod wire;

pub use bag::{MOST_ROWS, MOST_WEIGHT};
pub use bagging::bagging_weight;
pub use counter::CELLS_PER_ROW;
pub use histogram::{HistogramBatch, NodeEnd};
pub use layout::Layout;
pub use limits::GrowLimits;
pub use local::{Crew, Grown, LocalGrower};
pub use order::principal_places;
pub use owner::{Decision, NodeOwner};
#[cfg(test)]
pub(crate) use shell::grow_alone;
pub use shell::{GrowInput, grow_forests};
pub use subset::FeatureDealer;
pub use tasks::{ForestTask, QueuedTree, Tasks};
pub use traffic::{LevelTraffic, Traffic};
