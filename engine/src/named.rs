//! Timely's small operators under names of their own, so that a dataflow that somebody looks at reads like what it does, and not
//! as a row of `Map`, `OkErr` and `Concatenate`.
//!
//! They do what timely's do, at the same cost. Records of one time keep their order within each input.

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::operator::Operator;
use timely::progress::Timestamp;
use timely::progress::operate::FrontierInterest;

/// What `logic` makes of each record.
pub fn map_named<'scope, T: Timestamp, D: 'static, R: 'static>(
    stream: StreamVec<'scope, T, D>,
    name: &str,
    mut logic: impl FnMut(D) -> R + 'static,
) -> StreamVec<'scope, T, R> {
    flat_map_named(stream, name, move |record| Some(logic(record)))
}

/// All that `logic` makes of each record.
pub fn flat_map_named<'scope, T: Timestamp, D: 'static, I: IntoIterator<Item: 'static>>(
    stream: StreamVec<'scope, T, D>,
    name: &str,
    mut logic: impl FnMut(D) -> I + 'static,
) -> StreamVec<'scope, T, I::Item> {
    stream.unary::<CapacityContainerBuilder<_>, _, _, _>(Pipeline, name, move |_capability, _info| {
        move |input, output| {
            input.for_each_time(|time, data| {
                output.session(&time).give_iterator(data.flat_map(|data| data.drain(..)).flat_map(&mut logic));
            });
        }
    })
}

/// Two streams, sorted by `logic`.
pub fn sort_named<'scope, T: Timestamp, D: 'static, A: 'static, B: 'static>(
    stream: StreamVec<'scope, T, D>,
    name: &str,
    mut logic: impl FnMut(D) -> Result<A, B> + 'static,
) -> (StreamVec<'scope, T, A>, StreamVec<'scope, T, B>) {
    let mut builder = OperatorBuilder::new(name.to_owned(), stream.scope());
    let mut input = builder.new_input(stream, Pipeline);
    builder.set_notify_for(0, FrontierInterest::Never);
    let (oks, ok_stream) = builder.new_output::<Vec<A>>();
    let (errs, err_stream) = builder.new_output::<Vec<B>>();
    let (mut oks, mut errs) = (OutputBuilder::from(oks), OutputBuilder::from(errs));
    builder.build(move |_capabilities| {
        move |_frontiers| {
            let (mut oks, mut errs) = (oks.activate(), errs.activate());
            input.for_each_time(|time, data| {
                let (mut oks, mut errs) = (oks.session(&time), errs.session(&time));
                for record in data.flat_map(|data| data.drain(..)) {
                    match logic(record) {
                        Ok(record) => oks.give(record),
                        Err(record) => errs.give(record),
                    }
                }
            });
        }
    });
    (ok_stream, err_stream)
}

/// What `of_one` makes of each record of one stream, and `of_other` of each of the other.
pub fn merge_named<'scope, T: Timestamp, A: 'static, B: 'static, R: 'static>(
    (one, mut of_one): (StreamVec<'scope, T, A>, impl FnMut(A) -> R + 'static),
    (other, mut of_other): (StreamVec<'scope, T, B>, impl FnMut(B) -> R + 'static),
    name: &str,
) -> StreamVec<'scope, T, R> {
    let mut builder = OperatorBuilder::new(name.to_owned(), one.scope());
    let mut one = builder.new_input(one, Pipeline);
    let mut other = builder.new_input(other, Pipeline);
    (0..2).for_each(|input| builder.set_notify_for(input, FrontierInterest::Never));
    let (output, stream) = builder.new_output::<Vec<R>>();
    let mut output = OutputBuilder::from(output);
    builder.build(move |_capabilities| {
        move |_frontiers| {
            let mut output = output.activate();
            one.for_each_time(|time, data| {
                output.session(&time).give_iterator(data.flat_map(|data| data.drain(..)).map(&mut of_one));
            });
            other.for_each_time(|time, data| {
                output.session(&time).give_iterator(data.flat_map(|data| data.drain(..)).map(&mut of_other));
            });
        }
    });
    stream
}

