//! Batch operators that hear their whole input before they speak, once.
//!
//! A stage of training (settle, index, bin, evaluate) is a function of *all* that reaches it. These shells gather
//! the input until its frontier is empty and hand it to that function; they hold their one capability until then,
//! so progress downstream can't run ahead of the answer. Not for streams that never end.

use timely::Container;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, ParallelizationContract, Pipeline};
use timely::dataflow::operators::generic::operator::Operator;
use timely::progress::Timestamp;

/// Rows of a stage that speaks at the end, or anything else that travels in vectors.
pub type VecStream<'scope, T, D> = Stream<'scope, T, Vec<D>>;

/// Feeds each record to `add`, and when the input has ended gives what `finish` makes of the state.
pub fn fold_at_end<'scope, T, D, P, S, R>(
    stream: VecStream<'scope, T, D>,
    pact: P,
    name: &str,
    state: S,
    mut add: impl FnMut(&mut S, D) + 'static,
    finish: impl FnOnce(S) -> Vec<R> + 'static,
) -> VecStream<'scope, T, R>
where
    T: Timestamp,
    D: 'static,
    P: ParallelizationContract<T, Vec<D>>,
    S: 'static,
    R: Clone + 'static,
    Vec<D>: Container,
{
    stream.unary_frontier(pact, name, |capability, _info| {
        let mut open = Some((capability, state, finish));
        move |(input, frontier), output| {
            input.for_each(|_time, records| {
                if let Some((_, state, _)) = &mut open {
                    records.drain(..).for_each(|record| add(state, record));
                }
            });
            if frontier.is_empty()
                && let Some((capability, state, finish)) = open.take()
            {
                output.session(&capability).give_iterator(finish(state).into_iter());
            }
        }
    })
}

/// When both inputs have ended, gives what `finish` makes of all their records.
pub fn join_at_end<'scope, T, A, B, P, Q, R>(
    left: VecStream<'scope, T, A>,
    left_pact: P,
    right: VecStream<'scope, T, B>,
    right_pact: Q,
    name: &str,
    finish: impl FnOnce(Vec<A>, Vec<B>) -> Vec<R> + 'static,
) -> VecStream<'scope, T, R>
where
    T: Timestamp,
    A: 'static,
    B: 'static,
    P: ParallelizationContract<T, Vec<A>>,
    Q: ParallelizationContract<T, Vec<B>>,
    R: Clone + 'static,
    Vec<A>: Container,
    Vec<B>: Container,
{
    left.binary_frontier(right, left_pact, right_pact, name, |capability, _info| {
        let mut open = Some((capability, Vec::new(), Vec::new(), finish));
        move |(left, left_frontier), (right, right_frontier), output| {
            left.for_each(|_time, records| {
                if let Some((_, lefts, _, _)) = &mut open {
                    lefts.append(records);
                }
            });
            right.for_each(|_time, records| {
                if let Some((_, _, rights, _)) = &mut open {
                    rights.append(records);
                }
            });
            if left_frontier.is_empty()
                && right_frontier.is_empty()
                && let Some((capability, lefts, rights, finish)) = open.take()
            {
                output.session(&capability).give_iterator(finish(lefts, rights).into_iter());
            }
        }
    })
}

/// Two streams of one-per-worker values, paired on the worker that holds them.
pub fn pair_at_end<'scope, T, A, B, R>(
    left: VecStream<'scope, T, A>,
    right: VecStream<'scope, T, B>,
    name: &str,
    finish: impl Fn(A, B) -> R + 'static,
) -> VecStream<'scope, T, R>
where
    T: Timestamp,
    A: 'static,
    B: 'static,
    R: Clone + 'static,
    Vec<A>: Container,
    Vec<B>: Container,
{
    join_at_end(left, Pipeline, right, Pipeline, name, move |lefts, rights| {
        lefts.into_iter().zip(rights).map(|(a, b)| finish(a, b)).collect()
    })
}

/// The exchange by a worker number that each record carries.
pub fn to_worker<D>(worker: impl Fn(&D) -> u64 + 'static) -> Exchange<D, impl FnMut(&D) -> u64>
where
    D: timely::ExchangeData,
{
    Exchange::new(move |record: &D| worker(record))
}
