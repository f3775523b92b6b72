//! Messages of chance. Few addresses, so that graphs of several processes meet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use super::super::graph::{Address, Channel, Endpoint, Graph, Operator, Port};
use super::super::telemetry::{StagePhase, StageReport, Telemetry};
use crate::ledger::Generation;
use crate::progress::Unit;

pub(super) fn address() -> impl Strategy<Value = Address> {
    vec(0_usize..3, 1..4).prop_map(Address)
}

fn operator() -> impl Strategy<Value = Operator> {
    let name = prop_oneof![Just("Map".to_owned()), Just("Exchange".to_owned()), ".{0,5}"];
    (address(), name, any::<bool>(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(
        |(address, name, is_scope, active_nanos, activations, running)| Operator {
            address,
            name,
            is_scope,
            active_nanos,
            activations,
            running,
        },
    )
}

fn channel() -> impl Strategy<Value = Channel> {
    let end = || (0_usize..3, 0_usize..2);
    // Small numbers, whose sums are exact.
    let count = || 0_u64..1_000;
    (address(), end(), end(), count(), count(), count()).prop_map(|(scope, source, target, sent, received, batches)| {
        let end = |(operator, port)| Endpoint { operator: scope.child(operator), port: Port(port) };
        let (source, target) = (end(source), end(target));
        Channel { scope, source, target, records_sent: sent, records_received: received, batches }
    })
}

pub(super) fn graph() -> impl Strategy<Value = Graph> {
    (vec(operator(), 0..20), vec(channel(), 0..20), any::<bool>()).prop_map(|(operators, channels, truncated)| Graph {
        operators,
        channels,
        truncated,
    })
}

fn stage() -> impl Strategy<Value = StageReport> {
    let state = prop_oneof![Just(StagePhase::Waiting), Just(StagePhase::Running), Just(StagePhase::Ended)];
    let unit = prop_oneof![Just(Unit::Rows), Just(Unit::Bytes), Just(Unit::Levels)];
    (".{0,8}", unit, option::of(any::<u64>()), any::<u64>(), state, 0.0..1e9)
        .prop_map(|(name, unit, total, done, state, seconds)| StageReport { name, unit, total, done, state, seconds })
}

pub(super) fn telemetry() -> impl Strategy<Value = Telemetry> {
    let memory = || option::of(any::<u64>());
    let made = option::of(".{0,8}");
    (vec(stage(), 0..4), option::of(graph()), memory(), memory(), option::of(any::<u64>()), made).prop_map(
        |(stages, graph, memory_bytes, peak_memory_bytes, generation, made)| Telemetry {
            stages,
            graph,
            memory_bytes,
            peak_memory_bytes,
            ledger_generation: generation.map(Generation),
            made: made.map(Box::from),
            ..Telemetry::default()
        },
    )
}
