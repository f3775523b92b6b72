//! The serving core: from requests and their distances to answers. Batch prediction and the stream both use this.
//!
//! A batch is answered in columns: features are derived once per distinct value, categories looked up once per distinct
//! name, trees asked one after the other. A request's answer is a function of the request, its distance and the
//! model: neither the batch that it came in nor its place there changes a byte of it.
//!
//! It does not look up distances, knows no log and no sink, and never fails: what can't be answered gets an answer that
//! says so.

use flightline_operators::columns::{FeatureColumn, Number};
use flightline_operators::forest::{FlatForest, Forest, Smoothing, most_probable};
use flightline_operators::space::{FeatureIndexer, FeatureSpace};

use crate::flight::columns::{FlightColumns, FlightColumnsBuilder};
use crate::flight::features::{self, Feature};
use crate::flight::label::DelayClass;
use crate::model::{GoldenError, GoldenRow, Model, ModelError, ModelId, Schema, golden};
use crate::request::Request;
use crate::response::{Outcome, Prediction, Response};

/// A request, and the miles of its route as looked up: `None` when the table has no such route.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What was asked.
    pub request: Request,
    /// Miles.
    pub distance: Option<Number>,
}

/// A model that is ready to answer, and was seen to answer as it did when it was made.
#[derive(Debug)]
pub struct Serving {
    id: ModelId,
    name: Box<str>,
    answerer: Answerer,
    golden: Vec<GoldenRow>,
}

impl Serving {
    /// Makes a model ready, and sends its golden rows through.
    ///
    /// # Errors
    /// [`ModelError::Golden`] with the first answer that differs.
    pub fn start(model: Model) -> Result<Self, ModelError> {
        let id = model.id();
        let answerer = Answerer::new(model.schema(), model.space(), model.forest(), model.params().smoothing);
        let serving = Self { id, name: id.to_string().into(), answerer, golden: model.into_golden() };
        serving.check().map_err(|problem| ModelError::Golden { id, problem })?;
        Ok(serving)
    }

    /// A model that answers by another answerer than its own, unchecked: what a broken build makes of it.
    #[cfg(test)]
    pub(crate) fn by_another(model: Model, answerer: Answerer) -> Self {
        let id = model.id();
        Self { id, name: id.to_string().into(), answerer, golden: model.into_golden() }
    }

    /// The id of the model.
    #[must_use]
    pub const fn id(&self) -> ModelId {
        self.id
    }

    /// Answers a batch, in its order. The answers have no position yet: that is the log's to say.
    #[must_use]
    pub fn answer(&self, questions: Vec<Question>) -> Vec<Response> {
        self.answerer.answer(&self.name, questions)
    }

    /// Sends the golden rows through again.
    ///
    /// # Errors
    /// The first answer that differs.
    pub fn check(&self) -> Result<(), GoldenError> {
        golden::check(&self.answerer, &self.golden)
    }
}

/// A model without a name: what answers are computed with.
#[derive(Clone, Debug)]
pub(crate) struct Answerer {
    features: Vec<Feature>,
    indexers: Vec<FeatureIndexer>,
    forest: FlatForest,
}

/// What the forest says of one flight.
struct Verdict {
    class: DelayClass,
    probabilities: [f64; DelayClass::COUNT],
    unseen: Vec<Feature>,
}

impl Answerer {
    /// Flights that are predicted at once, so that their bins stay in the cache.
    const PREDICTED_AT_ONCE: usize = 4096;

    /// Lays out the parts of a model that fit together, whose label is this build's.
    pub(crate) fn new(schema: &Schema, space: &FeatureSpace, forest: &Forest, smoothing: Smoothing) -> Self {
        Self {
            features: schema.features.clone(),
            indexers: space.features.iter().map(FeatureIndexer::new).collect(),
            forest: FlatForest::new(forest, smoothing),
        }
    }

    /// Answers a batch in the name of `model`.
    pub(crate) fn answer(&self, model: &str, questions: Vec<Question>) -> Vec<Response> {
        let mut flights = FlightColumnsBuilder::default();
        for Question { request, distance } in &questions {
            if let Some(distance) = distance {
                flights.push(&request.facts(*distance));
            }
        }
        let mut verdicts = self.judge(&flights.finish()).into_iter();
        let outcome = |Question { request, distance }: Question| match distance
            .and_then(|distance| Some((distance, verdicts.next()?)))
        {
            None => {
                let error = unknown_route(&request);
                Outcome::Unanswerable(request, error)
            }
            Some((distance, Verdict { class, probabilities, unseen })) => {
                Outcome::Predicted(request, Prediction { distance, class, probabilities, unseen })
            }
        };
        let outcomes: Vec<Outcome> = questions.into_iter().map(outcome).collect();
        outcomes.into_iter().map(|outcome| Response { model: model.into(), position: None, outcome }).collect()
    }

    fn judge(&self, flights: &FlightColumns) -> Vec<Verdict> {
        let values = features::columns(&self.features, flights);
        let bins =
            |(indexer, column): (&FeatureIndexer, &FeatureColumn)| indexer.bins(column, [column.len()], |_| Some(0));
        let columns: Vec<_> = self.indexers.iter().zip(&values).flat_map(bins).collect();
        let mut verdicts = Vec::with_capacity(flights.len());
        for start in (0..flights.len()).step_by(Self::PREDICTED_AT_ONCE) {
            let rows = start..flights.len().min(start + Self::PREDICTED_AT_ONCE);
            let probabilities = self.forest.probabilities(&columns, rows.clone());
            for (row, shares) in rows.zip(probabilities.chunks_exact(self.forest.classes())) {
                let is_unseen = |at: &usize| self.indexers[*at].unseen() == Some(columns[*at].get(row));
                let unseen = (0..columns.len()).filter(is_unseen).map(|at| self.features[at]).collect();
                verdicts.push(Verdict { unseen, ..verdict(shares) });
            }
        }
        verdicts
    }
}

fn verdict(shares: &[f64]) -> Verdict {
    let mut probabilities = [0.0; DelayClass::COUNT];
    probabilities.iter_mut().zip(shares).for_each(|(probability, share)| *probability = *share);
    let best = usize::from(most_probable(&probabilities));
    // The most probable of the classes is one of them: the fallback is never taken.
    let class = DelayClass::all().nth(best).unwrap_or_else(|| DelayClass::of(Number::from(0)));
    Verdict { class, probabilities, unseen: Vec::new() }
}

fn unknown_route(request: &Request) -> Box<str> {
    format!("unknown route: the table of distances has no {}", request.route()).into()
}

#[cfg(test)]
mod tests;
