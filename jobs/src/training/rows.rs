//! From batches of flights to one table per worker, unless all workers agree that the input is unfit.
//!
//! A fatal read error or too many bad rows on any worker must end every process with the same sentence. So each worker
//! tells all others what it read, and a table goes on only when the merged verdict is good.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use flightline_engine::named::map_named;
use flightline_engine::progress::Stage;
use flightline_operators::flow::{VecStream, join_at_end};
use flightline_operators::grow::MOST_ROWS;
use flightline_operators::table::{Class, Day, LabelledRows, Role, RoledRows};
use serde::{Deserialize, Serialize};
use timely::dataflow::Scope;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::vec::{Broadcast, Map};
use timely::dataflow::operators::{Concat, Leave};
use timely::progress::Timestamp;

use crate::failure::{Failure, FailureKind};
use crate::flight::batch::{FlightBatch, FlightBatchBuilder};
use crate::flight::counts::ReadCounts;
use crate::flight::features::{self, Feature};
use crate::flight::label::DelayClass;
use crate::input::Input;

/// What one worker tells all others.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Said {
    /// What it read.
    Counts { worker: u32, counts: ReadCounts },
    /// Why it could not.
    Failed(Failure),
}

/// What all workers read, the same on each.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// What was read, over all workers.
    pub(super) counts: ReadCounts,
    /// Good rows by worker.
    pub(super) rows_per_worker: Vec<u64>,
    /// Why the input is unfit, if it is.
    pub(super) failure: Option<Failure>,
}

impl Verdict {
    fn of(said: Vec<Said>, max_bad_rows: f64) -> Self {
        let mut by_worker = BTreeMap::new();
        let mut failures = Vec::new();
        for said in said {
            match said {
                Said::Counts { worker, counts } => _ = by_worker.insert(worker, counts),
                Said::Failed(failure) => failures.push(failure),
            }
        }
        let mut counts = ReadCounts::default();
        by_worker.values().for_each(|more| counts.merge(more));
        // Which failure came first is chance; the least is the same everywhere.
        let unfit = || counts.check(max_bad_rows).err().map(Failure::from);
        let failure = failures.into_iter().min().or_else(unfit).or_else(|| too_many_rows(&by_worker));
        Self { rows_per_worker: by_worker.values().map(|counts| counts.good).collect(), counts, failure }
    }
}

/// Why a worker can't grow trees from all that it has read.
fn too_many_rows(by_worker: &BTreeMap<u32, ReadCounts>) -> Option<Failure> {
    let (worker, counts) = by_worker.iter().find(|(_, counts)| counts.good > MOST_ROWS as u64)?;
    let rows = counts.good;
    let message = format!("worker {worker} has {rows} rows, and can hold {MOST_ROWS}: start more workers (-w, -n)");
    Some(Failure::new(FailureKind::BadInput, message))
}

/// Gathers what each worker reads into one table, and leaves the verdict of all workers in `verdict`.
///
/// The stream carries one table per worker, or nothing when the verdict is bad.
pub(super) fn gather<'scope, T: Timestamp>(
    scope: Scope<'scope, T>,
    name: &str,
    input: &Input,
    stage: &Stage,
    max_bad_rows: f64,
    verdict: Rc<RefCell<Option<Verdict>>>,
) -> VecStream<'scope, T, Rc<FlightBatch>> {
    scope.region_named(name, |inner| gather_in(inner, input, stage, max_bad_rows, verdict).leave(scope))
}

fn gather_in<'scope, T: Timestamp>(
    scope: Scope<'scope, T>,
    input: &Input,
    stage: &Stage,
    max_bad_rows: f64,
    verdict: Rc<RefCell<Option<Verdict>>>,
) -> VecStream<'scope, T, Rc<FlightBatch>> {
    let worker = scope.index() as u32;
    let (batches, failures) = input.separate(input.source::<T, FlightBatchBuilder>(scope, stage));
    // A worker's reader gives one batch, with all rows of its share.
    let gathered = map_named(batches, "GatherRows", Rc::new);
    let counted = gathered.clone().map(move |flights| Said::Counts { worker, counts: flights.counts.clone() });
    let said = counted.broadcast().concat(failures.map(Said::Failed));
    join_at_end(gathered, Pipeline, said, Pipeline, "Verdict", move |gathered, said| {
        let agreed = Verdict::of(said, max_bad_rows);
        let fit = agreed.failure.is_none();
        *verdict.borrow_mut() = Some(agreed);
        if fit { gathered } else { Vec::new() }
    })
}

/// The labelled rows that a model with these features sees of some flights.
pub(super) fn labelled(flights: &FlightBatch, features: &[Feature]) -> LabelledRows {
    let delays = &flights.arrival_delays;
    let by_code: Vec<Class> = delays.values().iter().map(|delay| Class(DelayClass::of(*delay).index() as u8)).collect();
    LabelledRows {
        features: features::columns(features, &flights.columns),
        classes: delays.codes().map(|code| by_code[code.index()]),
        days: flights.columns.dates.derive(|date| Day(date.days())),
    }
}

/// Test rows as rows that are all held out; none of them needs a key.
pub(super) fn test_rows(flights: &FlightBatch, features: &[Feature]) -> RoledRows {
    let rows = labelled(flights, features);
    let roles = vec![Role::HeldOut; rows.len()];
    RoledRows { keys: Rc::default(), roles, blocks: Vec::new(), rows: Rc::new(rows) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_with_more_rows_than_it_can_hold_ends_the_run_and_says_what_helps() {
        let said = |worker, good| Said::Counts { worker, counts: ReadCounts { good, ..ReadCounts::default() } };
        let most = MOST_ROWS as u64;
        assert!(Verdict::of(vec![said(0, most), said(1, 5)], 0.01).failure.is_none());
        let failure = Verdict::of(vec![said(0, 5), said(1, most + 1)], 0.01).failure.unwrap();
        assert!(failure.message.starts_with("worker 1 has 268435457 rows"), "{failure}");
        assert!(failure.message.ends_with("start more workers (-w, -n)"), "{failure}");
    }
}
