use std::sync::mpsc::{Sender, channel};

use timely::dataflow::operators::{Capture, Inspect, Probe, capture::Extract};

use super::*;

#[test]
fn all_items_arrive_in_order_and_the_stream_ends() {
    for depth in [0, 1, 3, 64] {
        let captured = timely::execute_directly(move |worker| {
            worker.dataflow::<u64, _, _>(|scope| {
                let numbers = bridge(scope, "numbers", depth, |sender| {
                    for number in 0..10_000_u32 {
                        sender.send(number).unwrap();
                    }
                });
                numbers.capture()
            })
        });
        let all: Vec<u32> = captured.extract().into_iter().flat_map(|(_, numbers)| numbers).collect();
        assert_eq!(all, (0..10_000).collect::<Vec<_>>(), "depth {depth}");
    }
}

#[test]
fn a_stream_with_no_items_ends() {
    let captured = timely::execute_directly(|worker| {
        worker.dataflow::<u64, _, _>(|scope| bridge::<_, u32>(scope, "none", 4, drop).capture())
    });
    assert!(captured.extract().is_empty());
}

#[test]
fn clones_feed_one_stream_and_the_last_one_ends_it() {
    let captured = timely::execute_directly(|worker| {
        worker.dataflow::<u64, _, _>(|scope| {
            bridge(scope, "clones", 2, |sender| {
                let helpers: Vec<_> = (0..4_u32)
                    .map(|helper| {
                        let sender = sender.clone();
                        thread::spawn(move || (0..500).for_each(|i| sender.send(helper * 500 + i).unwrap()))
                    })
                    .collect();
                helpers.into_iter().for_each(|helper| helper.join().unwrap());
            })
            .capture()
        })
    });
    let mut all: Vec<u32> = captured.extract().into_iter().flat_map(|(_, numbers)| numbers).collect();
    all.sort_unstable();
    assert_eq!(all, (0..2000).collect::<Vec<_>>());
}

/// Tells when it is dropped.
struct Alive(Sender<&'static str>);

impl Drop for Alive {
    fn drop(&mut self) {
        let _ = self.0.send("returned");
    }
}

#[test]
fn a_producer_waits_at_the_bound_and_hears_that_the_dataflow_is_gone() {
    timely::execute_directly(|worker| {
        let (progress, seen) = channel();
        worker.dataflow::<u64, _, _>(|scope| {
            let alive = Alive(progress.clone());
            bridge(scope, "bounded", 3, move |sender| {
                let alive = alive;
                for _ in 0..3 {
                    sender.send(0_u8).unwrap();
                    alive.0.send("sent").unwrap();
                }
                // Nobody takes anything before the worker steps, so the fourth waits, and ends with the dataflow.
                let fourth = sender.send(0);
                alive.0.send(if fourth == Err(Closed) { "closed" } else { "sent" }).unwrap();
            })
            .probe();
        });
        for _ in 0..3 {
            assert_eq!(seen.recv(), Ok("sent"));
        }
        assert!(seen.try_recv().is_err(), "a fourth item fitted into a bridge of depth 3");
        worker.installed_dataflows().into_iter().for_each(|dataflow| worker.drop_dataflow(dataflow));
        assert_eq!(seen.recv(), Ok("closed"));
        assert_eq!(seen.recv(), Ok("returned"));
    });
}

#[test]
fn the_worker_takes_no_more_than_the_depth_at_a_time() {
    let (items, arrived) = sync_channel(10);
    (0..10).for_each(|item| items.send(item).unwrap());
    assert_eq!(take(&arrived, 4), (vec![0, 1, 2, 3], Waiting::More));
    assert_eq!(take(&arrived, 100), (vec![4, 5, 6, 7, 8, 9], Waiting::Nothing));
    drop(items);
    assert_eq!(take(&arrived, 4), (vec![], Waiting::Ended));
}

#[test]
fn the_frontier_stands_until_the_producer_is_done() {
    timely::execute_directly(|worker| {
        let (go, wait) = channel::<()>();
        let (saw, seen) = channel();
        let probe = worker.dataflow::<u64, _, _>(|scope| {
            let items = bridge(scope, "waits", 1, move |sender| {
                sender.send(1).unwrap();
                wait.recv().unwrap();
            });
            items.inspect(move |item| saw.send(*item).unwrap()).probe().0
        });
        while seen.try_recv().is_err() {
            worker.step_or_park(None);
        }
        assert!(!probe.done());
        go.send(()).unwrap();
        while !probe.done() {
            worker.step_or_park(None);
        }
    });
}
