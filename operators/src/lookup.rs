//! The left lookup: each request meets the table as it was at a time that it names, and goes on with or without a value.
//!
//! A request has a time of its own, and a time *as of* which it reads the table: the same, or an earlier one that stays
//! the same however late the request comes. So what a request is told depends on the request alone, and not on what the
//! table has become meanwhile.
//!
//! Invariants: a request is answered once, also when its key is unknown; it is forgotten as soon as it is answered; the
//! requests of one time keep their order. A request waits until the table's frontier has passed the time as of which it
//! reads, so whoever feeds the table must advance it when it is idle. Later changes of the table never touch an answer.
//!
//! The table remembers how it was at the oldest time that may still be asked for, and at all later ones, so memory is that
//! of the table and of its changes since then. What is older is let go when the trace merges its batches: at once if
//! differential's idle effort is configured, else with the next changes.
//!
//! Not a join: the request side is never arranged. The table must hold at most one value per key and time; of several the
//! least is taken.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::hash::Hash;

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

#[cfg(test)]
mod tests;

/// A table arranged by key, with values as they change over time.
pub type TableTrace<K, V, T> = TraceAgent<ValSpine<K, V, T, isize>>;

/// Looks up each request's key in `table` as of the time that the request names, on the worker where the request is.
///
/// `as_of` must not be above the request's own time, nor below what `oldest` has ever said: the oldest time that any
/// request to come on this worker may name, those on their way from other workers included. `oldest` is asked again and
/// again, and may answer with later times, never with earlier ones.
///
/// A small table is broadcast before it is arranged; a large one is arranged by key, and the requests are exchanged by
/// the same key first.
///
/// # Panics
/// The operator does when a request names a time that `oldest` had given up: its answer would be wrong, and nobody could
/// tell.
pub fn left_lookup<'scope, T, D, K, V, R>(
    requests: VecStream<'scope, T, D>,
    table: Arranged<'scope, TableTrace<K, V, T>>,
    name: &str,
    key: impl Fn(&D) -> K + 'static,
    as_of: impl Fn(&D) -> T + 'static,
    oldest: impl Fn() -> T + 'static,
    answer: impl Fn(D, Option<&V>) -> R + 'static,
) -> VecStream<'scope, T, R>
where
    T: Timestamp + Lattice + Ord,
    D: Clone + 'static,
    K: ExchangeData + Debug + Hash,
    V: ExchangeData + Debug,
    R: Clone + 'static,
{
    let mut trace = table.trace;
    requests.binary_frontier(table.stream, Pipeline, Pipeline, name, move |_capability, _info| {
        // By their own time, in the order in which they came.
        let mut waiting: Vec<(Capability<T>, VecDeque<D>)> = Vec::new();
        move |(requests, requests_frontier), (changes, table_frontier), output| {
            // The trace holds the changes already; only their frontier matters here.
            changes.for_each(|_time, batches| batches.clear());
            requests.for_each(|time, arrived| {
                match waiting.iter_mut().rev().find(|(held, _)| held.time() == time.time()) {
                    Some((_, held)) => held.extend(arrived.drain(..)),
                    None => waiting.push((time.retain(0), std::mem::take(arrived).into())),
                }
            });
            for (time, requests) in &mut waiting {
                let is_ready = |request: &&D| !table_frontier.less_equal(&as_of(request));
                let ready = requests.iter().take_while(is_ready).count();
                if ready > 0 {
                    let asked = requests.iter().take(ready).map(|request| (as_of(request), key(request)));
                    let Found { values, of } = look_up(&mut trace, asked);
                    let value = |place: Option<usize>| place.and_then(|place| values.get(place));
                    let answers = requests.drain(..ready).zip(of).map(|(request, of)| answer(request, value(of)));
                    output.session(&*time).give_iterator(answers);
                }
            }
            waiting.retain(|(_, requests)| !requests.is_empty());
            let waiting = waiting.iter().flat_map(|(_, requests)| requests).map(&as_of);
            let to_come = (!requests_frontier.frontier().is_empty()).then(&oldest);
            release(&mut trace, waiting.chain(to_come), table_frontier.frontier());
        }
    })
}

/// What was found for some requests.
struct Found<V> {
    /// Each value once.
    values: Vec<V>,
    /// The place of each request's value.
    of: Vec<Option<usize>>,
}

/// The value of each key at its time.
fn look_up<K, V, T>(trace: &mut TableTrace<K, V, T>, asked: impl Iterator<Item = (T, K)>) -> Found<V>
where
    T: Timestamp + Lattice + Ord,
    K: ExchangeData + Debug + Hash,
    V: ExchangeData + Debug,
{
    let mut asked: Vec<(T, K, usize)> = asked.zip(0..).map(|((time, key), at)| (time, key, at)).collect();
    asked.sort_unstable();
    let mut found = Found { values: Vec::new(), of: vec![None; asked.len()] };
    let (mut cursor, storage) = trace.cursor();
    for asked in asked.chunk_by(|(one, ..), (other, ..)| one == other) {
        let time = &asked[0].0;
        assert!(
            trace.get_logical_compaction().less_equal(time),
            "internal error (bug): the table is asked as of {time:?}, which nobody was to ask for any more"
        );
        // Ascending keys: the cursor only ever seeks forward.
        cursor.rewind_keys(&storage);
        for asked in asked.chunk_by(|(_, one, _), (_, other, _)| one == other) {
            let key = &asked[0].1;
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
                    asked.iter().for_each(|(.., at)| found.of[*at] = Some(found.values.len()));
                    found.values.push(value.clone());
                    break;
                }
                cursor.step_val(&storage);
            }
        }
    }
    found
}

/// Lets the trace forget what nobody can ask for: all that lies below every one of `needed`.
fn release<K, V, T>(
    trace: &mut TableTrace<K, V, T>,
    needed: impl Iterator<Item = T>,
    table_frontier: AntichainRef<'_, T>,
) where
    T: Timestamp + Lattice + Ord,
    K: Data + Debug,
    V: Data + Debug,
{
    let needed: Antichain<T> = needed.collect();
    trace.set_logical_compaction(needed.borrow());
    trace.set_physical_compaction(table_frontier);
}
