//! The two faults of the ancestor, refused by the real binary: a serving path that loses the features that stand for names,
//! and one that counts the days of the week from 0 where the trainer counted from 1.
//!
//! A build can't be broken from outside, so the other side is: a model whose golden rows say what the broken path answered.
//! Its seals and its id are right, and nothing but the golden rows can tell that path and model don't belong together.

use std::fs;

use flightline_engine::process::Exit;
use flightline_jobs::flight::Feature;
use flightline_jobs::model::{GoldenFlight, GoldenRow, Model, ModelId, ModelParts};
use flightline_jobs::request::Request;
use flightline_operators::columns::Number;
use flightline_operators::space::FeatureBins;
use flightline_tests::job::{Shape, World, request};
use flightline_tests::rows::bundled;
use flightline_tests::wait_until;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// What a serving path makes of the bins of a feature on its way from the model.
type Fault = fn(Feature, &mut FeatureBins);

/// Every name is one that the model has never seen.
fn loses_the_names(_: Feature, bins: &mut FeatureBins) {
    if let FeatureBins::Categorical { names } = bins {
        names.iter_mut().for_each(|name| *name = format!("{name}, lost").into());
    }
}

/// A day less is below a cut exactly when the day is below the cut and one.
fn counts_days_from_0(feature: Feature, bins: &mut FeatureBins) {
    if let (Feature::DayOfWeek, FeatureBins::Numeric { cuts }) = (feature, bins) {
        cuts.iter_mut().for_each(|cut| *cut = Number::new(cut.get() + 1.0).expect("a day is a number"));
    }
}

/// The golden rows of a model as a broken serving path would have made them.
fn golden_of(model: &Model, fault: Fault) -> Vec<GoldenRow> {
    let mut space = model.space().clone();
    model.schema().features.iter().zip(&mut space.features).for_each(|(feature, bins)| fault(*feature, bins));
    let flight = |row: &GoldenRow| GoldenFlight {
        request: Request::parse(row.request.as_bytes()).expect("a golden row is a request"),
        distance: row.distance,
    };
    let broken = ModelParts {
        schema: model.schema().clone(),
        space,
        params: model.params().clone(),
        forest: model.forest().clone(),
        metrics: model.metrics().clone(),
        fingerprint: model.fingerprint().clone(),
        contracts: model.contracts().to_vec(),
        golden: model.golden().iter().map(flight).collect(),
    };
    Model::new(broken).expect("its parts fit together").into_golden()
}

/// A model that nobody could make, and what must be said of it.
struct Broken {
    id: String,
    complaint: String,
}

