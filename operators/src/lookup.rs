//! The left lookup: each request meets the table as it is at the request's time, and goes on with or without a value.
//!
//! Invariants: a request is answered once, also when its key is unknown; it is forgotten as soon as it is answered; the
//! requests of one time keep their order. A request waits until the table's frontier has passed its time, so whoever
//! feeds the table must advance it when it is idle. Later changes of the table never touch an answer.
//!
//! Not a join: the request side is never arranged, so memory is that of the table. The table must hold at most one
//! value per key and time; of several the least is taken.

use std::collections::BTreeMap;
use std::fmt::Debug;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::TraceReader;
use differential_dataflow::trace::cursor::Cursor;
use differential_dataflow::trace::implementations::ValSpine;
use differential_dataflow::{Data, ExchangeData};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;
use timely::progress::frontier::AntichainRef;
use timely::progress::{Antichain, Timestamp};

use crate::flow::VecStream;

/// A table arranged by key, with values as they change over time.
pub type TableTrace<K, V, T> = TraceAgent<ValSpine<K, V, T, isize>>;

/// Looks up each request's key in `table` as of the request's time, on the worker where the request is.
///
/// A small table is broadcast before it is arranged; a large one is arranged by key, and the requests are exchanged by
/// the same key first.
pub fn left_lookup<'scope, T, D, K, V, R>(
    requests: VecStream<'scope, T, D>,
    table: Arranged<'scope, TableTrace<K, V, T>>,
    name: &str,
    key: impl Fn(&D) -> K + 'static,
    answer: impl Fn(D, Option<&V>) -> R + 'static,
) -> VecStream<'scope, T, R>
where
    T: Timestamp + Lattice + Ord,
    D: Clone + 'static,
    K: ExchangeData + Debug + std::hash::Hash,
    V: ExchangeData + Debug,
    R: Clone + 'static,
{
    let mut trace = table.trace;
    requests.binary_frontier(table.stream, Pipeline, Pipeline, name, move |_capability, _info| {
        let mut waiting: Vec<(Capability<T>, Vec<D>)> = Vec::new();
        move |(requests, requests_frontier), (changes, table_frontier), output| {
            // The trace holds the changes already; only their frontier matters here.
            changes.for_each(|_time, batches| batches.clear());
            requests.for_each(|time, arrived| match waiting.iter_mut().find(|(held, _)| held.time() == time.time()) {
                Some((_, held)) => held.append(arrived),
                None => waiting.push((time.retain(0), std::mem::take(arrived))),
            });
            let ready = waiting.extract_if(.., |(time, _)| !table_frontier.less_equal(time.time()));
            for (time, requests) in ready {
                let values = values_at(&mut trace, requests.iter().map(&key), time.time());
                let answers = requests.into_iter().map(|request| {
                    let value = values.get(&key(&request)).and_then(Option::as_ref);
                    answer(request, value)
                });
                output.session(&time).give_iterator(answers);
            }
            release(&mut trace, &waiting, requests_frontier.frontier(), table_frontier.frontier());
        }
    })
}

/// The value of each of `keys` at `time`; a key without one is present with `None`.
fn values_at<K, V, T>(
    trace: &mut TableTrace<K, V, T>,
    keys: impl Iterator<Item = K>,
    time: &T,
) -> BTreeMap<K, Option<V>>
where
    T: Timestamp + Lattice + Ord,
    K: ExchangeData + Debug + std::hash::Hash,
    V: ExchangeData + Debug,
{
    // Ascending keys: the cursor only ever seeks forward.
    let mut values: BTreeMap<K, Option<V>> = keys.map(|key| (key, None)).collect();
    let (mut cursor, storage) = trace.cursor();
    for (key, found) in &mut values {
        cursor.seek_key(&storage, key);
        if cursor.get_key(&storage) != Some(key) {
            continue;
        }
        while let Some(value) = cursor.get_val(&storage) {
            let mut copies = 0;
            cursor.map_times(&storage, |at, change| {
                if at.less_equal(time) {
                    copies += change;
                }
            });
            if copies > 0 {
                *found = Some(value.clone());
                break;
            }
            cursor.step_val(&storage);
        }
    }
    values
}

