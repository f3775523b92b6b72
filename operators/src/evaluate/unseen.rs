//! The timely shell of judging by rows that trees have not seen: out-of-bag quality, and the importance of each feature.
//!
//! Each worker judges its own rows and sends a sample of them to worker 0, which shuffles the features of all of it.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::vec::{Broadcast, Map};
use timely::dataflow::operators::{Enter, Leave};
use timely::progress::Timestamp;

use super::Tally;
use super::out_of_bag::out_of_bag;
use super::permutation::{Permuted, SampledRow, permute, sample};
use crate::flow::{VecStream, join_at_end, to_worker};
use crate::forest::{FlatForest, ForestParams};
use crate::table::BinnedRows;

/// What a worker brings.
#[derive(Clone, Debug)]
pub struct UnseenInput {
    /// The forest, the same on each.
    pub forest: Rc<FlatForest>,
    /// Its training rows: they judge where there is bagging.
    pub train: Rc<BinnedRows>,
    /// Its held-out rows: they judge where there is none.
    pub held_out: Rc<BinnedRows>,
}

/// What rows say that trees have not seen.
#[derive(Clone, Debug)]
pub struct Unseen {
    /// The out-of-bag tally; `None` without bagging.
    pub out_of_bag: Option<Tally>,
    /// What each feature is worth, where any row could tell.
    pub permuted: Option<Permuted>,
}

/// What a worker says of its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Said {
    tally: Tally,
    sample: Vec<SampledRow>,
}

/// Judges a forest by rows that its trees have not seen; worker 0 gets what they say. `input` carries one element per
/// worker.
pub fn judge_unseen<'scope, T: Timestamp>(
    input: VecStream<'scope, T, UnseenInput>,
    params: Rc<ForestParams>,
) -> VecStream<'scope, T, Unseen> {
    let scope = input.scope();
    scope.region_named("JudgeUnseen", |inner| judge_in(input.enter(inner), params).leave(scope))
}

fn judge_in<'scope, T: Timestamp>(
    input: VecStream<'scope, T, UnseenInput>,
    params: Rc<ForestParams>,
) -> VecStream<'scope, T, Unseen> {
    let bagging = params.bagging;
    let judging = move |input: &UnseenInput| Rc::clone(if bagging { &input.train } else { &input.held_out });
    let counts = input.clone().map(move |input| judging(&input).len() as u64).broadcast();
    let of_params = Rc::clone(&params);
    let said = join_at_end(input.clone(), Pipeline, counts, Pipeline, "SampleRows", move |inputs, counts| {
        let everywhere = counts.iter().sum();
        let say = |input: UnseenInput| {
            let rows = judging(&input);
            let tally = if bagging {
                out_of_bag(&input.forest, &rows, everywhere, &of_params)
            } else {
                Tally::empty(input.forest.classes() as u8)
            };
            Said { tally, sample: sample(&rows, everywhere, &of_params) }
        };
        inputs.into_iter().map(say).collect()
    });
    join_at_end(said, to_worker(|_| 0), input, Pipeline, "ShuffleFeatures", move |said, inputs| {
        let told = inputs.first().zip((!said.is_empty()).then_some(said));
        told.map(|(input, said)| unseen(input, said, &params)).into_iter().collect()
    })
}

fn unseen(input: &UnseenInput, said: Vec<Said>, params: &ForestParams) -> Unseen {
    let mut tally = Tally::empty(input.forest.classes() as u8);
    let mut rows = Vec::new();
    for said in said {
        tally.merge(&said.tally);
        rows.extend(said.sample);
    }
    let features = input.train.columns.len() as u16;
    Unseen {
        out_of_bag: params.bagging.then_some(tally),
        permuted: (!rows.is_empty()).then(|| permute(&input.forest, rows, features, params)),
    }
}
