//! The layers: which crate of ours may use which, as ARCHITECTURE.md says.

use std::collections::BTreeMap;
use std::process::Command;

use flightline_tests::project_root;
use serde_json::Value;

/// Each crate and all that it may use. One that isn't here may not be in the workspace.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("features", &[]),
    ("engine", &["features"]),
    ("abomonated", &[]),
    ("operators", &["engine", "abomonated"]),
    ("connectors", &["engine"]),
    ("cluster", &["engine"]),
    ("jobs", &["engine", "operators", "connectors"]),
    ("web", &["jobs"]),
    ("tests", &["engine", "operators", "connectors", "cluster", "jobs", "web"]),
    ("bench", &["engine", "abomonated", "operators", "connectors", "cluster", "jobs", "web", "tests"]),
];

const PREFIX: &str = "flightline-";

/// The crates of the workspace and those of ours that each of them names, for whatever purpose.
type Edges = BTreeMap<String, Vec<String>>;

#[test]
fn crates_use_only_the_layers_below_them() {
    let edges = edges(&metadata());
    assert!(edges.contains_key("engine") && edges.contains_key("jobs"), "there are hardly any crates: {edges:?}");
    let wrong = forbidden(&edges);
    assert!(wrong.is_empty(), "against the layers in ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

/// What is unsound is built for nobody who hasn't asked for it: not by default, and not for another feature's sake.
#[test]
fn the_unsound_crate_is_only_there_by_its_feature() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    let unsound = format!("{PREFIX}abomonated");
    let users: Vec<&Value> = packages.iter().filter(|package| optional(package, &unsound).is_some()).collect();
    assert!(!users.is_empty(), "nobody can use it");
    for package in users {
        assert_eq!(optional(package, &unsound), Some(true), "{} always has it", package["name"]);
    }
    for package in packages {
        let features = package["features"].as_object().expect("a package has features");
        for (feature, enables) in features.iter().filter(|(feature, _)| *feature != "abomonation") {
            let enables: Vec<&str> = enables.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let asks = |enabled: &&str| enabled.ends_with("abomonation") || enabled.contains("abomonated");
            assert_eq!(enables.iter().find(|enabled| asks(enabled)), None, "{}: {feature}", package["name"]);
        }
    }
}

/// Whether a dependency of what a package builds, its tests left out, is optional; `None` where it hasn't got it.
fn optional(package: &Value, dependency: &str) -> Option<bool> {
    let mut dependencies = package["dependencies"].as_array()?.iter().filter(|one| one["kind"] != "dev");
    dependencies.find(|one| one["name"] == dependency)?["optional"].as_bool()
}

#[test]
fn a_forbidden_edge_is_found() {
    let edge = |from: &str, to: &[&str]| {
        let dependencies: Vec<Value> =
            to.iter().map(|to| serde_json::json!({"name": format!("{PREFIX}{to}")})).collect();
        serde_json::json!({"name": format!("{PREFIX}{from}"), "dependencies": dependencies})
    };
    let found = |packages: Value| forbidden(&edges(&serde_json::json!({ "packages": packages })));
    assert!(found(serde_json::json!([edge("jobs", &["engine", "operators"]), edge("engine", &[])])).is_empty());
    for (from, to) in [
        ("engine", "jobs"),
        ("jobs", "abomonated"),
        ("operators", "connectors"),
        ("cluster", "operators"),
        ("web", "engine"),
    ] {
        let wrong = found(serde_json::json!([edge("engine", &[]), edge(from, &[to])]));
        assert!(wrong.len() == 1 && wrong[0].contains(from) && wrong[0].contains(to), "{from} -> {to}: {wrong:?}");
    }
    assert_eq!(found(serde_json::json!([edge("attic", &[])])).len(), 1, "a crate without a layer");
    assert_eq!(found(serde_json::json!([edge("jobs", &["tests"])])).len(), 1, "nobody may use the tests");
}

fn forbidden(edges: &Edges) -> Vec<String> {
    let mut wrong = Vec::new();
    for (from, uses) in edges {
        match MAY_USE.iter().find(|(name, _)| name == from) {
            None => wrong.push(format!("{from} has no layer")),
            Some((_, may)) => wrong.extend(
                uses.iter().filter(|to| !may.contains(&to.as_str())).map(|to| format!("{from} may not use {to}")),
            ),
        }
    }
    wrong
}

fn edges(metadata: &Value) -> Edges {
    let ours = |package: &Value| package["name"].as_str()?.strip_prefix(PREFIX).map(str::to_owned);
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    packages
        .iter()
        .map(|package| {
            let name = ours(package).unwrap_or_else(|| panic!("{} doesn't start with {PREFIX}", package["name"]));
            let uses = package["dependencies"].as_array().expect("a package lists its dependencies");
            (name, uses.iter().filter_map(ours).collect())
        })
        .collect()
}

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(project_root())
        .output()
        .expect("cargo runs");
    assert!(told.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).expect("cargo metadata is JSON")
}