/// Lets the trace forget what no request to come can ask for.
fn release<K, V, T, D>(
    trace: &mut TableTrace<K, V, T>,
    waiting: &[(Capability<T>, Vec<D>)],
    requests: AntichainRef<'_, T>,
    table: AntichainRef<'_, T>,
) where
    T: Timestamp + Lattice + Ord,
    K: Data + Debug,
    V: Data + Debug,
{
    let mut needed: Antichain<T> = requests.iter().cloned().collect();
    needed.extend(waiting.iter().map(|(time, _)| time.time().clone()));
    trace.set_logical_compaction(needed.borrow());
    trace.set_physical_compaction(table);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    use differential_dataflow::input::Input;
    use proptest::prelude::*;
    use timely::dataflow::operators::{Input as _, Inspect};

    /// What happens at one time: changes of the table (key, new value or none), then requests by key.
    type Step = (Vec<(u8, Option<u16>)>, Vec<u8>);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let change = (0_u8..6, prop::option::of(0_u16..50));
        prop::collection::vec((prop::collection::vec(change, 0..4), prop::collection::vec(0_u8..8, 0..6)), 1..8)
    }

    /// Time, key and value of an answer.
    type Answer = (u64, u8, Option<u16>);

    /// A map that is changed and asked, in order.
    fn oracle(steps: &[Step]) -> Vec<Answer> {
        let mut table = BTreeMap::new();
        let mut answers = Vec::new();
        for (time, (changes, requests)) in (0..).zip(steps) {
            for (key, value) in changes {
                match value {
                    Some(value) => table.insert(*key, *value),
                    None => table.remove(key),
                };
            }
            answers.extend(requests.iter().map(|key| (time, *key, table.get(key).copied())));
        }
        answers
    }

    /// The same through the operator; the table runs `lead` times ahead of the requests, or waits for them.
    fn looked_up(steps: Vec<Step>, lead: bool) -> Vec<Answer> {
        timely::execute_directly(move |worker| {
            let answers: Rc<RefCell<Vec<Answer>>> = Rc::default();
            let seen = Rc::clone(&answers);
            let (mut table, mut requests) = worker.dataflow::<u64, _, _>(|scope| {
                let (table, changes) = scope.new_collection::<(u8, u16), isize>();
                let (requests, stream) = scope.new_input::<Vec<(u64, u8)>>();
                let arranged = changes.arrange_by_key();
                left_lookup(
                    stream,
                    arranged,
                    "Lookup",
                    |(_, key)| *key,
                    |(time, key), value| (time, key, value.copied()),
                )
                .inspect(move |answer| seen.borrow_mut().push(*answer));
                (table, requests)
            });
            let mut held = BTreeMap::new();
            for (time, (changes, asked)) in (0_u64..).zip(steps) {
                asked.iter().for_each(|key| requests.send((time, *key)));
                if !lead {
                    // Requests come first and must wait for the table.
                    requests.advance_to(time + 1);
                    (0..3).for_each(|_| _ = worker.step());
                }
                for (key, value) in changes {
                    if let Some(old) = held.remove(&key) {
                        table.remove((key, old));
                    }
                    if let Some(new) = value {
                        held.insert(key, new);
                        table.insert((key, new));
                    }
                }
                table.advance_to(time + 1);
                table.flush();
                (0..3).for_each(|_| _ = worker.step());
                requests.advance_to(time + 1);
            }
            drop((table, requests));
            while worker.step() {}
            answers.take()
        })
    }

    proptest! {
        #[test]
        fn every_request_meets_the_table_of_its_time_in_order(steps in steps(), lead in any::<bool>()) {
            prop_assert_eq!(looked_up(steps.clone(), lead), oracle(&steps));
        }
    }
}
