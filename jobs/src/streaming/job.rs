//! The streaming job: what a binding must pass before any record carries it, and the dataflow from records to lines.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use flightline_engine::contract::Fault;
use flightline_engine::ledger::{Binding, Seq};
use flightline_engine::named::{flat_map_named, merge_named, sort_named};
use flightline_engine::stream::{
    Bindings, BoundRecord, Epoch, JobInputs, ReadyBinding, Settled, StreamJob, TableChange, TableSpread,
};
use timely::dataflow::{Scope, StreamVec};

use super::format::check_binding;
use super::settle::{read, settle};
use super::table_rows;
use crate::answer::Serving;
use crate::model::{Model, ModelError, ModelId, Registry};
use crate::predicting::golden;
use crate::predicting::operators::{self, answer, arrange_by_route, arrange_everywhere, bring_to_route, look_up};
use crate::request::Request;

/// A model that has passed its golden rows. Bindings that differ in the table alone share one.
pub type Ready = Arc<Serving>;

/// Predictions for requests on a stream, by the models of a registry.
pub struct FlightsJob {
    registry: Registry,
    /// Makes a model answer; tests put broken builds here.
    start: fn(Model) -> Result<Serving, ModelError>,
    /// The models that somebody still answers with.
    loaded: Mutex<BTreeMap<ModelId, Weak<Serving>>>,
}

impl FlightsJob {
    /// A job whose models are in this registry.
    #[must_use]
    pub const fn new(registry: Registry) -> Self {
        Self { registry, start: Serving::start, loaded: Mutex::new(BTreeMap::new()) }
    }

    /// A job of a build that answers otherwise.
    #[cfg(test)]
    pub(super) fn of_another_build(registry: Registry, start: fn(Model) -> Result<Serving, ModelError>) -> Self {
        Self { start, ..Self::new(registry) }
    }

    /// Loads the model that is current.
    ///
    /// # Errors
    /// None is, or it is damaged, for another build, or answers otherwise than it did.
    pub fn load_current(&self) -> Result<Ready, ModelError> {
        self.ready(self.registry.need_current()?)
    }

    /// The model of an id, loaded once for all who answer with it.
    fn ready(&self, id: ModelId) -> Result<Ready, ModelError> {
        // Held while a model is loaded: whoever asks for the same one then finds it.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = loaded.get(&id).and_then(Weak::upgrade) {
            return Ok(ready);
        }
        let ready = self.load_model(id)?;
        loaded.retain(|_, serving| serving.strong_count() > 0);
        loaded.insert(id, Arc::downgrade(&ready));
        Ok(ready)
    }

    /// Loads a model, and sends its golden rows through the operators that are going to answer.
    fn load_model(&self, id: ModelId) -> Result<Ready, ModelError> {
        golden::ready(self.registry.read(&id)?, self.start)
    }
}

impl fmt::Debug for FlightsJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlightsJob").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl StreamJob for FlightsJob {
    type Ready = Ready;

    fn load(&self, binding: &Binding) -> Result<Ready, Fault> {
        check_binding(binding)?;
        let id = binding.model.parse::<ModelId>().map_err(|error| Fault::permanent(error.to_string()))?;
        self.ready(id).map_err(ModelError::fault)
    }

    fn build<'scope>(
        &self,
        _scope: Scope<'scope, Epoch>,
        inputs: JobInputs<'scope, Ready>,
    ) -> StreamVec<'scope, Epoch, Settled> {
        let JobInputs { records, table, spread, bindings, oldest_table } = inputs;
        let (requests, no_requests) = read_all(records, Known::new(&bindings));
        let changes = flat_map_named(table, "ReadDistances", change);
        let (requests, table) = match spread {
            TableSpread::Everywhere => (requests, arrange_everywhere(changes)),
            TableSpread::ByKey => (bring_to_route(requests), arrange_by_route(changes)),
        };
        let questions = look_up(requests, table, |record| record.as_of, move || oldest_table.get());
        let serving = bindings.clone();
        let serving = move |number| Ready::clone(&known(&serving, number).ready);
        let answers = answer(questions, |record: &BoundRecord| record.binding, serving);
        let mut bindings = Known::new(&bindings);
        let answered = move |(BoundRecord { partition, record, binding, .. }, response)| {
            settle(partition, &record, bindings.get(binding), response)
        };
        merge_named((answers, answered), (no_requests, |settled| settled), "WriteAnswers")
    }
}

/// Sorts records into requests, and what becomes of those that are none.
#[allow(clippy::result_large_err, reason = "the operator takes what is settled as it is, and moves it once")]
fn read_all<'scope>(
    records: StreamVec<'scope, Epoch, BoundRecord>,
    mut bindings: Known,
) -> (StreamVec<'scope, Epoch, (BoundRecord, Request)>, StreamVec<'scope, Epoch, Settled>) {
    sort_named(records, "ParseRequests", move |bound: BoundRecord| {
        match read(bound.partition, &bound.record, bindings.get(bound.binding)) {
            Ok(request) => Ok((bound, request)),
            Err(settled) => Err(*settled),
        }
    })
}

/// A change of a row of text as one of a distance.
fn change(((key, value), time, change): TableChange) -> Option<operators::TableChange<Epoch>> {
    Some((table_rows::usable(&key, &value)?, time, change))
}

/// What the ledger says of bindings; the one that was asked for last is at hand.
struct Known {
    all: Bindings<Ready>,
    last: Option<(Seq, Binding)>,
}

impl Known {
    fn new(all: &Bindings<Ready>) -> Self {
        Self { all: all.clone(), last: None }
    }

    fn get(&mut self, number: Seq) -> &Binding {
        let last = self.last.take().filter(|(known, _)| *known == number);
        let (_, binding) = self.last.insert(last.unwrap_or_else(|| (number, known(&self.all, number).binding)));
        binding
    }
}

#[allow(clippy::expect_used, reason = "every binding that a record carries is among the bindings before the record is")]
fn known(bindings: &Bindings<Ready>, number: Seq) -> ReadyBinding<Ready> {
    bindings.get(number).expect("internal error (bug): a record carries a binding that was not made ready")
}
