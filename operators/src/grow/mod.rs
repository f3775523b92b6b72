//! Growing a forest level by level over rows that stay where they are.
//!
//! Each worker counts its own rows into integer histograms; a node's owner adds them up, chooses the best split and
//! tells all. Integer sums and one fixed formula for the gain make the forest a function of the rows, the parameters and
//! the seed alone. [`LocalGrower`] and [`NodeOwner`] are the pure cores; [`grow_forest`] is the timely shell with the
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
#[cfg(test)]
mod tests;
mod touched;
mod traffic;
pub mod wire;

pub use bag::MOST_ROWS;
pub use bagging::bagging_weight;
pub use histogram::{HistogramBatch, NodeEnd};
pub use layout::Layout;
pub use limits::GrowLimits;
pub use local::{Crew, LocalGrower};
pub use order::principal_places;
pub use owner::{Decision, NodeOwner};
#[cfg(test)]
pub(crate) use shell::grow_alone;
pub use shell::{GrowInput, Grown, grow_forest};
pub use subset::FeatureDealer;
pub use traffic::{LevelTraffic, Traffic};
