//! The live dataflow graph as a picture: what one scope holds, laid out in layers, drawn as SVG.
//!
//! A dataflow may have hundreds of operators, most of them inside of scopes. So a picture shows one scope: its operators,
//! with a scope among them as one box that has the time of all that is in it, and opens as a picture of its own. All of this
//! is pure: equal graphs give equal pictures.
//!
//! | module | holds |
//! |---|---|
//! | [`floor`] | which boxes and arrows a scope shows, with numbers added up |
//! | [`layers`] | which layer each box is in, and in which order: arrows go down, few cross |
//! | [`across`] | where each is across the picture |
//! | [`layout`] | where each box stands and how each arrow runs: no boxes overlap |
//! | [`draw`] | the picture |

mod across;
mod draw;
mod floor;
mod layers;
mod layout;

use std::cmp::Reverse;

use flightline_engine::supervised::{Address, Graph, Operator};

pub(super) use draw::{draw, seconds};
pub(super) use floor::Floor;

/// An address as it stands in a link: `0.3.1`.
pub(super) fn address(text: &str) -> Option<Address> {
    let indices: Result<Vec<usize>, _> = text.split('.').map(str::parse).collect();
    indices.ok().map(Address)
}

/// The scopes from the dataflow down to `address`, itself included, with their names; none if it is no scope of `graph`.
pub(super) fn path_to<'g>(graph: &'g Graph, address: &Address) -> Vec<&'g Operator> {
    let prefixes = (1..=address.0.len()).map(|length| &address.0[..length]);
    let path: Option<Vec<_>> = prefixes
        .map(|prefix| graph.operators.iter().find(|operator| operator.is_scope && operator.address.0 == prefix))
        .collect();
    path.unwrap_or_default()
}

/// The dataflows of a job, those that have worked most first.
pub(super) fn dataflows(graph: &Graph) -> Vec<&Operator> {
    let mut dataflows: Vec<&Operator> =
        graph.operators.iter().filter(|operator| operator.is_scope && operator.address.0.len() == 1).collect();
    dataflows
        .sort_by_key(|dataflow| (Reverse(floor::nanos_within(graph, &dataflow.address)), dataflow.address.clone()));
    dataflows
}

/// The operators that have worked most, each without what is in it.
pub(super) fn hottest(graph: &Graph, most: usize) -> Vec<&Operator> {
    let mut operators: Vec<&Operator> = graph.operators.iter().filter(|operator| operator.active_nanos > 0).collect();
    operators.sort_by_key(|operator| (Reverse(operator.active_nanos), operator.address.clone()));
    operators.truncate(most);
    operators
}

/// Time that all operators have worked together.
pub(super) fn nanos_of_all(graph: &Graph) -> u64 {
    graph.operators.iter().fold(0, |sum, operator| sum.saturating_add(operator.active_nanos))
}
