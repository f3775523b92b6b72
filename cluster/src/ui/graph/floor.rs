//! What one scope shows: a box for each operator and each scope in it, and one arrow for all channels between two boxes.

use std::collections::BTreeMap;

use flightline_engine::supervised::{Address, Endpoint, Graph};

/// A scope's boxes and arrows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::ui) struct Floor {
    /// By address; the edges of the scope come first and last.
    pub(in crate::ui) boxes: Vec<Node>,
    /// By boxes; at most one from a box to another.
    pub(in crate::ui) arrows: Vec<Arrow>,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ui) struct Node {
    pub(in crate::ui) kind: Kind,
    pub(in crate::ui) name: String,
    /// Time that it has worked, with all that is in it.
    pub(in crate::ui) nanos: u64,
    pub(in crate::ui) activations: u64,
    /// Records that came into it, and that it gave.
    pub(in crate::ui) taken: u64,
    pub(in crate::ui) given: u64,
    /// Workers in which it runs.
    pub(in crate::ui) running: u64,
}

/// What a box stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ui) enum Kind {
    /// What comes into the scope.
    Entry,
    Operator(Address),
    /// A scope, and how many operators are in it, at any depth.
    Scope(Address, usize),
    /// What leaves the scope.
    Exit,
}

/// All channels from one box to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ui) struct Arrow {
    pub(in crate::ui) from: usize,
    pub(in crate::ui) to: usize,
    pub(in crate::ui) channels: u64,
    /// Records that were put in.
    pub(in crate::ui) records: u64,
    /// Records that wait in it.
    pub(in crate::ui) waiting: u64,
    pub(in crate::ui) batches: u64,
}

/// Time of an operator and all that is in it.
pub(super) fn nanos_within(graph: &Graph, address: &Address) -> u64 {
    let within = graph.operators.iter().filter(|operator| operator.address.0.starts_with(&address.0));
    within.fold(0, |sum, operator| sum.saturating_add(operator.active_nanos))
}

impl Floor {
    /// What `scope` shows.
    pub(in crate::ui) fn of(graph: &Graph, scope: &Address) -> Self {
        let channels = || graph.channels.iter().filter(|channel| channel.scope == *scope);
        let edge = scope.child(0);
        let mut boxes = Vec::new();
        let mut place = BTreeMap::new();
        if channels().any(|channel| channel.source.operator == edge) {
            boxes.push(Node::edge(Kind::Entry, "from outside"));
        }
        let children = graph.operators.iter().filter(|operator| operator.address.parent().as_ref() == Some(scope));
        let mut children: Vec<_> = children.collect();
        children.sort_by(|one, other| one.address.cmp(&other.address));
        for child in children {
            place.insert(&child.address, boxes.len());
            let inside = graph.operators.iter().filter(|operator| {
                operator.address.0.len() > child.address.0.len() && operator.address.0.starts_with(&child.address.0)
            });
            boxes.push(Node {
                kind: if child.is_scope {
                    Kind::Scope(child.address.clone(), inside.count())
                } else {
                    Kind::Operator(child.address.clone())
                },
                name: child.name.clone(),
                nanos: nanos_within(graph, &child.address),
                activations: child.activations,
                taken: 0,
                given: 0,
                running: child.running,
            });
        }
        let exit = boxes.len();
        if channels().any(|channel| channel.target.operator == edge) {
            boxes.push(Node::edge(Kind::Exit, "to outside"));
        }

        let mut arrows = BTreeMap::<(usize, usize), Arrow>::new();
        let box_of = |end: &Endpoint, at_edge: usize| {
            if end.operator == edge { Some(at_edge) } else { place.get(&end.operator).copied() }
        };
        for channel in channels() {
            // An end that is no operator of this scope can only come from a graph that was cut short.
            let (Some(from), Some(to)) = (box_of(&channel.source, 0), box_of(&channel.target, exit)) else { continue };
            boxes[from].given = boxes[from].given.saturating_add(channel.records_sent);
            boxes[to].taken = boxes[to].taken.saturating_add(channel.records_received);
            let arrow = arrows.entry((from, to)).or_insert(Arrow { from, to, ..Arrow::default() });
            arrow.channels += 1;
            arrow.records = arrow.records.saturating_add(channel.records_sent);
            arrow.waiting = arrow.waiting.saturating_add(channel.waiting());
            arrow.batches = arrow.batches.saturating_add(channel.batches);
        }
        Self { boxes, arrows: arrows.into_values().collect() }
    }
}

