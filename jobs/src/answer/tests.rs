use flightline_operators::columns::FeatureColumn;
use flightline_operators::forest::{NodeIndex, Smoothing};
use flightline_operators::space::{FeatureBins, numeric_bin};
use proptest::prelude::*;

use super::*;
use crate::flight::columns::FlightColumnsBuilder;
use crate::flight::features;
use crate::model::ModelParts;
use crate::model::sample::{Dice, SMALL, TINY, flight, parts};

fn answerer(parts: &ModelParts) -> Answerer {
    Answerer::new(&parts.schema, &parts.space, &parts.forest, parts.params.smoothing)
}

fn questions(seed: u64, count: usize) -> Vec<Question> {
    let dice = &mut Dice::new(seed);
    let question = |_| {
        let flight = flight(dice);
        Question { request: flight.request, distance: (dice.below(5) > 0).then_some(flight.distance) }
    };
    (0..count).map(question).collect()
}

fn lines(responses: &[Response]) -> Vec<String> {
    responses.iter().map(|response| response.to_json().unwrap()).collect()
}

/// One row through the trees as they are, with plain loops.
fn oracle(parts: &ModelParts, question: &Question) -> Option<(Vec<f64>, Vec<Feature>)> {
    let mut flights = FlightColumnsBuilder::default();
    flights.push(&question.request.facts(question.distance?));
    let columns = features::columns(&parts.schema.features, &flights.finish());
    let bin = |at: usize| match (&columns[at], &parts.space.features[at]) {
        (FeatureColumn::Numeric(column), FeatureBins::Numeric { cuts }) => numeric_bin(cuts, *column.get(0)),
        (FeatureColumn::Categorical(column), FeatureBins::Categorical { names }) => {
            names.iter().position(|name| name == column.get(0)).unwrap_or(names.len()) as u16
        }
        _ => panic!("a column has the kind of its bins"),
    };
    let mut sums = vec![0.0; DelayClass::COUNT];
    for tree in &parts.forest.trees {
        let shares = tree.class_shares(parts.params.smoothing);
        let mut index = NodeIndex::ROOT;
        let place = loop {
            let place = tree.nodes.iter().position(|node| node.index == index).unwrap();
            let Some(split) = &tree.nodes[place].split else { break place };
            index = if split.rule.goes_left(bin(split.feature.index())) { index.left() } else { index.right() };
        };
        sums.iter_mut().zip(&shares[place]).for_each(|(sum, share)| *sum += share);
    }
    sums.iter_mut().for_each(|sum| *sum /= parts.forest.trees.len() as f64);
    let is_unseen = |at: &usize| parts.space.features[*at].unseen() == Some(bin(*at));
    Some((sums, (0..columns.len()).filter(is_unseen).map(|at| parts.schema.features[at]).collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn an_answer_does_not_depend_on_its_batch(seed: u64, cut in 0_usize..40) {
        let answerer = answerer(&parts(seed, SMALL));
        let all = questions(seed, 40);
        let whole = lines(&answerer.answer("m", all.clone()));
        let (head, tail) = all.split_at(cut);
        let mut parts = lines(&answerer.answer("m", head.to_vec()));
        parts.extend(lines(&answerer.answer("m", tail.to_vec())));
        prop_assert_eq!(&parts, &whole);
        let mut backwards = lines(&answerer.answer("m", all.iter().rev().cloned().collect()));
        backwards.reverse();
        prop_assert_eq!(&backwards, &whole);
        let alone: Vec<String> = all.into_iter().flat_map(|one| lines(&answerer.answer("m", vec![one]))).collect();
        prop_assert_eq!(alone, whole);
    }

    #[test]
    fn answers_are_those_of_plain_loops(seed: u64) {
        let parts = parts(seed, SMALL);
        let all = questions(seed, 20);
        for (question, response) in all.iter().zip(answerer(&parts).answer("m", all.clone())) {
            match (oracle(&parts, question), &response.outcome) {
                (Some((probabilities, unseen)), Outcome::Predicted(request, prediction)) => {
                    prop_assert_eq!(request, &question.request);
                    prop_assert_eq!(Some(prediction.distance), question.distance);
                    prop_assert_eq!(prediction.probabilities.to_vec(), probabilities);
                    prop_assert_eq!(&prediction.unseen, &unseen);
                    let best = prediction.probabilities.iter().copied().fold(0.0, f64::max);
                    prop_assert_eq!(prediction.probabilities[prediction.class.index()], best);
                }
                (None, Outcome::Unanswerable(request, error)) => {
                    prop_assert_eq!(request, &question.request);
                    let expected = format!("unknown route: the table of distances has no {}", question.request.route());
                    prop_assert_eq!(&**error, expected);
                }
                (expected, found) => prop_assert!(false, "{:?} instead of {:?}", found, expected),
            }
        }
    }
}

#[test]
fn a_batch_larger_than_the_cache_is_answered_in_its_order() {
    let answerer = answerer(&parts(4, TINY));
    let (few, rows) = (questions(4, 7), answerer.forest.rows_at_once() * 2 + 3);
    let many: Vec<Question> = few.iter().cloned().cycle().take(rows).collect();
    let expected = lines(&answerer.answer("m", few));
    let found = lines(&answerer.answer("m", many));
    assert!(found.iter().zip(expected.iter().cycle()).all(|(found, expected)| found == expected));
    assert_eq!(found.len(), rows);
}

#[test]
fn names_that_the_model_never_saw_are_told_in_schema_order() {
    let mut parts = parts(4, TINY);
    parts.schema.features = vec![Feature::Dest, Feature::DepDelay, Feature::Carrier];
    parts.space.features = vec![
        FeatureBins::Categorical { names: vec!["A1".into()] },
        FeatureBins::Numeric { cuts: vec![] },
        FeatureBins::Categorical { names: vec![] },
    ];
    parts.forest.trees.truncate(1);
    parts.forest.trees[0].nodes.truncate(1);
    parts.forest.trees[0].nodes[0].split = None;
    let answerer = Answerer::new(&parts.schema, &parts.space, &parts.forest, Smoothing(0.0));
    let mut question = questions(1, 1).remove(0);
    question.distance = Some(Number::from(1));
    for (dest, unseen) in [("A1", vec![Feature::Carrier]), ("A2", vec![Feature::Dest, Feature::Carrier])] {
        question.request.dest = dest.into();
        let response = answerer.answer("m", vec![question.clone()]).remove(0);
        assert!(
            matches!(&response.outcome, Outcome::Predicted(_, prediction) if prediction.unseen == unseen),
            "{response:?}"
        );
    }
    assert!(answerer.answer("m", vec![]).is_empty());
}

#[test]
fn a_served_model_signs_its_answers() {
    let model = Model::new(parts(6, TINY)).unwrap();
    let id = model.id();
    let serving = Serving::start(model).unwrap();
    let responses = serving.answer(questions(2, 3));
    assert!(responses.iter().all(|response| *response.model == *id.to_string() && response.position.is_none()));
    assert_eq!(serving.check(), Ok(()));
}
