//! The timely shell that agrees on a [`FeatureSpace`]: summaries to the owner of a column, bins to all.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Enter, Leave};
use timely::progress::Timestamp;

use super::{BinLimit, ColumnSummary, FeatureIndex, FeatureSpace, QuantileSample};
use crate::columns::{FeatureColumn, Number};
use crate::flow::{VecStream, fold_at_end, join_at_end, to_worker};
use crate::identity::{Purpose, Seed};
use crate::table::{Role, RoledRows};

/// What is said of one column.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OfColumn<S> {
    column: FeatureIndex,
    said: S,
}

/// The agreed bins, and the values that they were made from.
#[derive(Clone, Debug)]
pub struct IndexedFeatures {
    /// The bins of all features.
    pub space: FeatureSpace,
    /// The values of each feature over all training rows, or over a sample of them where they are too many.
    pub summaries: Vec<ColumnSummary>,
}

/// Agrees, from the training rows of all workers, on the bins of every feature. Each worker gets the same.
///
/// `rows` carries one table per worker.
pub fn index_features<'scope, T: Timestamp>(
    rows: VecStream<'scope, T, Rc<RoledRows>>,
    limit: BinLimit,
    seed: Seed,
) -> VecStream<'scope, T, Rc<IndexedFeatures>> {
    let scope = rows.scope();
    scope.region_named("IndexFeatures", |inner| index_in(rows.enter(inner), limit, seed).leave(scope))
}

fn index_in<'scope, T: Timestamp>(
    rows: VecStream<'scope, T, Rc<RoledRows>>,
    limit: BinLimit,
    seed: Seed,
) -> VecStream<'scope, T, Rc<IndexedFeatures>> {
    let summaries = fold_at_end(rows.clone(), Pipeline, "SummariseColumns", Vec::new(), Vec::push, move |tables| {
        tables.iter().flat_map(|table| summarise(table, limit)).collect()
    });
    let exact = fold_at_end(summaries, by_column(), "MergeColumns", Vec::new(), Vec::push, |summaries| {
        merge_by_column(summaries, ColumnSummary::merge)
    });
    let exact = exact.broadcast();
    let samples = join_at_end(rows, Pipeline, exact.clone(), Pipeline, "SampleColumns", move |tables, exact| {
        let crowded = || exact.iter().filter(|of| of.said.is_crowded(limit)).map(|of| of.column);
        tables.iter().flat_map(|table| crowded().filter_map(|column| sample(table, column, seed))).collect()
    });
    let sampled = fold_at_end(samples, by_column(), "MergeSamples", Vec::new(), Vec::push, |samples| {
        merge_by_column(samples, QuantileSample::merge)
    });
    join_at_end(exact, Pipeline, sampled.broadcast(), Pipeline, "FeatureSpace", move |exact, sampled| {
        // Without a table, no worker said anything: the input was unfit.
        if exact.is_empty() { Vec::new() } else { vec![Rc::new(indexed(exact, &sampled, limit))] }
    })
}

fn indexed(
    mut exact: Vec<OfColumn<ColumnSummary>>,
    sampled: &[OfColumn<QuantileSample>],
    limit: BinLimit,
) -> IndexedFeatures {
    exact.sort_by_key(|of| of.column);
    let feature = |of: OfColumn<ColumnSummary>| match sampled.iter().find(|sample| sample.column == of.column) {
        Some(sample) => (sample.said.bins(limit), sample.said.summary()),
        None => (of.said.bins(), of.said),
    };
    let (features, summaries) = exact.into_iter().map(feature).unzip();
    IndexedFeatures { space: FeatureSpace { features }, summaries }
}

fn by_column<S: timely::ExchangeData>()
-> timely::dataflow::channels::pact::Exchange<OfColumn<S>, impl FnMut(&OfColumn<S>) -> u64> {
    to_worker(|of: &OfColumn<S>| u64::from(of.column.0))
}

fn summarise(table: &RoledRows, limit: BinLimit) -> Vec<OfColumn<ColumnSummary>> {
    let columns = table.rows.features.iter().zip(0..);
    let summary = |(column, index): (&FeatureColumn, u16)| {
        let mut said = ColumnSummary::of(column, |row| table.roles[row] == Role::Train);
        if let ColumnSummary::Numeric(values) = &mut said {
            // One more than the limit says "too many" as well as all of them would.
            values.truncate(usize::from(limit.0) + 1);
        }
        OfColumn { column: FeatureIndex(index), said }
    };
    columns.map(summary).collect()
}

fn sample(table: &RoledRows, column: FeatureIndex, seed: Seed) -> Option<OfColumn<QuantileSample>> {
    let FeatureColumn::Numeric(values) = &table.rows.features[column.index()] else { return None };
    let hashed =
        |row: usize| -> (u64, Number) { (seed.draw(Purpose::QuantileSample, [table.keys[row].0]), *values.get(row)) };
    let rows = (0..values.len()).filter(|row| table.roles[*row] == Role::Train).map(hashed);
    Some(OfColumn { column, said: QuantileSample::of(rows) })
}

fn merge_by_column<S>(mut said: Vec<OfColumn<S>>, merge: impl Fn(S, S) -> S) -> Vec<OfColumn<S>> {
    said.sort_by_key(|of| of.column);
    let mut merged: Vec<OfColumn<S>> = Vec::new();
    for of in said {
        match merged.pop_if(|last| last.column == of.column) {
            Some(last) => merged.push(OfColumn { column: of.column, said: merge(last.said, of.said) }),
            None => merged.push(of),
        }
    }
    merged
}
