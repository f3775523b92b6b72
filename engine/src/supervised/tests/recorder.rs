//! From events to counts; and the events of real workers.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof};
use proptest::proptest;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Enter, Exchange, Inspect, Leave, ToStream};
use timely::logging::{ChannelsEvent, MessagesEvent, OperatesEvent, ScheduleEvent, ShutdownEvent, TimelyEvent};
use timely::order::Product;

use super::super::board::Board;
use super::super::graph::{Channel, Graph, Operator};
use super::super::recorder::Recorder;
use super::super::watch::Watch;
use crate::cluster::{self, ClusterPlan};
use crate::ids::WorkerCount;

fn operates(id: usize, addr: &[usize], name: &str) -> TimelyEvent {
    OperatesEvent { id, addr: addr.to_vec(), name: name.to_owned() }.into()
}

fn graph_of(events: impl IntoIterator<Item = (u64, TimelyEvent)>) -> Graph {
    let mut recorder = Recorder::default();
    for (at, event) in events {
        recorder.record(Duration::from_nanos(at), &event);
    }
    recorder.counts().graph()
}

fn find<'a>(graph: &'a Graph, name: &str) -> &'a Operator {
    let found: Vec<_> = graph.operators.iter().filter(|operator| operator.name == name).collect();
    assert_eq!(found.len(), 1, "operators named {name} in {graph:#?}");
    found[0]
}

fn into<'a>(graph: &'a Graph, name: &str) -> &'a Channel {
    let target = &find(graph, name).address;
    graph.channels.iter().find(|channel| channel.target.operator == *target).unwrap()
}

#[test]
fn a_scope_is_not_charged_for_what_is_in_it() {
    let (start, stop) = (|id| ScheduleEvent::start(id).into(), |id| ScheduleEvent::stop(id).into());
    let graph = graph_of([
        (0, operates(2, &[0, 1], "Map")),
        (0, operates(1, &[0], "Dataflow")),
        (10, start(1)),
        (20, start(2)),
        (50, stop(2)),
        (60, start(2)),
        (61, stop(2)),
        (100, stop(1)),
    ]);
    let told = |name| {
        let Operator { is_scope, active_nanos, activations, running, .. } = find(&graph, name);
        (*is_scope, *active_nanos, *activations, *running)
    };
    assert_eq!((told("Dataflow"), told("Map")), ((true, 59, 1, 1), (false, 31, 2, 1)));
}

#[test]
fn what_is_in_a_scope_ends_with_it() {
    let built = [
        (0, operates(3, &[0, 1, 1], "Map")),
        (0, operates(2, &[0, 1], "Loop")),
        (0, operates(4, &[0, 2], "Probe")),
        (0, operates(1, &[0], "Dataflow")),
    ];
    let running = |shut_down| {
        let events = built.iter().cloned().chain([(9, ShutdownEvent { id: shut_down }.into())]);
        let graph = graph_of(events);
        ["Dataflow", "Loop", "Map", "Probe"].map(|name| find(&graph, name).running)
    };
    assert_eq!(running(3), [1, 1, 0, 1]);
    assert_eq!(running(2), [1, 0, 0, 1]);
    assert_eq!(running(1), [0, 0, 0, 0]);
}

#[test]
fn a_worker_that_builds_without_end_is_not_followed_for_ever() {
    let events = (0..100_000).map(|id| (0, operates(id, &[id], "Dataflow")));
    let graph = graph_of(events);
    assert_eq!(graph.operators.len(), 1 << 16);
    assert!(graph.truncated);
    let long = graph_of([(0, operates(0, &[0], &"é".repeat(10_000)))]);
    assert_eq!(long.operators[0].name.chars().count(), 120);
}

/// A tree of activations: each takes some time of its own before, between and after those within it.
#[derive(Clone, Debug)]
struct Activated {
    id: usize,
    own: Vec<u64>,
    inner: Vec<Activated>,
}

fn activated() -> impl Strategy<Value = Activated> {
    let leaf = (0_usize..5, vec(0_u64..100, 1..2)).prop_map(|(id, own)| Activated { id, own, inner: vec![] });
    leaf.prop_recursive(4, 40, 5, |inner| {
        (0_usize..5, vec(0_u64..100, 6), vec(inner, 0..5)).prop_map(|(id, own, inner)| Activated { id, own, inner })
    })
}

