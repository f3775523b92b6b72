//! The loop that grows a forest across workers.
//!
//! ```text
//!                  +--------------------- decisions, to all -----------------------+
//!                  v                                                               |
//! rows ----> [CountNodes] -- histograms, to the node's owner --> [DecideNodes] ----+
//!                  |
//!                  +--> forest, when no node is open
//! ```
//!
//! A round is one level of one group of trees, and one step of the loop's time. `CountNodes` speaks for a round when
//! the frontier says that all decisions of the round before have come; `DecideNodes` decides when all histograms have.

use std::rc::Rc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{ExchangeCore, Pipeline};
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::{OutputBuilder, operator::Operator};
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Capability, ConnectLoop, Enter, Leave, LoopVariable};
use timely::order::Product;
use timely::progress::Timestamp;

use super::histogram::HistogramBatch;
use super::layout::Layout;
use super::limits::GrowLimits;
use super::local::{Crew, LocalGrower};
use super::owner::{Decision, NodeOwner};
use super::traffic::Traffic;
use super::wire::HistogramBatches;
use crate::flow::VecStream;
use crate::forest::{Forest, ForestParams};
use crate::table::BinnedRows;

/// What a worker brings to the growing of a forest.
#[derive(Clone, Debug)]
pub struct GrowInput {
    /// Its training rows.
    pub rows: Rc<BinnedRows>,
    /// The layout of the feature space, equal on all workers.
    pub layout: Rc<Layout>,
    /// Rows of all workers together, held-out ones included, the same on each: it sets how many trees grow at once, and reaches no
    /// result.
    pub rows_everywhere: u64,
    /// What growing may take, the same on each worker.
    pub limits: GrowLimits,
}

/// A grown forest.
#[derive(Clone, Debug)]
pub struct Grown {
    /// The forest, the same on each worker.
    pub forest: Rc<Forest>,
    /// What this worker says was sent: all that was is the sum over the workers.
    pub traffic: Traffic,
}

type Round<T> = Product<T, u32>;
type RoundStream<'scope, T, D> = VecStream<'scope, Round<T>, D>;
type HistogramStream<'scope, T> = Stream<'scope, Round<T>, HistogramBatches>;

/// Grows a forest over the rows of all workers; every worker gets all of it, or none does when it has too many nodes.
///
/// `input` carries one element per worker; `on_levels` hears of every settled level of a tree.
pub fn grow_forest<'scope, T: Timestamp>(
    input: VecStream<'scope, T, GrowInput>,
    params: Rc<ForestParams>,
    on_levels: impl Fn(u64) + 'static,
) -> VecStream<'scope, T, Grown> {
    let outer = input.scope();
    outer.scoped::<Round<T>, _, _>("GrowForest", |scope| {
        let (feedback, decisions) = scope.loop_variable::<Vec<Decision>>(1);
        let layouts = input.clone().enter(scope);
        let (histograms, forest) = count_nodes(input.enter(scope), decisions, Rc::clone(&params), on_levels);
        decide_nodes(histograms, layouts, params).broadcast().connect_loop(feedback);
        forest.leave(outer)
    })
}

