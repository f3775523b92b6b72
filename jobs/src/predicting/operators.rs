//! The operators that answer requests, in a batch as on a stream.
//!
//! What else belongs to a request (its place in a log, say) travels beside it as a context that nothing here looks at.
//! A request is answered once; requests of one time keep their order.

use std::collections::HashMap;
use std::sync::Arc;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::operators::arrange::Arranged;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::trace::implementations::{ContainerChunker, ValBatcher, ValBuilder};
use flightline_operators::columns::{Number, StableHasher};
use flightline_operators::flow::VecStream;
use flightline_operators::identity::{CopyNumber, RowIdentity};
use flightline_operators::lookup::{TableTrace, left_lookup};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Broadcast;
use timely::progress::Timestamp;

use crate::answer::{Question, Serving};
use crate::request::Request;
use crate::response::Response;
use crate::table::RouteKey;

/// A change of the table of distances, as differential dataflow has it.
pub type TableChange<T> = ((RouteKey, Number), T, isize);

/// The table of distances, whole on each worker.
pub type ArrangedTable<'scope, T> = Arranged<'scope, TableTrace<RouteKey, Number, T>>;

/// Gives every worker all changes of the table, wherever they come in, and arranges them.
pub fn arrange_everywhere<'scope, T>(changes: VecStream<'scope, T, TableChange<T>>) -> ArrangedTable<'scope, T>
where
    T: Timestamp + Lattice + Ord,
{
    type Chunker<T> = ContainerChunker<Vec<TableChange<T>>>;
    // By the usual exchange of an arrangement, all copies of a route would meet again on one worker.
    arrange_core::<_, _, Chunker<T>, ValBatcher<_, _, _, _>, ValBuilder<_, _, _, _>, _>(
        changes.broadcast(),
        Pipeline,
        "Distances",
    )
}

/// Looks up the distance of each request, and answers.
pub fn answer<'scope, T, C>(
    requests: VecStream<'scope, T, (C, Request)>,
    table: ArrangedTable<'scope, T>,
    serving: Arc<Serving>,
) -> VecStream<'scope, T, (C, Response)>
where
    T: Timestamp + Lattice + Ord,
    C: Clone + 'static,
{
    let route = |(_, request): &(C, Request)| request.route_key();
    let question = |(context, request): (C, Request), distance: Option<&Number>| {
        (context, Question { request, distance: distance.copied() })
    };
    let questions = left_lookup(requests, table, "LookUpDistance", route, question);
    questions.unary::<CapacityContainerBuilder<_>, _, _, _>(Pipeline, "Answer", move |_capability, _info| {
        move |input, output| {
            input.for_each_time(|time, arrived| {
                // All that has arrived is answered at once: containers are small, and columns pay by their length.
                let (contexts, questions): (Vec<C>, Vec<Question>) = arrived.flat_map(std::mem::take).unzip();
                let answers = contexts.into_iter().zip(serving.answer(questions));
                output.session(&time).give_iterator(answers);
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