impl Node {
    fn edge(kind: Kind, name: &str) -> Self {
        Self { kind, name: name.to_owned(), nanos: 0, activations: 0, taken: 0, given: 0, running: 0 }
    }
}

#[cfg(test)]
mod tests {
    use flightline_engine::supervised::{Channel, Operator, Port};

    use super::*;

    fn operator(address: &[usize], is_scope: bool, active_nanos: u64) -> Operator {
        let address = Address(address.to_vec());
        Operator { name: format!("op {address}"), address, is_scope, active_nanos, activations: 1, running: 1 }
    }

    fn channel(scope: &[usize], from: usize, to: usize, sent: u64, received: u64) -> Channel {
        let scope = Address(scope.to_vec());
        let end = |index| Endpoint { operator: scope.child(index), port: Port(0) };
        Channel {
            source: end(from),
            target: end(to),
            scope,
            records_sent: sent,
            records_received: received,
            batches: 1,
        }
    }

    fn nested() -> Graph {
        Graph {
            operators: vec![
                operator(&[0], true, 1),
                operator(&[0, 1], false, 10),
                operator(&[0, 2], true, 100),
                operator(&[0, 2, 1], false, 1000),
                operator(&[0, 2, 2], false, 10_000),
                operator(&[0, 3], false, 100_000),
            ],
            channels: vec![
                channel(&[0], 1, 2, 50, 40),
                channel(&[0], 1, 2, 5, 5),
                channel(&[0], 2, 3, 45, 45),
                channel(&[0, 2], 0, 1, 45, 45),
                channel(&[0, 2], 1, 2, 45, 30),
                channel(&[0, 2], 2, 0, 30, 30),
            ],
            truncated: false,
        }
    }

    #[test]
    fn a_scope_is_one_box_with_the_time_of_all_that_is_in_it() {
        let floor = Floor::of(&nested(), &Address(vec![0]));
        assert_eq!(floor.boxes.iter().map(|node| node.nanos).collect::<Vec<_>>(), [10, 11_100, 100_000]);
        assert_eq!(floor.boxes[1].kind, Kind::Scope(Address(vec![0, 2]), 2));
        assert_eq!((floor.boxes[1].taken, floor.boxes[1].given), (45, 45));
        let arrow = floor.arrows[0];
        assert_eq!((arrow.from, arrow.to, arrow.channels, arrow.records, arrow.waiting), (0, 1, 2, 55, 10));
    }

    #[test]
    fn an_opened_scope_shows_what_comes_in_and_leaves() {
        let floor = Floor::of(&nested(), &Address(vec![0, 2]));
        let kinds: Vec<&Kind> = floor.boxes.iter().map(|node| &node.kind).collect();
        assert!(matches!(kinds[..], [Kind::Entry, Kind::Operator(_), Kind::Operator(_), Kind::Exit]), "{kinds:?}");
        assert_eq!(
            floor.arrows.iter().map(|arrow| (arrow.from, arrow.to)).collect::<Vec<_>>(),
            [(0, 1), (1, 2), (2, 3)]
        );
    }

    #[test]
    fn a_graph_that_was_cut_short_is_shown_as_far_as_it_goes() {
        let mut graph = nested();
        graph.operators.retain(|operator| operator.address.0 != [0, 2]);
        let floor = Floor::of(&graph, &Address(vec![0]));
        assert_eq!((floor.boxes.len(), floor.arrows.len()), (2, 0));
        assert_eq!(Floor::of(&Graph::default(), &Address::default()), Floor::default());
    }
}
