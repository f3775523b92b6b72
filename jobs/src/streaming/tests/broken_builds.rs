//! The two faults of the ancestor, rebuilt, and what else a binding can ask for in vain: each is refused at load.
//!
//! The ancestor's stream job lost the features that stand for names, and its web tier counted the days of the week from 0
//! where the trainer counted from 1. Both gave predictions, and nobody noticed.

use flightline_engine::contract::Fault;
use flightline_engine::ledger::{AnswerFormat, Binding, TableVersion};
use flightline_engine::stream::StreamJob;
use flightline_operators::columns::Number;
use flightline_operators::forest::{ClassCounts, Node, NodeIndex, Rule, Split, Tree};
use flightline_operators::space::{FeatureBins, FeatureIndex, FeatureSpace};

use super::world::binding;
use crate::answer::{Answerer, Serving};
use crate::flight::date::FlightDate;
use crate::flight::features::Feature;
use crate::model::sample::{SMALL, parts};
use crate::model::{Model, ModelError, ModelParts, Registry};
use crate::streaming::FlightsJob;

/// A model that asks nothing but whether the week is half over, and its golden rows: a flight on each day of a week.
fn weekly() -> ModelParts {
    let has_day = |parts: &ModelParts| parts.schema.features.contains(&Feature::DayOfWeek);
    let mut parts = (0..).map(|seed| parts(seed, SMALL)).find(has_day).unwrap();
    let place = parts.schema.features.iter().position(|feature| *feature == Feature::DayOfWeek).unwrap();
    let cuts = (1..7).map(|day| Number::new(f64::from(day) + 0.5).unwrap()).collect();
    parts.space.features[place] = FeatureBins::Numeric { cuts };
    let leaf =
        |index, counts: [u64; 4]| Node { index: NodeIndex(index), counts: ClassCounts(counts.into()), split: None };
    let mut nodes = vec![leaf(1, [5, 5, 0, 0]), leaf(2, [5, 0, 0, 0]), leaf(3, [0, 5, 0, 0])];
    let feature = FeatureIndex(place as u16);
    nodes[0].split = Some(Box::new(Split { feature, rule: Rule::AtMost(3), gain: 1.0 }));
    parts.forest.trees = vec![Tree { nodes }];
    let flight = parts.golden[0].clone();
    parts.golden = vec![flight; 7];
    for (golden, day) in parts.golden.iter_mut().zip(15_706..) {
        golden.request.date = FlightDate::from_days(day).unwrap();
    }
    parts
}

/// A registry with a model, and the binding of it.
fn saved(parts: ModelParts) -> (tempfile::TempDir, Registry, Binding) {
    let folder = tempfile::tempdir().unwrap();
    let id = Model::new(parts).unwrap().save(folder.path(), &[]).unwrap();
    let registry = Registry::in_folder(folder.path());
    (folder, registry, binding(&id.to_string(), TableVersion(1)))
}

/// The model behind bins that were changed on the way from training to serving.
fn serve_by(model: Model, change: fn(Feature, &mut FeatureBins)) -> Result<Serving, ModelError> {
    let mut space: FeatureSpace = model.space().clone();
    let features = model.schema().features.iter().zip(&mut space.features);
    features.for_each(|(feature, bins)| change(*feature, bins));
    let answerer = Answerer::new(model.schema(), &space, model.forest(), model.params().smoothing);
    Ok(Serving::by_another(model, answerer))
}

fn unchanged(model: Model) -> Result<Serving, ModelError> {
    serve_by(model, |_, _| {})
}

/// Every name is one that the model has never seen.
fn without_names(model: Model) -> Result<Serving, ModelError> {
    serve_by(model, |_, bins| {
        if let FeatureBins::Categorical { names } = bins {
            names.iter_mut().for_each(|name| *name = format!("{name}, lost").into());
        }
    })
}

/// Every day of the week is taken for the one after it: a day above a cut is a day and one more above the cut and one.
fn a_day_late(model: Model) -> Result<Serving, ModelError> {
    serve_by(model, |feature, bins| {
        if let (Feature::DayOfWeek, FeatureBins::Numeric { cuts }) = (feature, bins) {
            cuts.iter_mut().for_each(|cut| *cut = Number::new(cut.get() - 1.0).unwrap());
        }
    })
}

fn refusal(job: &FlightsJob, binding: &Binding) -> String {
    match job.load(binding) {
        Err(Fault::Permanent(sentence)) => sentence.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_that_loses_the_names_is_refused_by_the_golden_rows() {
    let (_folder, registry, binding) = saved(parts(4, SMALL));
    let refused = refusal(&FlightsJob::of_another_build(registry.clone(), without_names), &binding);
    assert!(refused.contains("can't be trusted: golden row 1 expects"), "{refused}");
    assert!(FlightsJob::of_another_build(registry, unchanged).load(&binding).is_ok());
}

#[test]
fn a_path_that_shifts_the_day_of_the_week_is_refused_by_the_golden_rows() {
    let (_folder, registry, binding) = saved(weekly());
    let refused = refusal(&FlightsJob::of_another_build(registry.clone(), a_day_late), &binding);
    assert!(refused.contains("expects Prediction to be 0, but gets 1"), "{refused}");
    assert!(FlightsJob::of_another_build(registry, unchanged).load(&binding).is_ok());
}

#[test]
fn bindings_of_one_model_share_it_and_what_is_wrong_is_named() {
    let (folder, registry, first) = saved(parts(6, SMALL));
    let job = FlightsJob::new(registry);
    let ready = job.load(&first).unwrap();
    let second = Binding { table: TableVersion(2), ..first.clone() };
    assert!(std::sync::Arc::ptr_eq(&ready, &job.load(&second).unwrap()));

    let later = Binding { format: AnswerFormat(7), ..first.clone() };
    assert_eq!(refusal(&job, &later), "answers of format 7 need a build that knows it; this one knows 1, 2");
    let unnamed = Binding { model: "m".into(), ..first.clone() };
    assert_eq!(refusal(&job, &unnamed), "`m` is no model id: an id has 64 hexadecimal digits in lower case");
    let absent = Binding { model: "0".repeat(64).into(), ..first.clone() };
    assert!(refusal(&job, &absent).contains("is damaged: it is missing"));

    // A model that nobody answers with is let go, and read anew.
    drop(ready);
    let card = folder.path().join(&*first.model).join("model.json");
    std::fs::write(&card, "{}").unwrap();
    assert!(refusal(&job, &first).contains("is damaged"));
}
