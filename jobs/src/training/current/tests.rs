use std::fs;

use flightline_engine::cluster::{self, ClusterPlan};
use flightline_engine::ids::WorkerCount;
use flightline_engine::process::Exit;
use flightline_operators::columns::Number;
use flightline_operators::evaluate::{Quality, Tally};
use flightline_operators::identity::RowKey;
use flightline_operators::table::Class;
use proptest::prelude::*;

use super::*;
use crate::answer::{Question, Serving};
use crate::flight::batch::FlightBatchBuilder;
use crate::flight::label::DelayClass;
use crate::flight::record::Flight;
use crate::model::GoldenFlight;
use crate::model::folder::{CARD_FILE, FOREST_FILE};
use crate::model::registry::CURRENT_FILE;
use crate::model::sample::{Dice, SMALL, TINY, flight, parts};
use crate::response::Outcome;

/// A flight that has landed, and what it is used for.
struct Landed {
    flight: GoldenFlight,
    arrival_delay: Number,
    role: Role,
}

impl Landed {
    fn any(dice: &mut Dice) -> Self {
        Self {
            flight: flight(dice),
            arrival_delay: Number::from(dice.below(90) as i32 - 40),
            role: [Role::Train, Role::HeldOut, Role::Companion][dice.below(3) as usize],
        }
    }

    fn class(&self) -> Class {
        Class(DelayClass::of(self.arrival_delay).index() as u8)
    }
}

/// What a worker of a run has: its flights, and their roles in the table of a model with other features.
fn share_of_worker(landed: &[&Landed]) -> (FlightBatch, RoledRows) {
    let mut flights = FlightBatchBuilder::default();
    for Landed { flight: GoldenFlight { request, distance }, arrival_delay, .. } in landed {
        let midnight = request.date.midnight();
        flights.push(&Flight {
            facts: request.facts(*distance),
            arrival_delay: *arrival_delay,
            scheduled_departure: midnight,
            scheduled_arrival: midnight,
            day_fields_agree: true,
        });
    }
    let flights = flights.finish();
    let table = RoledRows {
        rows: Rc::new(labelled(&flights, &[Feature::CalendarDay])),
        keys: Rc::new(vec![RowKey(0); landed.len()]),
        roles: landed.iter().map(|landed| landed.role).collect(),
        blocks: Vec::new(),
    };
    (flights, table)
}

/// The naive way: every held-out flight is asked for as a client would, and the answers are judged.
fn tally_of_answers(model: Model, landed: &[Landed]) -> Tally {
    let serving = Serving::start(model).unwrap();
    let mut tally = Tally::empty(DelayClass::COUNT as u8);
    for landed in landed.iter().filter(|landed| landed.role == Role::HeldOut) {
        let GoldenFlight { request, distance } = landed.flight.clone();
        let answers = serving.answer(vec![Question { request, distance: Some(distance) }]);
        let Outcome::Predicted(_, prediction) = &answers[0].outcome else { panic!("no prediction: {answers:?}") };
        tally.add(landed.class(), &prediction.probabilities);
    }
    tally
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn judging_the_current_model_is_judging_its_answers_however_rows_are_shared_out(
        seed: u64, rows in 0_usize..150, workers in 1_u64..5,
    ) {
        let model = Model::new(parts(seed, SMALL)).unwrap();
        let current = CurrentModel::of(&model);
        let dice = &mut Dice::new(seed ^ 1);
        let landed: Vec<Landed> = (0..rows).map(|_| Landed::any(dice)).collect();
        let readers: Vec<u64> = landed.iter().map(|_| dice.below(workers)).collect();
        let mut tally = Tally::empty(DelayClass::COUNT as u8);
        for worker in 0..workers {
            let mine = landed.iter().zip(&readers).filter(|(_, reader)| **reader == worker);
            let (flights, table) = share_of_worker(&mine.map(|(landed, _)| landed).collect::<Vec<_>>());
            let trial = current.trial(&flights, &table);
            tally.merge(&Tally::of(&trial.forest, &trial.rows, |_| ()));
        }
        let expected = tally_of_answers(model, &landed);
        prop_assert_eq!(Quality::of(&tally), Quality::of(&expected));
        prop_assert_eq!(tally, expected);
    }
}

/// A registry whose current model has this seed.
fn registry(seed: u64) -> (tempfile::TempDir, Registry, ModelId) {
    let folder = tempfile::tempdir().unwrap();
    let id = Model::new(parts(seed, TINY)).unwrap().save(folder.path(), &[]).unwrap();
    let registry = Registry::in_folder(folder.path());
    registry.promote(&id).unwrap();
    (folder, registry, id)
}

#[test]
fn a_registry_without_a_current_model_has_none_to_be_better_than() {
    let (folder, registry, id) = registry(1);
    assert_eq!(CurrentModel::read(&registry).unwrap().unwrap().id(), id);
    fs::remove_file(folder.path().join(CURRENT_FILE)).unwrap();
    assert!(CurrentModel::read(&registry).unwrap().is_none());
    assert!(CurrentModel::read(&Registry::in_folder(folder.path().join("nowhere"))).unwrap().is_none());
}

