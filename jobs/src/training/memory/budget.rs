//! What a run does with the memory that it may take, or why it can't run in it.

use flightline_engine::memory_size::MemorySize;
use flightline_operators::grow::GrowLimits;

use super::estimate::{Estimate, Work};
use crate::failure::{Failure, FailureKind};
use crate::report::count;

/// The least that growing is given for the trees that grow at once, so that no round is for a single small tree.
const LEAST_AT_ONCE: u64 = 1 << 20;

/// A run that fits into its memory.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    allowed: MemorySize,
    work: Work,
    bytes_at_once: u64,
}

impl Budget {
    /// Shares `allowed` bytes out to the stages of a process.
    ///
    /// # Errors
    /// It needs more; with the figure that is enough.
    pub(super) fn of(allowed: MemorySize, work: Work) -> Result<Self, Failure> {
        let rows = work.rows_here();
        let halves = std::iter::successors(Some(GrowLimits::BYTES_AT_ONCE), |bytes| Some(bytes / 2));
        let mut choices = halves.take_while(|bytes| *bytes >= LEAST_AT_ONCE);
        match choices.find(|bytes| work.estimate(rows, *bytes).total() <= allowed.0) {
            Some(bytes_at_once) => Ok(Self { allowed, work, bytes_at_once }),
            None => Err(too_little(allowed, &work)),
        }
    }

    /// What the process takes at most.
    #[must_use]
    pub(super) fn estimate(&self) -> Estimate {
        self.work.estimate(self.work.rows_here(), self.bytes_at_once)
    }

    /// What growing may take.
    #[must_use]
    pub(super) fn limits(&self) -> GrowLimits {
        let estimate = self.estimate();
        let left = (self.allowed.0 - estimate.total()) as f64 + estimate.forest as f64;
        GrowLimits { bytes_at_once: self.bytes_at_once, most_bytes: (left / self.work.per_byte_of_forest()) as u64 }
    }

    /// The most rows that the process has room for.
    #[must_use]
    pub(super) fn most_rows(&self) -> u64 {
        let fits = |rows| self.work.estimate(rows, self.bytes_at_once).total() <= self.allowed.0;
        // Those that were reckoned with fit, and the estimate grows with the rows.
        let (mut least, mut too_many) = (self.work.rows_here(), u64::MAX);
        while too_many - least > 1 {
            let middle = least + (too_many - least) / 2;
            if fits(middle) { least = middle } else { too_many = middle }
        }
        least
    }

    /// What is said when more come.
    #[must_use]
    pub(super) fn too_many_rows(&self) -> Failure {
        let (most, expected) = (self.most_rows(), self.work.rows_here());
        let twice = most.saturating_mul(2);
        let advised = MemorySize(self.work.estimate(twice, GrowLimits::BYTES_AT_ONCE).total()).rounded_up();
        let message = format!(
            "--memory {} is too little: more than {} rows were read in one process, which is all that it has room for (about \
             {} were expected from the first lines of the files): give --memory {advised}, which has room for {}, or share \
             the rows among more processes (-n)",
            self.allowed,
            count(most),
            count(expected),
            count(twice),
        );
        Failure::new(FailureKind::Usage, message)
    }
}

