//! The operators that answer requests, in a batch as on a stream.
//!
//! What else belongs to a request (its place in a log, say) travels beside it as a context, which only its owner
//! understands. A request is answered once; requests of one time and one answerer keep their order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::operators::arrange::Arranged;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::trace::implementations::{ContainerChunker, ValBatcher, ValBuilder};
use differential_dataflow::{AsCollection, Hashable};
use flightline_engine::named::{broadcast_named, exchange_named};
use flightline_operators::columns::{Number, StableHasher};
use flightline_operators::flow::VecStream;
use flightline_operators::identity::{CopyNumber, RowIdentity};
use flightline_operators::lookup::{TableTrace, left_lookup};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::operator::Operator;
use timely::progress::Timestamp;

use crate::answer::{Question, Serving};
use crate::request::Request;
use crate::response::Response;
use crate::table::RouteKey;

/// A change of the table of distances, as differential dataflow has it.
pub type TableChange<T> = ((RouteKey, Number), T, isize);

/// The table of distances, or this worker's share of it.
pub type ArrangedTable<'scope, T> = Arranged<'scope, TableTrace<RouteKey, Number, T>>;

/// Gives every worker all changes of the table, wherever they come in, and arranges them.
pub fn arrange_everywhere<'scope, T>(changes: VecStream<'scope, T, TableChange<T>>) -> ArrangedTable<'scope, T>
where
    T: Timestamp + Lattice + Ord,
{
    type Chunker<T> = ContainerChunker<Vec<TableChange<T>>>;
    // By the usual exchange of an arrangement, all copies of a route would meet again on one worker.
    arrange_core::<_, _, Chunker<T>, ValBatcher<_, _, _, _>, ValBuilder<_, _, _, _>, _>(
        broadcast_named(changes, ("ShareDistances", "TakeDistances")),
        Pipeline,
        "Distances",
    )
}

/// Shares out the changes of the table by route, and arranges each share where its routes are asked for.
pub fn arrange_by_route<'scope, T>(changes: VecStream<'scope, T, TableChange<T>>) -> ArrangedTable<'scope, T>
where
    T: Timestamp + Lattice + Ord,
{
    changes.as_collection().arrange_by_key_named("Distances")
}

/// Brings requests to where [`arrange_by_route`] keeps their route.
pub fn bring_to_route<'scope, T, C>(requests: VecStream<'scope, T, (C, Request)>) -> VecStream<'scope, T, (C, Request)>
where
    T: Timestamp,
    C: timely::ExchangeData,
{
    // The hash by which an arrangement by key is shared out.
    exchange_named(requests, "BringToRoute", |(_, request)| request.route_key().hashed())
}

/// Looks up the distance of each request, on the worker where it is: in the table as of the time that `as_of` tells from
/// its context. No request to come may name a time before `oldest`; see [`left_lookup`].
pub fn look_up<'scope, T, C>(
    requests: VecStream<'scope, T, (C, Request)>,
    table: ArrangedTable<'scope, T>,
    as_of: impl Fn(&C) -> T + 'static,
    oldest: impl Fn() -> T + 'static,
) -> VecStream<'scope, T, (C, Question)>
where
    T: Timestamp + Lattice + Ord,
    C: Clone + 'static,
{
    let route = |(_, request): &(C, Request)| request.route_key();
    let as_of = move |(context, _): &(C, Request)| as_of(context);
    let question = |(context, request): (C, Request), distance: Option<&Number>| {
        (context, Question { request, distance: distance.copied() })
    };
    left_lookup(requests, table, "LookUpDistance", route, as_of, oldest, question)
}

/// Answers. `served_by` tells from a context who answers, and `serving` who that is; requests with one answerer are
/// answered together, in columns, those of the least `served_by` first.
pub fn answer<'scope, T, C, B>(
    questions: VecStream<'scope, T, (C, Question)>,
    served_by: impl Fn(&C) -> B + 'static,
    serving: impl Fn(B) -> Arc<Serving> + 'static,
) -> VecStream<'scope, T, (C, Response)>
where
    T: Timestamp,
    C: Clone + 'static,
    B: Ord + 'static,
{
    questions.unary::<CapacityContainerBuilder<_>, _, _, _>(Pipeline, "Predict", move |_capability, _info| {
        move |input, output| {
            input.for_each_time(|time, arrived| {
                // All that has arrived is answered at once: containers are small, and columns pay by their length.
                let mut asked: BTreeMap<B, (Vec<C>, Vec<Question>)> = BTreeMap::new();
                for (context, question) in arrived.flat_map(std::mem::take) {
                    let (contexts, questions) = asked.entry(served_by(&context)).or_default();
                    contexts.push(context);
                    questions.push(question);
                }
                for (served_by, (contexts, questions)) in asked {
                    let answers = contexts.into_iter().zip(serving(served_by).answer(questions));
                    output.session(&time).give_iterator(answers);
                }
            });
        }
    })
}

/// Numbers the copies of equal training rows, and makes each of them a request with a UUID of its own.
///
/// Rows go to the owner of their identity, which numbers them as they come. Equal rows can't be told apart, so the set of
/// requests is the same for any number of workers and any split of the rows. A request that comes in has the UUID of
/// copy 0. Memory: a counter for each distinct row.
pub fn number_copies<'scope, T: Timestamp>(
    rows: VecStream<'scope, T, (RowIdentity, Request)>,
) -> VecStream<'scope, T, Request> {
    let owner = Exchange::new(|(identity, _): &(RowIdentity, Request)| identity.0 as u64);
    rows.unary::<CapacityContainerBuilder<_>, _, _, _>(owner, "NumberCopies", |_capability, _info| {
        let mut copies: HashMap<RowIdentity, u32, StableHasher> = HashMap::default();
        move |input, output| {
            input.for_each(|time, rows| {
                let numbered = rows.drain(..).map(|(identity, request)| {
                    let next = copies.entry(identity).or_default();
                    let copy = CopyNumber(std::mem::replace(next, *next + 1));
                    numbered(request, identity, copy)
                });
                output.session(&time).give_iterator(numbered);
            });
        }
    })
}

fn numbered(first: Request, identity: RowIdentity, copy: CopyNumber) -> Request {
    match copy {
        CopyNumber(0) => first,
        // No part of a request is its distance.
        copy => Request::from_training_row(&first.facts(Number::from(0)), identity, copy),
    }
}
