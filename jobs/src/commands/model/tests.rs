use std::fs;
use std::path::Path;

use clap::CommandFactory;
use serde_json::Value;

use super::*;
use crate::model::folder::FOREST_FILE;
use crate::model::sample::{TINY, parts};
use crate::model::{Model, ReportFile};

fn model(models: &Path, words: &[&str]) -> (String, Result<(), Failure>) {
    let mut all = vec!["model", "--models", models.to_str().unwrap()];
    all.extend(words);
    let mut output = Vec::new();
    let result = run(&ModelFlags::parse_from(all), &mut output);
    (String::from_utf8(output).unwrap(), result)
}

fn json_of(models: &Path, words: &[&str]) -> Value {
    let (text, result) = model(models, words);
    result.unwrap();
    serde_json::from_str(&text).unwrap()
}

fn two_models() -> (tempfile::TempDir, [String; 2]) {
    let models = tempfile::tempdir().unwrap();
    let ids = [1, 2].map(|seed| Model::new(parts(seed, TINY)).unwrap().save(models.path(), &[]).unwrap().to_string());
    (models, ids)
}

#[test]
fn the_flags_are_sound() {
    ModelFlags::command().debug_assert();
}

#[test]
fn a_promoted_model_is_starred_and_shown() {
    let (models, [first, second]) = two_models();
    let models = models.path();
    let promoted = json_of(models, &["promote", &first[..10], "--json"]);
    assert_eq!((&promoted["current"], &promoted["before"]), (&Value::from(first.clone()), &Value::Null));
    let (said, _) = model(models, &["promote", &second]);
    assert_eq!(said, format!("{} is current now, after {}\n", &second[..12], &first[..12]));

    let (table, _) = model(models, &["list"]);
    let starred: Vec<&str> = table.lines().filter(|line| line.starts_with('*')).collect();
    assert!(starred.len() == 1 && starred[0].contains(&second[..12]) && table.contains(&first[..12]), "{table}");
    let list = json_of(models, &["list", "--json"]);
    let current: Vec<&Value> = list.as_array().unwrap().iter().filter(|model| model["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["id"], second);
    assert!(current[0]["held_out"]["accuracy"].is_number());

    let (page, _) = model(models, &["show", &second[..10]]);
    assert!(page.starts_with(&format!("model {second} (current)\n")) && page.contains("held out (last:0.2)"), "{page}");
    let shown = json_of(models, &["show", &first[..10], "--json"]);
    assert_eq!((&shown["id"], &shown["current"]), (&Value::from(first), &Value::Bool(false)));
    assert!(shown["files"][FOREST_FILE]["sha256"].is_string() && shown["parameters"]["trees"] == 2);
}

#[test]
fn a_report_is_brought_out_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let report = |name: &str, text: &str| ReportFile { name: name.to_owned(), bytes: text.into() };
    let reports = [report("report.html", "<p>it</p>"), report("report.json", "{}")];
    let id = Model::new(parts(1, TINY)).unwrap().save(folder.path(), &reports).unwrap().to_string();
    assert_eq!(model(folder.path(), &["report", &id]).0, "<p>it</p>");
    assert_eq!(model(folder.path(), &["report", &id[..9], "--json"]).0, "{}");
    fs::remove_file(folder.path().join(&id).join("report.html")).unwrap();
    let failure = model(folder.path(), &["report", &id]).1.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadInput);
    assert!(failure.message.contains(&format!("{id}/report.html` is not there")), "{failure}");
}

#[test]
fn verify_names_what_is_damaged() {
    let (models, [first, second]) = two_models();
    let models = models.path();
    let nothing = model(models, &["verify"]).1.unwrap_err();
    assert_eq!(nothing.kind, FailureKind::BadInput);
    model(models, &["promote", &first]).1.unwrap();
    assert_eq!(json_of(models, &["verify", "--json"])["id"], first);
    assert_eq!(json_of(models, &["verify", "--all", "--json"]).as_array().unwrap().len(), 2);

    fs::write(models.join(&second).join(FOREST_FILE), "x").unwrap();
    let (said, result) = model(models, &["verify", "--all", "--json"]);
    assert_eq!(result.unwrap_err().kind, FailureKind::DamagedModel);
    let said: Value = serde_json::from_str(&said).unwrap();
    let bad: Vec<&Value> = said.as_array().unwrap().iter().filter(|model| model["ok"] == false).collect();
    assert_eq!(bad.len(), 1);
    assert!(bad[0]["id"] == second && bad[0]["error"].as_str().unwrap().contains(FOREST_FILE));
    let (_, result) = model(models, &["promote", &second]);
    assert_eq!(result.unwrap_err().kind, FailureKind::DamagedModel);
    assert_eq!(json_of(models, &["verify", "--json"])["id"], first, "the old model stays current");
}

#[test]
fn what_is_not_there_is_told_with_its_code() {
    let (models, _) = two_models();
    for (words, kind) in [
        (vec!["show", "xyz"], FailureKind::Usage),
        (vec!["show", "0123456789abcdef0123"], FailureKind::Usage),
        (vec!["verify", ""], FailureKind::Usage),
    ] {
        let (said, result) = model(models.path(), &words);
        assert_eq!(result.unwrap_err().kind, kind, "{words:?}");
        assert!(said.is_empty());
    }
    let (_, result) = model(&models.path().join("none"), &["list"]);
    assert_eq!(result.unwrap_err().kind, FailureKind::BadInput);
    let empty = tempfile::tempdir().unwrap();
    assert!(model(empty.path(), &["list"]).0.starts_with("no model in "));
    assert_eq!(json_of(empty.path(), &["list", "--json"]), Value::Array(vec![]));
}
