//! Which training rows become golden.
//!
//! The hundred with the smallest hashes of all identities: a sample that is the same for any split of the rows. Copies
//! of one row count once.

use std::collections::BTreeMap;
use std::rc::Rc;

use flightline_operators::columns::Number;
use flightline_operators::flow::{VecStream, fold_at_end, join_at_end, to_worker};
use flightline_operators::identity::{CopyNumber, Purpose, RowIdentity, Seed};
use flightline_operators::table::{Role, RoledRows};
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::{Enter, Leave};
use timely::progress::Timestamp;

use crate::flight::batch::FlightBatch;
use crate::request::Request;

/// Golden rows of a model.
pub const GOLDEN_ROWS: usize = 100;

/// A training row as a raw request, with the distance that its answer takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoldenRequest {
    draw: u64,
    identity: RowIdentity,
    /// The request.
    pub request: Request,
    /// Miles between its airports, as the row has them.
    pub distance: Number,
}

/// Worker 0 gets the golden rows of all training rows, in the order of their hashes.
pub(super) fn choose_golden<'scope, T: Timestamp>(
    flights: VecStream<'scope, T, Rc<FlightBatch>>,
    tables: VecStream<'scope, T, Rc<RoledRows>>,
    seed: Seed,
) -> VecStream<'scope, T, Vec<GoldenRequest>> {
    let scope = flights.scope();
    scope.region_named("ChooseGolden", |inner| choose_in(flights.enter(inner), tables.enter(inner), seed).leave(scope))
}

fn choose_in<'scope, T: Timestamp>(
    flights: VecStream<'scope, T, Rc<FlightBatch>>,
    tables: VecStream<'scope, T, Rc<RoledRows>>,
    seed: Seed,
) -> VecStream<'scope, T, Vec<GoldenRequest>> {
    let candidates = join_at_end(flights, Pipeline, tables, Pipeline, "GoldenCandidates", move |flights, tables| {
        flights.iter().zip(&tables).flat_map(|(flights, table)| candidates(flights, table, seed)).collect()
    });
    fold_at_end(candidates, to_worker(|_| 0), "GoldenRows", Vec::new(), Vec::push, |mut candidates| {
        candidates.sort_by_key(|golden: &GoldenRequest| (golden.draw, golden.identity));
        candidates.dedup_by_key(|golden| golden.identity);
        candidates.truncate(GOLDEN_ROWS);
        if candidates.is_empty() { Vec::new() } else { vec![candidates] }
    })
}

fn candidates(flights: &FlightBatch, table: &RoledRows, seed: Seed) -> Vec<GoldenRequest> {
    let draw = |identity: RowIdentity| seed.draw(Purpose::Golden, [identity.0 as u64, (identity.0 >> 64) as u64]);
    // By draw and identity, with the first row that has it: never many more than are wanted.
    let mut least: BTreeMap<(u64, RowIdentity), usize> = BTreeMap::new();
    let mut limit = u64::MAX;
    for (row, identity) in flights.identities.iter().enumerate().filter(|(row, _)| table.roles[*row] == Role::Train) {
        let draw = draw(*identity);
        if draw > limit {
            continue;
        }
        least.entry((draw, *identity)).or_insert(row);
        if least.len() > GOLDEN_ROWS {
            least.pop_last();
            limit = least.keys().next_back().map_or(limit, |(draw, _)| *draw);
        }
    }
    let golden = |((draw, identity), row): ((u64, RowIdentity), usize)| GoldenRequest {
        draw,
        identity,
        request: flights.request(row, CopyNumber(0)),
        distance: *flights.columns.distances.get(row),
    };
    least.into_iter().map(golden).collect()
}
