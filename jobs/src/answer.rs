//! The serving core: from requests and their distances to answers. Batch prediction and the stream both use this.
//!
//! A batch is answered in blocks: each flight's features become bins, and the forest is asked for the bins of a block. A lone
//! request is a block of one. A request's answer is a function of the request, its distance and the model: neither the
//! batch that it came in nor its place there changes a byte of it.
//!
//! It does not look up distances, knows no log and no sink, and never fails: what can't be answered gets an answer that
//! says so.

use flightline_operators::columns::Number;
use flightline_operators::forest::{BinBlock, FlatForest, Forest, Smoothing, most_probable};
use flightline_operators::space::{FeatureIndexer, FeatureSpace};

use crate::flight::columns::FlightFacts;
use crate::flight::features::Feature;
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

    /// What the model says of some flights, in their order: what answers are made of.
    #[must_use]
    pub fn judge(&self, flights: &[FlightFacts<'_>]) -> Vec<Verdict> {
        self.answerer.judge(flights)
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

/// What a model says of one flight.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The most probable class.
    pub class: DelayClass,
    /// Probability of each class.
    pub probabilities: [f64; DelayClass::COUNT],
    /// Features whose value the model has never seen, in schema order.
    pub unseen: Vec<Feature>,
}

impl Answerer {
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
        let known = questions.iter().filter_map(|question| Some((&question.request, question.distance?)));
        let flights: Vec<FlightFacts<'_>> = known.map(|(request, distance)| request.facts(distance)).collect();
        let mut verdicts = self.judge(&flights).into_iter();
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
        let response = |outcome| Response { model: model.into(), position: None, outcome };
        questions.into_iter().map(outcome).map(response).collect()
    }

    fn judge(&self, flights: &[FlightFacts<'_>]) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(flights.len());
        for flights in flights.chunks(self.forest.rows_at_once()) {
            let block = self.bins(flights);
            let probabilities = self.forest.of_block(&block);
            verdicts.extend(probabilities.chunks_exact(self.forest.classes()).map(verdict));
            let of_block = verdicts.len() - flights.len();
            self.note_unseen(&block, &mut verdicts[of_block..]);
        }
        verdicts
    }

    fn bins(&self, flights: &[FlightFacts<'_>]) -> BinBlock {
        let mut block = BinBlock::new(self.features.len(), flights.len());
        let mut text = String::new();
        for ((feature, indexer), at) in self.features.iter().zip(&self.indexers).zip(0..) {
            for (bin, flight) in block.feature_mut(at).iter_mut().zip(flights) {
                *bin = indexer.bin(feature.of(flight, &mut text));
            }
        }
        block
    }

    fn note_unseen(&self, block: &BinBlock, verdicts: &mut [Verdict]) {
        for ((feature, indexer), at) in self.features.iter().zip(&self.indexers).zip(0..) {
            let Some(unseen) = indexer.unseen() else { continue };
            let bins = block.feature(at).iter().zip(&mut *verdicts);
            bins.filter(|(bin, _)| **bin == unseen).for_each(|(_, verdict)| verdict.unseen.push(*feature));
        }
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
