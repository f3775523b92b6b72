//! What a training run leaves on each worker when its dataflow has ended.

use std::cell::RefCell;
use std::rc::Rc;

use flightline_operators::evaluate::{Tally, Unseen};
use flightline_operators::forest::{Forest, ForestParams};
use flightline_operators::grow::Traffic;
use flightline_operators::search::Outcome;
use flightline_operators::space::IndexedFeatures;

use super::facts::Facts;
use super::golden::GoldenRequest;
use super::rows::Verdict;
use crate::failure::Failure;
use crate::flight::counts::ReadCounts;
use crate::model::ModelId;

/// What worker 0 has at the end of a training run.
#[derive(Debug)]
pub struct Trained {
    /// The parameters that the forest was grown by: the best of a search, or those of the plan.
    pub params: ForestParams,
    /// The forest.
    pub forest: Forest,
    /// The bins of its features, and the values that they were made from.
    pub indexed: IndexedFeatures,
    /// Tallies of training rows, held-out rows and companion rows.
    pub tallies: [Tally; 3],
    /// What rows say that the trees have not seen.
    pub unseen: Option<Unseen>,
    /// The current model's tally of the held-out rows, when it was judged.
    pub of_current: Option<JudgedCurrent>,
    /// The golden rows, as requests; none when nothing is left to train on.
    pub golden: Vec<GoldenRequest>,
    /// How each candidate of a search did, in the order of the plan; none without folds.
    pub outcomes: Vec<Outcome>,
    /// What was sent from worker to worker to grow it.
    pub traffic: Traffic,
    /// What is known of the input rows.
    pub facts: Facts,
    /// What is known of the rows of the test files, when there are some.
    pub test_facts: Option<Facts>,
}

/// The model that was current when the run began, and its tally of the held-out rows.
#[derive(Clone, Debug)]
pub struct JudgedCurrent {
    /// Which model it is.
    pub id: ModelId,
    /// What it said of them.
    pub tally: Tally,
}

/// How a training run ended on one worker.
#[derive(Debug, Default)]
pub struct TrainingEnd {
    /// What was read of the input, over all workers.
    pub counts: ReadCounts,
    /// What was read of the test files, over all workers.
    pub test_counts: Option<ReadCounts>,
    /// Good input rows by worker.
    pub rows_per_worker: Vec<u64>,
    /// Why the input or the test files are unfit, the same on all workers.
    pub failure: Option<Failure>,
    /// Why no forest could be grown, the same on all workers.
    pub grower_failure: Option<Failure>,
    /// On worker 0, when the input was fit.
    pub trained: Option<Trained>,
}

impl TrainingEnd {
    /// Why there is no model, if there is none.
    pub fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take().or_else(|| self.grower_failure.take())
    }
}

/// What the stages leave for the end; worker 0's are filled, others' in part.
#[derive(Default)]
pub(super) struct Results {
    pub(super) verdict: Rc<RefCell<Option<Verdict>>>,
    pub(super) test_verdict: Rc<RefCell<Option<Verdict>>>,
    pub(super) indexed: Rc<RefCell<Option<Rc<IndexedFeatures>>>>,
    pub(super) outcomes: Rc<RefCell<Option<Vec<Outcome>>>>,
    pub(super) params: Rc<RefCell<Option<Rc<ForestParams>>>>,
    pub(super) forest: Rc<RefCell<Option<Rc<Forest>>>>,
    pub(super) traffic: Rc<RefCell<Option<Traffic>>>,
    pub(super) grower_failure: Rc<RefCell<Option<Failure>>>,
    pub(super) tallies: Rc<RefCell<Option<Vec<Tally>>>>,
    pub(super) unseen: Rc<RefCell<Option<Unseen>>>,
    pub(super) golden: Rc<RefCell<Option<Vec<GoldenRequest>>>>,
    pub(super) facts: Rc<RefCell<Option<Facts>>>,
    pub(super) test_facts: Rc<RefCell<Option<Facts>>>,
}

impl Results {
    /// `current` is the model whose tally is the last one.
    pub(super) fn end(self, current: Option<ModelId>) -> TrainingEnd {
        let verdict = self.verdict.take();
        let test = self.test_verdict.take();
        let failure = verdict.iter().chain(&test).find_map(|verdict| verdict.failure.clone());
        TrainingEnd {
            rows_per_worker: verdict.as_ref().map(|verdict| verdict.rows_per_worker.clone()).unwrap_or_default(),
            counts: verdict.map(|verdict| verdict.counts).unwrap_or_default(),
            test_counts: test.map(|test| test.counts),
            failure,
            grower_failure: self.grower_failure.take(),
            trained: self.trained(current),
        }
    }

    /// Present on worker 0 only: it alone hears the sums.
    fn trained(&self, current: Option<ModelId>) -> Option<Trained> {
        let mut tallies = self.tallies.take()?;
        let of_current = current.and_then(|id| Some(JudgedCurrent { id, tally: tallies.pop()? }));
        Some(Trained {
            tallies: tallies.try_into().ok()?,
            unseen: self.unseen.take(),
            of_current,
            outcomes: self.outcomes.take().unwrap_or_default(),
            params: owned(self.params.take()?),
            forest: owned(self.forest.take()?),
            traffic: self.traffic.take().unwrap_or_default(),
            indexed: owned(self.indexed.take()?),
            golden: self.golden.take().unwrap_or_default(),
            facts: self.facts.take()?,
            test_facts: self.test_facts.take(),
        })
    }
}

/// The value itself, copied only while a stage still holds it.
fn owned<D: Clone>(shared: Rc<D>) -> D {
    Rc::unwrap_or_clone(shared)
}
