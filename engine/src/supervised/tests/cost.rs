//! What it costs a job to be watched. Run it with `--ignored --nocapture`, optimised.

use std::time::{Duration, Instant};

use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Exchange, Input, Inspect, Probe};

use super::super::board::Board;
use super::super::watch::Watch;
use crate::cluster::{self, ClusterPlan};
use crate::ids::WorkerCount;

/// So many epochs of so many records in one worker, through a chain of operators like that of a streaming job.
fn run(watch: Option<Watch>, epochs: u64, records: u64) -> Duration {
    let ends = cluster::run(ClusterPlan::local(WorkerCount::new(1)), move |worker| {
        if let Some(watch) = &watch {
            watch.worker(worker);
        }
        let (mut input, probe) = worker.dataflow::<u64, _, _>(|scope| {
            let (input, numbers) = scope.new_input::<Vec<u64>>();
            let mut numbers = numbers.exchange(|number| *number);
            for _ in 0..10 {
                numbers = numbers.map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            }
            (input, numbers.exchange(|number| *number).inspect(|_| {}).probe().0)
        });
        let start = Instant::now();
        for epoch in 0..epochs {
            (0..records).for_each(|number| input.send(number));
            input.advance_to(epoch + 1);
            worker.step_while(|| probe.less_than(input.time()));
        }
        start.elapsed()
    });
    ends.unwrap()[0]
}

#[test]
#[ignore = "a measurement, and no statement"]
fn the_cost_of_being_watched() {
    for (epochs, records) in [(100_000, 1), (20_000, 100), (500, 10_000)] {
        let mut plain = Duration::MAX;
        let mut watched = Duration::MAX;
        for _ in 0..7 {
            plain = plain.min(run(None, epochs, records));
            watched = watched.min(run(Some(Watch::on(&Board::default())), epochs, records));
        }
        let per_epoch = |time: Duration| time.as_secs_f64() * 1e6 / epochs as f64;
        println!(
            "{records} records in an epoch through 15 operators: {:.2} µs plain, {:.2} µs watched: {:+.1} %",
            per_epoch(plain),
            per_epoch(watched),
            100.0 * (watched.as_secs_f64() / plain.as_secs_f64() - 1.0)
        );
    }
}
