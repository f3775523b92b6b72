//! `train --promote if-better`: the current model is judged beside the new one, by the same rows, and stays current
//! unless the new one is better; the same verdict from any workers, processes and order of rows.

use std::collections::BTreeMap;
use std::fs;

use flightline_engine::process::Exit;
use flightline_tests::rows::{FlightRow, json_line, json_lines, sample};
use flightline_tests::{Chance, DEADLINE, Folder, Hosts, Invocation, bundled_distances};
use serde_json::Value;

use crate::training::{MODELS, Trained, current, train};

/// As small as a forest can be: it knows little more than the shares of the classes.
const STUMP: &str = "--trees 1 --depth 1 --features-per-node all";

fn if_better(folder: &Folder, words: &str) -> Invocation {
    train(folder).words("--promote if-better --input rows.jsonl").words(words)
}

fn folder_of(rows: &[FlightRow]) -> Folder {
    let folder = Folder::new();
    folder.write("rows.jsonl", json_lines(rows));
    folder
}

/// What a run says of promoting, without the sentence for people.
fn verdict(trained: &Trained) -> (bool, &str, Option<&str>) {
    let promotion = &trained.json["promotion"];
    let promoted = promotion["promoted"].as_bool().unwrap_or_else(|| panic!("no verdict\n{}", trained.ended));
    (promoted, promotion["reason"].as_str().unwrap_or(""), promotion["current"]["model"].as_str())
}

/// A figure of the current model on the test rows.
fn of_current(trained: &Trained, figure: &str) -> f64 {
    let figure = &trained.json["promotion"]["current"]["test"][figure];
    figure.as_f64().unwrap_or_else(|| panic!("the current model was not judged\n{}", trained.ended))
}

