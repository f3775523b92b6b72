//! Memory that is stated: `train --memory 2G` is kept by each process, or refused at the start.
//!
//! ```text
//! files --InputSize--> Work --Estimate--> Budget --+-- limits, to growing
//!                                                  +-- room for rows, to reading
//! ```
//!
//! [`Estimate`] says what a run takes, from what is known before it reads: rows, features, parameters, workers. It is above
//! what was measured on flights, bundled and generated. What it can't know is watched: rows that are more than a sample said
//! end the run while they are read ([`Room`]), and a forest of more bytes than there is room for is given up
//! ([`GrowLimits::most_bytes`]), each with a sentence that says what helps. So is `--memory` kept by counting, not by asking
//! the system: the same input ends alike on every machine.
//!
//! Not here: `--grower linfa`, whose library nobody has measured; what other programs on the machine take.

mod budget;
mod estimate;

use std::sync::Arc;

use flightline_engine::cluster::ClusterPlan;
use flightline_engine::memory_size::MemorySize;
use flightline_operators::forest::{FeatureSubset, ForestParams};
use flightline_operators::grow::GrowLimits;
use flightline_operators::holdout::HoldOut;

use super::plan::{Grower, TrainPlan};
use super::promotion::Promote;
use crate::failure::{Failure, FailureKind};
use crate::input::{Input, InputSize, Room};
use crate::report::MemoryReport;

use self::budget::Budget;
use self::estimate::Work;

/// Has a run keep to `allowed` bytes in each process: sets what its growing may take and how many rows it may read.
///
/// # Errors
/// It needs more, or the input can't be looked into.
pub fn keep(
    allowed: MemorySize,
    plan: &mut TrainPlan,
    cluster: &ClusterPlan,
    input: &mut Input,
    test: Option<&mut Input>,
) -> Result<MemoryReport, Failure> {
    if plan.grower == Grower::Linfa {
        let message = "--memory can't be kept with --grower linfa: leave one of them out";
        return Err(Failure::new(FailureKind::Usage, message));
    }
    let size_of_test = test.as_deref().map(Input::size).transpose()?.unwrap_or_default();
    let budget = Budget::of(allowed, work(plan, cluster, &input.size()?, &size_of_test))?;
    plan.limits = budget.limits();
    let room = Arc::new(Room::new(budget.most_rows(), budget.too_many_rows()));
    std::iter::once(input).chain(test).for_each(|input| input.keep_within(Arc::clone(&room)));
    Ok(MemoryReport { allowed_bytes: allowed.0, estimated_bytes: budget.estimate().total() })
}

fn work(plan: &TrainPlan, cluster: &ClusterPlan, input: &InputSize, test: &InputSize) -> Work {
    let (of_input, of_test) = (input.stated + input.sampled, test.stated + test.sampled);
    let kept = match plan.hold_out.0 {
        HoldOut::None => 1.0,
        HoldOut::Random(share) | HoldOut::Days(share) | HoldOut::Last(share) => 1.0 - share.get(),
    };
    let formats = input.formats.iter().chain(&test.formats).copied();
    Work {
        stated_rows: input.stated + test.stated,
        sampled_rows: input.sampled + test.sampled,
        training_share: kept * of_input as f64 / (of_input + of_test).max(1) as f64,
        features: plan.features.len() as u64,
        // The current model is not read yet: let it be as large as the new one.
        forests: vec![largest(plan); if plan.promote == Promote::IfBetter { 2 } else { 1 }],
        folds: plan.search.is_some(),
        formats: formats.collect(),
        workers: cluster.workers_here().get() as u64,
        processes: cluster.processes().get() as u64,
    }
}

/// The parameters of the plan, or of a search the largest of each: it holds one forest at a time.
fn largest(plan: &TrainPlan) -> ForestParams {
    let candidates = plan.search.iter().flat_map(|search| &search.candidates);
    candidates.fold(plan.params.clone(), |largest, candidate| ForestParams {
        trees: largest.trees.max(candidate.trees),
        depth: largest.depth.max(candidate.depth),
        min_rows: largest.min_rows.min(candidate.min_rows),
        features_per_node: [largest.features_per_node, candidate.features_per_node]
            .into_iter()
            .max_by_key(|competing| competing.count(plan.features.len()))
            .unwrap_or(FeatureSubset::All),
        ..largest
    })
}

/// Why a forest was given up that was to stay within these limits.
pub(super) fn too_large_a_forest(limits: &GrowLimits) -> Failure {
    let message = format!(
        "--memory is too little: the forest takes more than {}, which is all that it has room for beside the rows: give more, \
         or grow fewer or smaller trees (--trees, --depth, --min-rows)",
        MemorySize(limits.most_bytes)
    );
    Failure::new(FailureKind::Usage, message)
}