/// Each record on the worker that `route` names, modulo the number of workers.
pub fn exchange_named<'scope, T: Timestamp, D: timely::ExchangeData>(
    stream: StreamVec<'scope, T, D>,
    name: &str,
    route: impl Fn(&D) -> u64 + 'static,
) -> StreamVec<'scope, T, D> {
    let pact = Exchange::new(move |record: &D| route(record));
    stream.unary::<CapacityContainerBuilder<_>, _, _, _>(pact, name, |_capability, _info| {
        move |input, output| {
            input.for_each_time(|time, data| output.session(&time).give_containers(data));
        }
    })
}

/// Each record on every worker. `hands_out` and `takes` are the names of the two operators that it needs.
pub fn broadcast_named<'scope, T: Timestamp, D: timely::ExchangeData + Clone>(
    stream: StreamVec<'scope, T, D>,
    (hands_out, takes): (&str, &str),
) -> StreamVec<'scope, T, D> {
    let peers = stream.scope().peers() as u64;
    let copies = flat_map_named(stream, hands_out, move |record: D| (0..peers).map(move |to| (to, record.clone())));
    let pact = Exchange::new(|(to, _): &(u64, D)| *to);
    copies.unary::<CapacityContainerBuilder<_>, _, _, _>(pact, takes, |_capability, _info| {
        move |input, output| {
            input.for_each_time(|time, data| {
                let records = data.flat_map(|data| data.drain(..)).map(|(_, record)| record);
                output.session(&time).give_iterator(records);
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use timely::dataflow::operators::{Input, Inspect, Probe};

    use super::*;

    /// What each of two workers hears when both give 0 to 9.
    fn heard(
        build: impl for<'scope> Fn(StreamVec<'scope, u64, u64>) -> StreamVec<'scope, u64, u64> + Send + Sync + 'static,
    ) -> [Vec<u64>; 2] {
        let (say, said) = mpsc::channel();
        let say = std::sync::Mutex::new(say);
        let guards = timely::execute(timely::Config::process(2), move |worker| {
            let (index, say) = (worker.index(), say.lock().unwrap().clone());
            let (mut input, done) = worker.dataflow::<u64, _, _>(|scope| {
                let (input, records) = scope.new_input::<Vec<u64>>();
                (input, build(records).inspect(move |record| say.send((index, *record)).unwrap()).probe().0)
            });
            (0..10).for_each(|record| input.send(record));
            input.close();
            worker.step_or_park_while(None, || !done.done());
        });
        guards.unwrap().join().into_iter().for_each(|end| end.unwrap());
        let mut all = [Vec::new(), Vec::new()];
        said.into_iter().for_each(|(worker, record)| all[worker].push(record));
        all.each_mut().into_iter().for_each(|heard| heard.sort_unstable());
        all
    }

    #[test]
    fn what_has_another_name_does_what_the_usual_one_does() {
        let doubled: Vec<u64> = (0..10).map(|record| record * 2).collect();
        assert_eq!(heard(|stream| map_named(stream, "Double", |record| record * 2)), [doubled.clone(), doubled]);
        let halves = heard(|stream| {
            let (even, odd) =
                sort_named(stream, "Sort", |record| if record % 2 == 0 { Ok(record) } else { Err(record) });
            merge_named((even, |record| record), (odd, |record| record + 100), "Merge")
        });
        assert_eq!(halves, [(); 2].map(|()| vec![0, 2, 4, 6, 8, 101, 103, 105, 107, 109]));
        let twice = |records: std::ops::Range<u64>, step| -> Vec<u64> {
            records.step_by(step).flat_map(|record| [record; 2]).collect()
        };
        assert_eq!(
            heard(|stream| exchange_named(stream, "Bring", |record| *record)),
            [twice(0..10, 2), twice(1..10, 2)]
        );
        let everywhere = heard(|stream| broadcast_named(stream, ("HandOut", "Take")));
        assert_eq!(everywhere, [twice(0..10, 1), twice(0..10, 1)]);
    }
}