/// Saves the first model of a world once more, with the golden rows of a broken path.
fn save_broken(world: &World, fault: Fault) -> Broken {
    let folder = world.folder();
    let right = format!("models/{}", world.models()[0]);
    let model = Model::load(&folder.join(&right)).expect("the model can be read");
    let golden = golden_of(&model, fault);
    let lines: String = golden
        .iter()
        .map(|row| {
            format!("{{\"Answer\":{},\"Distance\":{:?},\"Request\":{}}}\n", row.answer, row.distance.get(), row.request)
        })
        .collect();
    let id = ModelId::of(model.schema(), model.space(), model.params(), model.forest(), &golden, model.metrics());
    let (id, old) = (id.to_string(), folder.read(format!("{right}/golden.jsonl")));
    let of_old = format!("\"bytes\": {},\n      \"sha256\": \"{}\"", old.len(), sha256(&old));
    let of_new = format!("\"bytes\": {},\n      \"sha256\": \"{}\"", lines.len(), sha256(&lines));
    let card = folder.read(format!("{right}/model.json")).replace(&world.models()[0], &id);
    assert!(card.contains(&of_old), "the card seals the golden rows: {card}");
    folder.write(&format!("models/{id}/model.json"), with_checksum(&card.replace(&of_old, &of_new)));
    folder.write(&format!("models/{id}/golden.jsonl"), lines);
    fs::copy(folder.join(format!("{right}/forest.parquet")), folder.join(format!("models/{id}/forest.parquet")))
        .expect("a file can be copied");
    let loaded = Model::load(&folder.join(format!("models/{id}"))).expect("its seals and its id are right");
    assert_eq!(loaded.id().to_string(), id);
    Broken { complaint: complaint(&golden, model.golden()), id }
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The card with its own checksum: that of its text with zeros in the checksum's place.
fn with_checksum(card: &str) -> String {
    let document: Value = serde_json::from_str(card).expect("a card is JSON");
    let old = document["checksum"].as_str().expect("it has a checksum");
    let blank = card.replacen(old, &"0".repeat(64), 1);
    let new = sha256(&blank);
    blank.replacen(&"0".repeat(64), &new, 1)
}

/// The first field of the first row that differs, as the refusal must name it.
fn complaint(broken: &[GoldenRow], right: &[GoldenRow]) -> String {
    let fields = |row: &GoldenRow| serde_json::from_str::<Map<String, Value>>(&row.answer).expect("an answer is JSON");
    for (number, (broken, right)) in (1..).zip(broken.iter().zip(right)) {
        let (broken, right) = (fields(broken), fields(right));
        if let Some((field, value)) = broken.iter().find(|(field, value)| right.get(*field) != Some(value)) {
            return format!("golden row {number} expects {field} to be {value}, but gets {}", right[field]);
        }
    }
    panic!("the fault changes no golden row, and nobody could notice it");
}

fn refused_at_start(fault: Fault) {
    let world = World::new();
    let broken = save_broken(&world, fault);
    let promoted = world.folder().run("model").words("promote --models models").arg(&broken.id).finish();
    promoted.expect(Exit::DamagedModel).says(&[&broken.complaint]);
    assert_eq!(world.folder().read("models/current").trim(), world.models()[1], "the one before stays");
    // As a build in which nothing differs would have promoted it.
    world.folder().write("models/current", format!("{}\n", broken.id));
    for workers in ["1", "2"] {
        let started = world.command("predict -w").arg(workers).finish();
        started.expect(Exit::DamagedModel).says(&[&broken.complaint, &broken.id[..12]]);
    }
    assert_eq!(world.folder().files("state"), [""; 0], "no life of the job has begun");
    world.promote(0);
    let job = world.start(&Shape::of(1, 1));
    job.wait_until_running();
    job.stop();
}

#[test]
fn a_path_that_loses_the_names_is_refused_at_start() {
    refused_at_start(loses_the_names);
}

#[test]
fn a_path_that_counts_the_days_of_the_week_from_0_is_refused_at_start() {
    refused_at_start(counts_days_from_0);
}

#[test]
fn a_running_job_refuses_such_a_model_and_goes_on() {
    let world = World::new();
    let broken = save_broken(&world, loses_the_names);
    let mut job = world.start(&Shape::of(1, 2));
    job.wait_until_running();
    let ask = |number: u64| request(&bundled()[number as usize], number);
    job.ask(0, (0..10).map(ask));
    world.folder().write("models/current", format!("{}\n", broken.id));
    let line = job.wait_for_line("that a model is refused", |line| line.contains("refused"));
    assert!(line.contains("ERROR") && line.contains(&broken.id) && line.contains(&broken.complaint), "{line}");
    // The log is told first.
    let told = || job.status(0).and_then(|status| status.refused.zip(status.binding));
    wait_until("the refusal is told", || told().is_some());
    let (refused, bound) = told().expect("it was");
    assert_eq!((&*refused.model, &*bound.model), (&*broken.id, &*world.models()[1]));
    assert!(refused.reason.contains(&broken.complaint), "{}", refused.reason);
    assert!(job.metrics().contains("\nflightline_bindings_refused_total 1\n"));

    // It holds up neither answers nor the table, nor a model that is as it should be.
    job.ask(1, (10..20).map(ask));
    job.wait_until_done();
    world.change_table(3);
    let changed = job.wait_until_bound("the table is bound", |now| now.table > bound.table);
    assert_eq!(*changed.model, *world.models()[1]);
    world.promote(0);
    job.wait_until_bound("the next model is bound", |now| *now.model == *world.models()[0]);
    job.ask(2, (20..30).map(ask));
    job.wait_until_done();
    job.stop();
    let holdings = world.holdings();
    assert_eq!(holdings.check(), Ok(()));
    let by = |partition: u64| {
        let of = holdings.answers().iter().filter(|((of, _), _)| *of == partition);
        of.map(|(_, line)| serde_json::from_slice::<Value>(line).expect("JSON")["Model"].take()).collect::<Vec<_>>()
    };
    assert_eq!(by(1), vec![Value::from(&*world.models()[1]); 10]);
    assert_eq!(by(2), vec![Value::from(&*world.models()[0]); 10]);
}