fn count_nodes<'scope, T: Timestamp>(
    input: RoundStream<'scope, T, GrowInput>,
    decisions: RoundStream<'scope, T, Decision>,
    params: Rc<ForestParams>,
    on_levels: impl Fn(u64) + 'static,
) -> (HistogramStream<'scope, T>, RoundStream<'scope, T, Grown>) {
    let (worker, workers) = (input.scope().index() as u32, input.scope().peers() as u32);
    let mut builder = OperatorBuilder::new("CountNodes".to_owned(), input.scope());
    let mut input = builder.new_input(input, Pipeline);
    let mut decided = builder.new_input(decisions, Pipeline);
    let (histograms, histogram_stream) = builder.new_output::<HistogramBatches>();
    let (forests, forest_stream) = builder.new_output::<Vec<Grown>>();
    let mut histograms = OutputBuilder::from(histograms);
    let mut forests = OutputBuilder::from(forests);
    builder.build(move |_capabilities| {
        let mut growing: Option<Growing<T>> = None;
        let mut pending: Vec<Decision> = Vec::new();
        move |frontiers| {
            let mut histograms = histograms.activate();
            let mut forests = forests.activate();
            decided.for_each(|_time, decisions| pending.append(decisions));
            let mut fresh = false;
            input.for_each(|time, inputs| {
                for GrowInput { rows, layout, rows_everywhere, limits } in inputs.drain(..) {
                    let crew = Crew { worker, workers, rows: rows_everywhere };
                    let grower = LocalGrower::new(rows, layout, Rc::clone(&params), crew).within(limits);
                    growing = Some(Growing { grower, round: time.retain(0), result: time.retain(1) });
                    fresh = true;
                }
            });
            let Some(state) = &mut growing else { return };
            if !fresh {
                // The round's capability is one ahead of the histograms that were sent for it.
                if frontiers[1].less_equal(state.round.time()) {
                    return;
                }
                on_levels(state.grower.decide(std::mem::take(&mut pending)));
            }
            let mut session = histograms.session(&state.round);
            let open = state.grower.count(|batch| session.give(batch));
            drop(session);
            if open {
                let next = Product::new(state.round.time().outer.clone(), state.round.time().inner + 1);
                state.round.downgrade(&next);
            } else if let Some(done) = growing.take()
                && !done.grower.is_overgrown()
            {
                let (forest, traffic) = done.grower.finish();
                forests.session(&done.result).give(Grown { forest: Rc::new(forest), traffic });
            }
        }
    });
    (histogram_stream, forest_stream)
}

/// The state of `CountNodes` from its input on: the right to speak in the coming round, and to give the result.
struct Growing<T: Timestamp> {
    grower: LocalGrower,
    round: Capability<Round<T>>,
    result: Capability<Round<T>>,
}

fn decide_nodes<'scope, T: Timestamp>(
    histograms: HistogramStream<'scope, T>,
    layouts: RoundStream<'scope, T, GrowInput>,
    params: Rc<ForestParams>,
) -> RoundStream<'scope, T, Decision> {
    let to_owner = ExchangeCore::<CapacityContainerBuilder<HistogramBatches>, _>::new(|batch: &HistogramBatch| {
        u64::from(batch.owner)
    });
    histograms.binary_frontier(layouts, to_owner, Pipeline, "DecideNodes", |_capability, _info| {
        let mut owner: Option<NodeOwner> = None;
        let mut rounds: Vec<(Capability<Round<T>>, Vec<HistogramBatch>)> = Vec::new();
        move |(histograms, frontier), (layouts, _), output| {
            layouts.for_each(|_time, inputs| {
                owner = inputs.drain(..).next_back().map(|input| NodeOwner::new(input.layout, Rc::clone(&params)));
            });
            histograms.for_each(|time, arrived| match rounds.iter_mut().find(|(held, _)| held.time() == time.time()) {
                Some((_, batches)) => batches.append(&mut arrived.take()),
                None => rounds.push((time.retain(0), arrived.take())),
            });
            let Some(owner) = &mut owner else { return };
            let closed = rounds.extract_if(.., |(time, _)| !frontier.less_equal(time.time()));
            for (time, batches) in closed {
                output.session(&time).give_iterator(owner.decide(&batches).into_iter());
            }
        }
    })
}

/// The whole loop on one worker without a dataflow: the forest, and how many levels were settled.
#[cfg(test)]
pub(crate) fn grow_alone(mut grower: LocalGrower, layout: &Rc<Layout>, params: &Rc<ForestParams>) -> (Forest, u64) {
    let mut owner = NodeOwner::new(Rc::clone(layout), Rc::clone(params));
    let mut levels = 0;
    loop {
        let mut batches = Vec::new();
        if !grower.count(|batch| batches.push(batch)) {
            return (grower.finish().0, levels);
        }
        levels += grower.decide(owner.decide(&batches));
    }
}