fn too_little(allowed: MemorySize, work: &Work) -> Failure {
    let rows = work.rows_here();
    let (least, ample) = (work.estimate(rows, LEAST_AT_ONCE), work.estimate(rows, GrowLimits::BYTES_AT_ONCE));
    let advised = MemorySize(ample.total()).rounded_up();
    let about = if work.sampled_rows > 0 { "about " } else { "" };
    let [needed, base, of_rows, growing, forest] =
        [least.total(), least.base, least.rows, least.growing, least.forest].map(MemorySize);
    let message = format!(
        "--memory {allowed} is too little: {about}{} rows in {} features need {needed} in a process of {} {} (base {base}, rows \
         {of_rows}, growing {growing}, forest {forest}): give --memory {advised}, or share the rows among more processes (-n)",
        count(rows),
        work.features,
        work.workers,
        if work.workers == 1 { "worker" } else { "workers" },
    );
    Failure::new(FailureKind::Usage, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::estimate::sample_work;
    use super::*;
    use crate::training::Preset;

    fn advised(failure: &Failure) -> MemorySize {
        let rest = failure.message.split_once("give --memory ").unwrap().1;
        rest.split([',', ' ']).next().unwrap().parse().unwrap()
    }

    #[test]
    fn a_refusal_says_what_is_needed_and_what_for() {
        let work = Work { stated_rows: 5_800_000, ..sample_work(Preset::Seed, 2) };
        let failure = Budget::of(MemorySize(200 << 20), work.clone()).unwrap_err();
        let start = "--memory 200M is too little: 5,800,000 rows in 9 features need ";
        assert!(failure.message.starts_with(start), "{failure}");
        assert!(failure.message.contains(" in a process of 2 workers (base 52M, rows "), "{failure}");
        assert!(failure.message.ends_with(", or share the rows among more processes (-n)"), "{failure}");
        assert_eq!(failure.kind, FailureKind::Usage);
        let sampled = Work { stated_rows: 0, sampled_rows: 5_800_000, workers: 1, ..work };
        let failure = Budget::of(MemorySize(1), sampled).unwrap_err();
        assert!(
            failure.message.contains("about 5,800,000 rows") && failure.message.contains("of 1 worker ("),
            "{failure}"
        );
    }

    #[test]
    fn little_memory_grows_fewer_trees_at_once_before_it_is_refused() {
        let work = Work { stated_rows: 1_000_000, ..sample_work(Preset::Accurate, 2) };
        let ample = Budget::of(MemorySize(4 << 30), work.clone()).unwrap();
        assert_eq!(ample.limits().bytes_at_once, GrowLimits::BYTES_AT_ONCE);
        let scarce = Budget::of(MemorySize(ample.estimate().total() - (8 << 20)), work).unwrap();
        assert!(scarce.limits().bytes_at_once < GrowLimits::BYTES_AT_ONCE);
        assert!(
            scarce.estimate().forest == ample.estimate().forest
                && scarce.limits().most_bytes < ample.limits().most_bytes
        );
    }

    proptest! {
        #[test]
        fn what_is_advised_is_accepted_and_what_is_accepted_is_within_its_memory(
            rows in 0_u64..1 << 33, text in any::<bool>(), workers in 1_u64..17, processes in 1_u64..5, allowed in 1_u64..1 << 36,
            preset in prop::sample::select(Preset::ALL.to_vec()),
        ) {
            let (stated_rows, sampled_rows) = if text { (0, rows) } else { (rows, 0) };
            let work = Work { stated_rows, sampled_rows, processes, ..sample_work(preset, workers) };
            let allowed = MemorySize(allowed);
            let budget = match Budget::of(allowed, work.clone()) {
                Ok(budget) => {
                    prop_assert!(budget.estimate().total() <= allowed.0);
                    budget
                }
                Err(failure) => {
                    let advised = advised(&failure);
                    prop_assert!(advised > allowed);
                    Budget::of(advised, work.clone()).unwrap()
                }
            };
            let most = budget.most_rows();
            prop_assert!(most >= work.rows_here());
            let at_once = budget.limits().bytes_at_once;
            prop_assert!(work.estimate(most, at_once).total() <= budget.allowed.0);
            prop_assert!(work.estimate(most + 1, at_once).total() > budget.allowed.0);
            // Twice as many rows would have been accepted with what is advised when more come.
            let more = Budget::of(advised(&budget.too_many_rows()), work).unwrap();
            prop_assert!(more.most_rows() >= most.saturating_mul(2));
            prop_assert!(budget.limits().most_bytes as f64 * budget.work.per_byte_of_forest() <= allowed.0.max(budget.allowed.0) as f64);
        }
    }
}