impl Activated {
    /// Its events from `now` on; gives the time of its end. Adds up what each operator has worked, and how often.
    fn play(&self, mut now: u64, events: &mut Vec<(u64, TimelyEvent)>, expected: &mut [(u64, u64); 5]) -> u64 {
        events.push((now, ScheduleEvent::start(self.id).into()));
        for (index, own) in self.own.iter().take(self.inner.len() + 1).enumerate() {
            now += own;
            expected[self.id].0 += own;
            if let Some(inner) = self.inner.get(index) {
                now = inner.play(now, events, expected);
            }
        }
        events.push((now, ScheduleEvent::stop(self.id).into()));
        expected[self.id].1 += 1;
        now
    }
}

fn any_event() -> impl Strategy<Value = TimelyEvent> {
    let id = || prop_oneof![0_usize..6, any::<usize>()];
    let end = || (0_usize..3, 0_usize..2);
    prop_oneof![
        (id(), vec(0_usize..3, 0..4)).prop_map(|(id, addr)| operates(id, &addr, "Map")),
        (id(), vec(0_usize..3, 0..4), end(), end()).prop_map(|(id, scope_addr, source, target)| {
            ChannelsEvent { id, scope_addr, source, target, typ: String::new() }.into()
        }),
        (id(), any::<bool>(), any::<i64>()).prop_map(|(channel, is_send, record_count)| {
            MessagesEvent { is_send, channel, source: 0, target: 0, seq_no: 0, record_count }.into()
        }),
        id().prop_map(|id| ScheduleEvent::start(id).into()),
        id().prop_map(|id| ScheduleEvent::stop(id).into()),
        id().prop_map(|id| ShutdownEvent { id }.into()),
    ]
}

proptest! {
    #[test]
    fn own_times_are_exact_however_activations_nest(activations in vec(activated(), 0..5)) {
        let mut events: Vec<_> = (0..5).map(|id| (0, operates(id, &[id], &id.to_string()))).collect();
        let mut expected = [(0, 0); 5];
        let mut now = 0;
        for activated in &activations {
            now = activated.play(now, &mut events, &mut expected);
        }
        let graph = graph_of(events);
        let told: Vec<_> =
            graph.operators.iter().map(|operator| (operator.active_nanos, operator.activations)).collect();
        prop_assert_eq!(told, expected);
    }

    #[test]
    fn events_in_any_order_do_no_harm(events in vec((any::<u64>(), any_event()), 0..200)) {
        let graph = graph_of(events);
        prop_assert_eq!(&Graph::merge([graph.clone()]), &graph, "normal form");
    }
}

/// Runs a dataflow with an exchange and a scope in this many workers, and gives what they have told.
fn ran(workers: usize) -> Graph {
    let board = Board::default();
    // Of an earlier run in the same process, which had more workers.
    (0..5).for_each(|_| drop(board.new_run().recorder()));
    let watch = Watch::on(&board);
    cluster::run(ClusterPlan::local(WorkerCount::new(workers)), move |worker| {
        watch.worker(worker);
        worker.dataflow_named::<u64, _, _>("Numbers", |scope| {
            let numbers = (0..1000_u64).to_stream(scope).container::<Vec<_>>().exchange(|number| *number);
            let doubled = scope.scoped::<Product<u64, u64>, _, _>("Doubling", |inner| {
                numbers.enter(inner).map(|number| number * 2).leave(scope)
            });
            doubled.inspect(|_| {});
        });
    })
    .unwrap();
    board.snapshot().graph.unwrap()
}

#[test]
fn real_workers_tell_what_they_ran() {
    for workers in [1, 2] {
        let graph = ran(workers);
        let records = 1000 * workers as u64;
        for name in ["Exchange", "Doubling", "FlatMap", "InspectBatch"] {
            let channel = into(&graph, name);
            assert_eq!((channel.records_sent, channel.waiting()), (records, 0), "into {name} of {workers}");
            assert!(channel.batches > 0);
        }
        let leaves = &find(&graph, "Doubling").address;
        let out = graph.channels.iter().find(|channel| channel.target.operator == leaves.child(0)).unwrap();
        assert_eq!((out.records_sent, out.waiting()), (records, 0));
        for operator in &graph.operators {
            assert!(operator.activations > 0 && operator.running == 0, "{operator:?}");
            let is_scope = ["Numbers", "Doubling"].contains(&operator.name.as_str());
            assert_eq!(operator.is_scope, is_scope, "{operator:?}");
        }
        assert!(!graph.truncated);
    }
}

#[test]
fn each_number_of_workers_builds_the_same_picture() {
    let picture = |graph: &Graph| -> Vec<_> {
        graph.operators.iter().map(|operator| (operator.address.clone(), operator.name.clone())).collect()
    };
    assert_eq!(picture(&ran(1)), picture(&ran(3)));
}
