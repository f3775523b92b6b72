//! Training a forest on flights: what a user may ask for, the dataflow that does it, and what comes out.

mod candidates;
mod current;
mod dataflow;
mod end;
mod facts;
mod golden;
mod growing;
mod judging;
mod memory;
mod parts;
mod plan;
mod preset;
mod promotion;
mod rows;
mod search;
mod summary;

pub use current::{CurrentModel, CurrentModelError, carry_out, unless_overtaken};
pub use dataflow::{Stages, run_worker};
pub use end::{JudgedCurrent, Trained, TrainingEnd};
pub use facts::{Facts, RoleCounts};
pub use golden::{GOLDEN_ROWS, GoldenRequest};
pub use memory::keep;
pub use parts::model;
pub use plan::{Grower, HoldOutRule, PlanError, TrainPlan};
pub use preset::Preset;
pub use promotion::Promote;
pub use search::{Asked, FoldsFlag, SearchRule, Tried, feature_subset};
pub use summary::{Measured, report};