#[test]
fn a_better_model_becomes_current_and_a_worse_or_equal_one_does_not() {
    let folder = folder_of(&sample(6_000, 0));
    let stump = Trained::by(if_better(&folder, STUMP));
    assert_eq!(verdict(&stump), (true, "none-was-current", None));
    assert_eq!(current(&folder), stump.model());

    let better = Trained::by(if_better(&folder, ""));
    assert_eq!(verdict(&better), (true, "better", Some(stump.model().as_str())));
    assert_eq!(current(&folder), better.model());
    // Both runs held out the same rows, so the stump is judged as it was when it was new.
    for figure in ["rows", "accuracy", "log_loss", "macro_f1"] {
        assert_eq!(of_current(&better, figure), stump.figure("test", figure), "{figure}\n{}", better.ended);
    }
    assert!(better.figure("test", "log_loss") < of_current(&better, "log_loss"));

    let again = Trained::by(if_better(&folder, ""));
    assert_eq!(again.model(), better.model());
    assert_eq!(verdict(&again), (false, "equal", Some(better.model().as_str())));
    let worse = Trained::by(if_better(&folder, STUMP).words("--seed 2"));
    assert_eq!(verdict(&worse), (false, "worse", Some(better.model().as_str())));
    assert_eq!(current(&folder), better.model());
    let saved = folder.join(MODELS).join(worse.model());
    assert!(saved.join("forest.parquet").is_file(), "it is saved, and not current");
    let report: Value = serde_json::from_str(&fs::read_to_string(saved.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["promotion"]["current"]["model"], better.model().as_str());
    assert_eq!((&report["promotion"]["promoted"], &report["promotion"]["reason"]), (&false.into(), &"worse".into()));
    let page = fs::read_to_string(saved.join("report.html")).unwrap();
    assert!(page.contains("Not promoted: ") && page.contains(&better.model()));
}

#[test]
fn the_verdict_stands_in_the_last_line_for_people_and_the_exit_code_is_0() {
    let folder = folder_of(&sample(4_000, 0));
    let good = Trained::by(if_better(&folder, "")).model();
    let run = folder.run("train").words("--promote if-better --input rows.jsonl --models").arg(MODELS);
    let worse = run.words(STUMP).succeed();
    let last: Vec<&str> = worse.stdout.trim_end().lines().rev().take(3).collect();
    assert!(last[2].starts_with(&format!("saved: {MODELS}/")), "{worse}");
    assert!(last[0].starts_with(&format!("Not promoted: {} stays current, and is better.", &good[..12])), "{worse}");
    assert_eq!(current(&folder), good);
}

/// What every way of running gives: the model, the verdict and all figures of both models.
fn figures(trained: &Trained) -> Value {
    let quality = ["model", "test", "companion", "train", "promotion"].map(|key| trained.json[key].clone());
    quality.to_vec().into()
}

#[test]
fn any_workers_processes_and_order_of_rows_give_the_same_verdict_and_figures() {
    let mut chance = Chance::new();
    let rows = sample(12_000, chance.below(16));
    let folder = folder_of(&rows);
    let mut shuffled = rows.clone();
    chance.shuffle(&mut shuffled);
    folder.write("shuffled.jsonl", json_lines(&shuffled));
    for settings in ["--holdout last:0.2", "--holdout random:0.2 --preset forward --trees 4"] {
        // The current model knows other features, and not all of the rows' names.
        let few = "--input few.jsonl --preset accurate --trees 3 --features DepDelay,Route,FlightNum,Carrier";
        folder.write("few.jsonl", json_lines(&rows[..300]));
        let known = Trained::by(train(&folder).words(few)).model();
        // Each run must meet the same current model.
        let run = |words: &str| {
            folder.run("model").args(["promote", &known, "--models", MODELS]).succeed();
            train(&folder).words("--promote if-better").words(settings).words(words)
        };
        let first = Trained::by(run("--input rows.jsonl -w 1"));
        assert_eq!(verdict(&first).2, Some(known.as_str()), "{}", first.ended);
        let expected = figures(&first);
        for words in ["--input rows.jsonl -w 4", "--input shuffled.jsonl -w 3", "--input shuffled.jsonl -w 1"] {
            let trained = Trained::by(run(words));
            assert_eq!(figures(&trained), expected, "{settings} {words}\n{}", trained.ended);
        }
        let trained = Trained::by_processes(&folder, 2, || run("--input rows.jsonl -w 2"));
        assert_eq!(figures(&trained), expected, "{settings} on two processes\n{}", trained.ended);
        let alone = train(&folder).words("--promote never --input rows.jsonl -w 2").words(settings);
        let unchanged = Trained::by(alone);
        assert_eq!(unchanged.model(), first.model(), "comparing changes no bit of the model");
    }
}

/// What a model may see of a flight of one year, as an answer shows it and as a row has it.
fn seen(flight: &Value) -> String {
    ["DayOfYear", "Carrier", "FlightNum", "Origin", "Dest", "DepDelay"].map(|key| flight[key].to_string()).join(" ")
}

#[test]
fn the_current_model_is_judged_as_its_own_answers_would_be() {
    let rows = sample(9_000, 0);
    let (training, tested) = rows.split_at(6_000);
    let folder = folder_of(training);
    folder.write("few.jsonl", json_lines(&training[..400]));
    folder.write("test.jsonl", json_lines(tested));
    folder.write("data/origin_dest_distances.jsonl", fs::read(bundled_distances()).unwrap());
    // Without the distance: rows bring their own, and predictions look it up.
    let features = "--features Carrier,DepDelay,Dest,FlightNum,Route --trees 5 --depth 9";
    let known = Trained::by(train(&folder).words("--input few.jsonl").words(features)).model();
    folder.run("predict").words("--input test.jsonl --output out --models").arg(MODELS).succeed();

    let mut answers: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut unseen = 0;
    for name in folder.names("out").into_iter().filter(|name| name.starts_with("part-")) {
        for line in folder.read(format!("out/{name}")).lines() {
            let answer: Value = serde_json::from_str(line).unwrap();
            assert_eq!(answer["Model"], known.as_str());
            unseen += usize::from(answer["Unseen"].as_array().is_some_and(|features| !features.is_empty()));
            let probabilities = answer["Probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap());
            answers.insert(seen(&answer), probabilities.collect());
        }
    }
    assert!(unseen > 100, "{unseen} flights with names that the current model never saw");
    let loss = |row: &FlightRow| {
        let class = [-15.0, 0.0, 30.0].iter().filter(|split| row.arr_delay >= **split).count();
        let flight: Value = serde_json::from_str(&json_line(row)).unwrap();
        -answers[&seen(&flight)][class].max(1e-15).ln()
    };
    let expected = tested.iter().map(loss).sum::<f64>() / tested.len() as f64;
    let trained = Trained::by(if_better(&folder, "--test test.jsonl -w 3"));
    assert_eq!(of_current(&trained, "rows"), tested.len() as f64);
    let log_loss = of_current(&trained, "log_loss");
    // Each row's loss is rounded to a millionth.
    assert!((log_loss - expected).abs() < 1e-6, "{log_loss} against {expected}\n{}", trained.ended);
}

#[test]
fn a_current_model_that_can_not_be_judged_ends_all_processes_before_they_train() {
    let folder = folder_of(&sample(2_000, 0));
    let id = Trained::by(train(&folder).words("--input rows.jsonl")).model();
    let golden = format!("{MODELS}/{id}/golden.jsonl");
    let whole = folder.read(&golden);
    folder.write(&golden, &whole[..whole.len() / 2]);
    // Rows that end whoever reads them.
    folder.write("rows.jsonl", "no row\n".repeat(100));
    let words = "-w 2";
    let ended = if_better(&folder, words).finish();
    ended.expect(Exit::DamagedModel).says(&[&id[..12], "golden.jsonl", "--promote always", "model promote"]).silent();

    let hosts = Hosts::new(&folder, 2);
    let second = hosts.process(if_better(&folder, words), 1).start();
    let first = hosts.process(if_better(&folder, words), 0).finish();
    first.expect(Exit::DamagedModel).says(&[&id[..12], "golden.jsonl"]).silent();
    let second = second.end_within(DEADLINE);
    second.expect(Exit::DamagedModel).says(&[&id[..12], "golden.jsonl"]).silent();
    assert_eq!(folder.names(MODELS).len(), 2, "one model and its name\n{first}");

    folder.write("rows.jsonl", json_lines(&sample(2_000, 0)));
    let replaced = Trained::by(train(&folder).words("--promote always --seed 2 --input rows.jsonl"));
    assert_eq!(current(&folder), replaced.model());
}

#[test]
fn rows_of_one_day_hold_nothing_out_and_promote_only_the_first_model() {
    let mut rows = sample(1_000, 0);
    let day = rows[0].clone();
    rows.retain(|row| row.day_of_year == day.day_of_year);
    let folder = folder_of(&rows);
    let first = Trained::by(if_better(&folder, ""));
    assert_eq!(verdict(&first), (true, "none-was-current", None));
    let second = Trained::by(if_better(&folder, "--seed 2"));
    assert_eq!(verdict(&second), (false, "nothing-held-out", Some(first.model().as_str())));
    assert_eq!((current(&folder), &second.json["promotion"]["current"]["test"]), (first.model(), &Value::Null));
}

#[test]
fn a_rule_that_there_is_not_is_a_mistake_on_the_command_line() {
    let ended = Folder::new().run("train").words("--promote better").finish();
    ended.expect(Exit::Usage).silent();
    assert!(ended.stderr.contains("always, if-better and never"), "{ended}");
}
