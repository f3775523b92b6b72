//! Builds share what others have written: a crate that is switched on otherwise in the build of the demo than in that of the
//! tests is compiled twice, and all above it.

use std::collections::BTreeSet;
use std::process::Command;

use flightline_tests::project_root;

/// Whose features are the servers themselves.
const DIFFER: [&str; 1] = ["object_store"];

#[test]
fn the_demo_is_built_of_what_the_tests_are_built_of() {
    // What runs while others are compiled has features of its own.
    for edges in ["normal,no-proc-macro", "normal,build"] {
        let (demo, tests) = (packages(&[edges]), packages(&[&format!("{edges},dev"), "--workspace"]));
        assert!(demo.len() > 100, "a build has more crates than these: {demo:?}");
        let missing = missing(&demo, &tests);
        let what = "in features/Cargo.toml features are missing that tests switch on";
        assert!(missing.is_empty(), "{what}:\n{}", missing.join("\n"));
    }
}

#[test]
fn a_feature_that_differs_is_found() {
    let set = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    let demo = set(&["slab v0.4.12|std", "flightline-jobs v0.1.0|default", "bytes v1.0.0|std"]);
    let tests = set(&["slab v0.4.12|default,std", "flightline-jobs v0.1.0|servers", "bytes v1.0.0|std", "zip v9.0.0|"]);
    assert_eq!(missing(&demo, &tests), ["slab v0.4.12: `std`, and in tests `default,std`"]);
}

/// Each crate of the demo with other features than it has anywhere in the tests.
fn missing(demo: &BTreeSet<String>, tests: &BTreeSet<String>) -> Vec<String> {
    let name = |package: &str| package.split(' ').next().unwrap_or_default().to_owned();
    let is_others = |package: &str| !package.starts_with("flightline-") && !DIFFER.contains(&name(package).as_str());
    let other = |package: &String| {
        let (crate_, here) = package.split_once('|')?;
        let there = tests.iter().filter_map(|package| package.strip_prefix(crate_)?.strip_prefix('|'));
        Some(format!("{crate_}: `{here}`, and in tests `{}`", there.collect::<Vec<_>>().join("` or `")))
    };
    demo.difference(tests).filter(|package| is_others(package)).filter_map(other).collect()
}

/// The crates of a build, each with its version and features.
fn packages(edges_and_selection: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(cargo)
        .args(["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p}|{f}", "--edges"])
        .args(edges_and_selection)
        .current_dir(project_root())
        .output()
        .expect("cargo runs");
    assert!(told.status.success(), "cargo tree: {}", String::from_utf8_lossy(&told.stderr));
    // What was shown before has a star.
    String::from_utf8_lossy(&told.stdout).lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}
