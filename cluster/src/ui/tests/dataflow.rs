//! A made-up dataflow.

use flightline_engine::supervised::{Address, Channel, Endpoint, Graph, Operator, Port};

/// A stream's dataflow of 30 operators and more, some in scopes, with a loop, and one of control beside it.
pub(super) fn graph() -> Graph {
    let mut graph = Graph::default();
    let mut operator = |address: &[usize], name: &str, is_scope: bool, millis: u64| {
        graph.operators.push(Operator {
            address: Address(address.to_vec()),
            name: name.to_owned(),
            is_scope,
            active_nanos: millis * 1_000_000,
            activations: millis * 3 + 1,
            running: 6,
        });
    };
    operator(&[0], "answers", true, 3);
    let names = [
        ("request log", 420),
        ("room", 31),
        ("bind and stamp", 80),
        ("parse", 910),
        ("Exchange: route", 44),
        ("left lookup", 12),
        ("predict", 5),
        ("answer", 350),
        ("dead letters", 2),
        ("close epochs", 12),
        ("Exchange: owner", 61),
        ("sink kafka", 720),
        ("sink mongodb", 1630),
        ("sink files", 240),
        ("sink dead letters", 3),
        ("progress", 20),
        ("table feed", 18),
        ("table versions", 7),
        ("live quality", 33),
        ("outcomes", 9),
    ];
    for (index, (name, millis)) in names.iter().enumerate() {
        operator(&[0, index + 1], name, matches!(*name, "left lookup" | "predict" | "table versions"), *millis);
    }
    for (index, (name, millis)) in [
        ("Arrange: distances", 300),
        ("half join", 510),
        ("Concatenate", 4),
        ("Feedback", 2),
        ("ResultsIn", 3),
        ("Delay", 11),
    ]
    .iter()
    .enumerate()
    {
        operator(&[0, 6, index + 1], name, false, *millis);
    }
    for (index, (name, millis)) in
        [("bins", 640), ("trees 0 to 49", 4300), ("trees 50 to 99", 4150), ("vote", 120)].iter().enumerate()
    {
        operator(&[0, 7, index + 1], name, false, *millis);
    }
    for (index, (name, millis)) in [("diff", 6), ("snapshot", 22)].iter().enumerate() {
        operator(&[0, 18, index + 1], name, false, *millis);
    }
    operator(&[1], "control", true, 1);
    for (index, (name, millis)) in [("said", 4), ("Exchange: all", 3), ("heard", 5)].iter().enumerate() {
        operator(&[1, index + 1], name, false, *millis);
    }
    let mut channel = |scope: &[usize], from: usize, to: usize, sent: u64, waiting: u64| {
        let scope = Address(scope.to_vec());
        let end = |index| Endpoint { operator: scope.child(index), port: Port(0) };
        let (source, target) = (end(from), end(to));
        graph.channels.push(Channel {
            source,
            target,
            scope,
            records_sent: sent,
            records_received: sent - waiting,
            batches: sent / 100 + 1,
        });
    };
    let many = 4_812_330;
    for (from, to, sent, waiting) in [
        (1, 2, many, 0),
        (2, 3, many, 0),
        (3, 4, many, 1204),
        (4, 5, many - 77, 0),
        (4, 9, 77, 0),
        (5, 6, many - 77, 0),
        (17, 18, 4200, 0),
        (18, 6, 4200, 0),
        (6, 7, many - 90, 18_233),
        (7, 8, many - 90, 0),
        (6, 8, 13, 0),
        (8, 11, many, 0),
        (9, 11, 77, 0),
        (11, 12, many, 0),
        (11, 13, many, 2140),
        (11, 14, many, 91_233),
        (11, 15, 77, 0),
        (12, 16, 40_211, 0),
        (13, 16, 40_100, 0),
        (14, 16, 1200, 0),
        (16, 10, 80_000, 0),
        (10, 2, 9000, 0),
        (8, 19, 3000, 0),
        (20, 19, 2800, 0),
    ] {
        channel(&[0], from, to, sent, waiting);
    }
    for (from, to, sent, waiting) in [
        (0, 1, 4200, 0),
        (0, 2, many, 0),
        (1, 2, 4200, 0),
        (2, 3, many, 0),
        (4, 3, 120, 0),
        (3, 5, many, 18_000),
        (3, 6, 120, 0),
        (6, 4, 120, 0),
        (5, 0, many, 0),
    ] {
        channel(&[0, 6], from, to, sent, waiting);
    }
    for (from, to) in [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4), (4, 0)] {
        channel(&[0, 7], from, to, many, 0);
    }
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        channel(&[0, 18], from, to, 4200, 0);
    }
    for (from, to) in [(1, 2), (2, 3)] {
        channel(&[1], from, to, 6011, 0);
    }
    graph
}