#[test]
fn a_current_model_that_can_not_be_used_is_named_with_what_to_do() {
    let told = |registry: &Registry| Failure::from(CurrentModel::read(registry).unwrap_err());
    let (folder, registry, id) = registry(1);
    let model = folder.path().join(id.to_string());
    let forest = fs::read(model.join(FOREST_FILE)).unwrap();
    fs::write(model.join(FOREST_FILE), &forest[..forest.len() / 2]).unwrap();
    let damaged = told(&registry);
    fs::write(model.join(FOREST_FILE), &forest).unwrap();
    let card = fs::read_to_string(model.join(CARD_FILE)).unwrap();
    fs::write(model.join(CARD_FILE), card.replacen("\"format\": 1,", "\"format\": 9,", 1)).unwrap();
    let of_another_time = told(&registry);
    fs::remove_dir_all(&model).unwrap();
    let gone = told(&registry);
    for (failure, what) in [(damaged, FOREST_FILE), (of_another_time, "format version 9"), (gone, "it is missing")] {
        assert_eq!(failure.exit(), Exit::DamagedModel);
        let text = failure.to_string();
        for part in ["nothing was trained", &id.short(), what, "`model promote ID`", "--promote always"] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }
    fs::write(folder.path().join(CURRENT_FILE), "the best\n").unwrap();
    let unnamed = told(&registry);
    assert_eq!(unnamed.exit(), Exit::DamagedModel);
    assert!(unnamed.to_string().contains("does not know the current model of"), "{unnamed}");
}

#[test]
fn all_workers_hear_the_same_of_the_current_model() {
    let failure = Failure::new(FailureKind::DamagedModel, "cut short");
    let current = CurrentModel::of(&Model::new(parts(3, SMALL)).unwrap());
    let heard = |read: Told| {
        let hear = move |worker: &mut Worker| {
            // Who is not worker 0 has read nothing.
            let read = if worker.index() == 0 { read.clone() } else { Ok(None) };
            tell_current(worker, &read).map(|current| current.map(|current| (current.id(), current.forest.nodes())))
        };
        cluster::run(ClusterPlan::local(WorkerCount::new(3)), hear).unwrap()
    };
    let told = Some((current.id(), current.forest.nodes()));
    assert_eq!(heard(Ok(Some(current))), vec![Ok(told); 3]);
    assert_eq!(heard(Ok(None)), vec![Ok(None); 3]);
    assert_eq!(heard(Err(failure.clone())), vec![Err(failure); 3]);
}

#[test]
fn what_was_decided_is_carried_out_unless_the_current_model_is_another_one_by_then() {
    use PromotionReason::{Always, Better, CurrentChanged, NoneWasCurrent, Worse};
    let (_folder, registry, compared) = registry(1);
    let new = registry.save(&Model::new(parts(2, TINY)).unwrap(), &[]).unwrap();
    let carried = |reason, compared| {
        let done = carry_out(Promotion::new(reason, None), compared, &new, &registry).unwrap();
        (done.reason, done.promoted, registry.current().unwrap() == Some(new))
    };
    assert_eq!(carried(Worse, Some(compared)), (Worse, false, false));
    assert_eq!(carried(NoneWasCurrent, None), (CurrentChanged, false, false));
    assert_eq!(carried(Better, Some(compared)), (Better, true, true));
    registry.promote(&compared).unwrap();
    assert_eq!(carried(Better, Some(new)), (CurrentChanged, false, false));
    assert_eq!(carried(Always, Some(new)), (Always, true, true));
}

#[test]
fn a_model_that_became_current_meanwhile_stays_current() {
    let (folder, registry, compared) = registry(1);
    let decided = |reason, compared| unless_overtaken(Promotion::new(reason, None), compared, &registry).reason;
    use PromotionReason::{Always, Better, CurrentChanged, Never, NoneWasCurrent, Worse};
    assert_eq!(decided(Better, Some(compared)), Better);
    assert_eq!(decided(NoneWasCurrent, None), CurrentChanged, "the first model of another run");
    let other = Model::new(parts(2, TINY)).unwrap().save(folder.path(), &[]).unwrap();
    registry.promote(&other).unwrap();
    assert_eq!(decided(Better, Some(compared)), CurrentChanged);
    for unmoved in [Always, Never, Worse] {
        assert_eq!(decided(unmoved, Some(compared)), unmoved);
    }
    fs::write(folder.path().join(CURRENT_FILE), "").unwrap();
    assert_eq!(decided(Better, Some(compared)), CurrentChanged);
    fs::remove_file(folder.path().join(CURRENT_FILE)).unwrap();
    assert_eq!((decided(NoneWasCurrent, None), decided(Better, Some(compared))), (NoneWasCurrent, CurrentChanged));
}
