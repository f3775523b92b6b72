//! Training a forest on flights: what a user may ask for, the dataflow that does it, and what comes out.

mod dataflow;
mod facts;
mod golden;
mod parts;
mod plan;
mod preset;
mod rows;
mod summary;

pub use dataflow::{Stages, Trained, TrainingEnd, run_worker};
pub use facts::{Facts, RoleCounts};
pub use golden::{GOLDEN_ROWS, GoldenRequest};
pub use parts::model;
pub use plan::{Grower, HoldOutRule, PlanError, TrainPlan};
pub use preset::Preset;
pub use summary::{Measured, report};
