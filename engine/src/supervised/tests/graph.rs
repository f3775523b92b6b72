//! How graphs add up.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::prop_assert_eq;
use proptest::proptest;

use super::super::graph::{Address, Graph};
use super::some;

proptest! {
    #[test]
    fn the_order_of_processes_makes_no_difference(graphs in vec(some::graph(), 0..5)) {
        let merged = Graph::merge(graphs.clone());
        prop_assert_eq!(&Graph::merge(graphs.into_iter().rev()), &merged);
        prop_assert_eq!(&Graph::merge([merged.clone()]), &merged);
        prop_assert_eq!(&Graph::merge([Graph::default(), merged.clone()]), &merged);
    }

    #[test]
    fn sums_of_sums_are_sums_of_all(some in vec(some::graph(), 0..3), others in vec(some::graph(), 0..3)) {
        let all = Graph::merge(some.iter().chain(&others).cloned());
        prop_assert_eq!(Graph::merge([Graph::merge(some), Graph::merge(others)]), all);
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_counted_twice(graphs in vec(some::graph(), 0..5)) {
        let mut waiting = BTreeMap::new();
        let mut batches = 0;
        let mut activations = BTreeMap::<Address, u64>::new();
        for graph in &graphs {
            for channel in &graph.channels {
                let key = (channel.source.clone(), channel.target.clone());
                let (sent, received) = waiting.entry(key).or_insert((0, 0));
                *sent += channel.records_sent;
                *received += channel.records_received;
                batches += channel.batches;
            }
            for operator in &graph.operators {
                let sum = activations.entry(operator.address.clone()).or_default();
                *sum = sum.saturating_add(operator.activations);
            }
        }
        let any_truncated = graphs.iter().any(|graph| graph.truncated);
        let merged = Graph::merge(graphs);
        prop_assert_eq!(merged.truncated, any_truncated);
        let told: BTreeMap<_, _> =
            merged.operators.iter().map(|operator| (operator.address.clone(), operator.activations)).collect();
        prop_assert_eq!(told.len(), merged.operators.len(), "each address once");
        prop_assert_eq!(told, activations);
        prop_assert_eq!(merged.channels.len(), waiting.len(), "each channel once");
        prop_assert_eq!(merged.channels.iter().map(|channel| channel.batches).sum::<u64>(), batches);
        for channel in &merged.channels {
            let (sent, received) = waiting[&(channel.source.clone(), channel.target.clone())];
            prop_assert_eq!((channel.records_sent, channel.records_received), (sent, received));
            prop_assert_eq!(channel.waiting(), sent.saturating_sub(received));
        }
    }

    #[test]
    fn a_graph_is_cut_from_its_leaves(graph in some::graph(), most in 0_usize..20) {
        let whole = Graph::merge([graph]);
        let cut = whole.clone().cut(most);
        assert!(cut.operators.len() <= most && cut.channels.len() <= 2 * most);
        prop_assert_eq!(&cut.clone().cut(most), &cut, "once is enough");
        let has = |address: &Address| cut.operators.iter().any(|operator| operator.address == *address);
        let deepest = cut.operators.iter().map(|operator| operator.address.0.len()).max().unwrap_or(0);
        for operator in &whole.operators {
            assert!(has(&operator.address) || most == 0 || operator.address.0.len() >= deepest, "{operator:?} is cut");
        }
        for channel in &cut.channels {
            for end in [&channel.source, &channel.target] {
                let is_edge = end.operator.0.ends_with(&[0]);
                let scope = end.operator.parent();
                assert!(has(&end.operator) || is_edge && scope.is_some_and(|scope| has(&scope)), "{channel:?}");
            }
        }
        if !whole.truncated && !cut.truncated {
            prop_assert_eq!(cut, whole);
        }
    }
}

#[test]
fn an_address_reads_as_a_path() {
    let scope = Address(vec![0, 3]);
    assert_eq!(scope.child(17).to_string(), "0.3.17");
    assert_eq!(scope.child(17).parent(), Some(scope.clone()));
    assert_eq!(scope.parent(), Some(Address(vec![0])));
    assert_eq!(Address(vec![0]).parent(), None);
    assert_eq!(serde_json::to_string(&scope).unwrap(), "[0,3]");
}
